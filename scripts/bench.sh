#!/usr/bin/env bash
# Measures daypass against the smallest clients that do the same. Needs
# bin/daypass (make build), slapd and ldap-utils (make deps), and python3-ldap
# for the script that it is held against.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/deps.sh
if ! /usr/bin/python3 -c 'import ldap' 2>/dev/null; then
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3-ldap >/dev/null
fi
echo "== Diff, one core"
GOMAXPROCS=1 go test ./engine -run '^$' -bench Diff -benchmem -rapid.checks=1
echo "== 100,000 people, 5,000 groups, 1,000,000 memberships"
go test -tags bench ./internal/beds -run TestBench -count=1 -timeout 60m -v | grep -v '^=== '
echo "== the clouds: 2,000 groups of 200 members, and a quota of 600 requests a minute (20 minutes)"
go test -tags bench ./cmd/daypass/cloudbench -count=1 -timeout 60m -v | grep -v '^=== '
echo "== the pages, with 100,000 requests on record: one person, 50 people, 50 connections without a pause"
go test ./internal/web -run '^$' -bench Pages -benchtime 3000x -timeout 30m

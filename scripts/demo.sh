#!/usr/bin/env bash
# The main job, shown: somebody is put into a group for a while, and it ends.
# Needs bin/daypass (make build) and nothing else. Takes about 20 seconds.
set -euo pipefail
cd "$(dirname "$0")/.."

daypass=$PWD/bin/daypass
dir=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
export DAYPASS_LDAP_PASSWORD=secret

bold='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\033[1m' plain=$'\033[0m'; fi
say() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
run() {
  printf '\n$ daypass %s\n' "$*"
  "$daypass" "$@" || echo "(exit code $?)"
}

say "A directory to try daypass against: people, groups, and a server in this process"
"$daypass" simulate ldap --listen 127.0.0.1:0 >daypass.yaml 2>writes.log &
server=$!
until grep -q prod-db daypass.yaml; do
  kill -0 "$server" # it is still there
  read -rt 0.05 <> <(:) || true
done

cat >>daypass.yaml <<'YAML'
  vpn: {title: Remote access, groups: [corp/vpn]}
grants: [grants.yaml]
standing: [root@example.org]
foreign: ignore
YAML
soon=$(date -u -d '+12 seconds' +%Y-%m-%dT%H:%M:%SZ 2>/dev/null || date -u -v+12S +%Y-%m-%dT%H:%M:%SZ)
later=$(date -u -d '+8 hours' +%Y-%m-%dT%H:%M:%SZ 2>/dev/null || date -u -v+8H +%Y-%m-%dT%H:%M:%SZ)
cat >grants.yaml <<YAML
grants:
  - person: ada@example.org
    resource: prod-db
    until: $soon
    reason: CHG-1234 migrate billing
  - person: grace@example.org
    resource: prod-db
    until: $later
    reason: on call
YAML
cat daypass.yaml
echo "--- grants.yaml"
cat grants.yaml

say "Before: desired against actual"
run report

say "What would change, and why"
run plan

say "Make it so, as cron would"
run sync

say "During: both are in"
run report

say "Twelve seconds are soon over"
while [[ $(date -u +%Y-%m-%dT%H:%M:%SZ) < $soon || $(date -u +%Y-%m-%dT%H:%M:%SZ) == "$soon" ]]; do
  read -rt 0.5 <> <(:) || true
done
run plan
run sync

say "After: ada is out, grace stays"
run report

say "All of it is on record, and the record is whole"
run audit log
run audit verify

say "What the directory saw"
cat writes.log

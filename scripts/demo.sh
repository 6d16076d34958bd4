#!/usr/bin/env bash
# The main job, shown: somebody is put into a group for a while, and it ends; and
# the same in four directories at once. Needs bin/daypass (make build) and nothing
# else. Takes about 40 seconds.
set -euo pipefail
cd "$(dirname "$0")/.."

daypass=$PWD/bin/daypass
dir=$(mktemp -d)
servers=()
trap 'kill "${servers[@]}" 2>/dev/null || true; wait; rm -rf "$dir"' EXIT
cd "$dir"
export DAYPASS_LDAP_PASSWORD=secret DAYPASS_ENTRA_SECRET=simulated-secret DAYPASS_OKTA_TOKEN=00oktatest-token

bold='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\033[1m' plain=$'\033[0m'; fi
say() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
run() {
  printf '\n$ daypass %s\n' "$*"
  "$daypass" "$@" || echo "(exit code $?)"
}

say "A directory to try daypass against: people, groups, and a server in this process"
# serve KIND: starts a simulated directory; its configuration goes to KIND.yaml.
serve() {
  "$daypass" simulate "$1" --listen 127.0.0.1:0 >"$1.yaml" 2>"$1.log" &
  servers+=($!)
  until grep -q prod-db "$1.yaml"; do
    kill -0 "${servers[-1]}" # it is still there
    read -rt 0.05 <> <(:) || true
  done
}
# until_past TIME: waits until the time is over.
until_past() {
  while [[ $(date -u +%Y-%m-%dT%H:%M:%SZ) < $1 || $(date -u +%Y-%m-%dT%H:%M:%SZ) == "$1" ]]; do
    read -rt 0.5 <> <(:) || true
  done
}
in_seconds() { date -u -d "+$1 seconds" +%Y-%m-%dT%H:%M:%SZ 2>/dev/null || date -u -v"+$1S" +%Y-%m-%dT%H:%M:%SZ; }
serve ldap
cp ldap.yaml daypass.yaml

cat >>daypass.yaml <<'YAML'
  vpn: {title: Remote access, groups: [corp/vpn]}
grants: [grants.yaml]
standing: [root@example.org]
foreign: ignore
YAML
soon=$(in_seconds 12)
later=$(in_seconds 28800)
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
until_past "$soon"
run plan
run sync

say "After: ada is out, grace stays"
run report

say "All of it is on record, and the record is whole"
run audit log
run audit verify

say "What the directory saw"
cat ldap.log

say "One resource in four directories: LDAP, Entra ID, Okta, Google Workspace"
mkdir mixed
for kind in entra okta google; do serve "$kind"; done
{
  echo "version: 1"
  echo "directories:"
  for kind in ldap entra okta google; do sed -n '/^directories:/,/^resources:/{//d;p}' "$kind.yaml"; done
  cat <<'YAML'
resources:
  prod-db:
    title: Production databases
    groups: [corp/prod-db, cloud/prod-db, okta-prod/prod-db, workspace/prod-db@example.org]
grants: [grants.yaml]
foreign: ignore
YAML
} >mixed/daypass.yaml
cd mixed
soon=$(in_seconds 10)
cat >grants.yaml <<YAML
grants:
  - {person: barbara@example.org, resource: prod-db, until: $soon, reason: CHG-2345 failover}
YAML
cat daypass.yaml
run sync

say "Ten seconds later: out of all four"
until_past "$soon"
run sync
run audit verify

say "What the directories saw"
tail -n 2 ../ldap.log ../entra.log ../okta.log ../google.log

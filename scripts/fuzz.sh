#!/usr/bin/env bash
# Runs every fuzz target of the module, one after the other: fuzz.sh [time each]
set -euo pipefail
cd "$(dirname "$0")/.."
each=${1:-10s}

# "FuzzName package" for each target; -list prints the names, then "ok package".
targets() {
  go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' ./... | while read -r package; do
    dir=$(go list -f '{{.Dir}}' "$package")
    grep -hoE '^func Fuzz[A-Za-z0-9_]*' "$dir"/*_test.go | sed "s|^func \(.*\)|\1 $package|" || true
  done
}

mapfile -t found < <(targets)
if [ ${#found[@]} -eq 0 ]; then
  echo "fuzz: no target found" >&2
  exit 1
fi
for target in "${found[@]}"; do
  read -r name package <<<"$target"
  echo "fuzz: $name in $package for $each"
  go test -run '^$' -fuzz "^$name\$" -fuzztime "$each" "$package"
done

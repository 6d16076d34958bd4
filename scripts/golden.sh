#!/usr/bin/env bash
# Rewrites expected outputs from what the code does now. Every package whose
# tests declare a flag named update takes part.
set -euo pipefail
cd "$(dirname "$0")/.."

mapfile -t files < <(grep -rlE 'flag\.Bool\("update"' --include='*_test.go' . | sort)
if [ ${#files[@]} -eq 0 ]; then
  echo "golden: no package has expected outputs" >&2
  exit 1
fi
printf '%s\n' "${files[@]}" | xargs -n 1 dirname | sort -u | while read -r package; do
  echo "golden: $package"
  go test -count=1 "$package" -update
done

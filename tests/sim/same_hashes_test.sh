#!/usr/bin/env bash
# same_hashes.sh agrees with a build and itself, and notices one that runs differently or dies.
set -u
faultline=$1 here=$(dirname "${BASH_SOURCE[0]}")
dir=$(mktemp -d)
export FL_SCENARIOS=scenarios/smoke
trap 'rm -rf "$dir"' EXIT
failed=0
mkdir -p "$dir/twin/bin" && ln -s "$faultline" "$dir/twin/bin/faultline"
"$here/same_hashes.sh" 1..1 "$faultline" "$dir/twin/bin/faultline" >"$dir/out" 2>&1 || { echo "equal builds differ"; cat "$dir/out"; failed=1; }
mkdir -p "$dir/odd/bin"
printf '#!/bin/bash\n"%s" "$@" | sed "3s/hash=..../hash=dead-/; 5d"\n' "$faultline" >"$dir/odd/bin/faultline"
chmod +x "$dir/odd/bin/faultline"
"$here/same_hashes.sh" 1..1 "$faultline" "$dir/odd/bin/faultline" >"$dir/out" 2>&1 && { echo "the odd build passed"; failed=1; }
for word in dead- none '2 of ' 'the next one differs'; do
    grep -q "$word" "$dir/out" || { echo "missing: $word"; cat "$dir/out"; failed=1; }
done
printf '#!/bin/bash\n"%s" "$@" | head -3; exit 134\n' "$faultline" >"$dir/odd/bin/faultline"
"$here/same_hashes.sh" 1..1 "$dir/odd/bin/faultline" "$dir/odd/bin/faultline" >"$dir/out" 2>&1 && { echo "a build that dies passed"; failed=1; }
exit $failed

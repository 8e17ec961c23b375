#!/usr/bin/env bash
# All scenarios in several builds: the hashes must be equal. A plain table when they are not, and
# where the first run parts.   same_hashes.sh SEEDS BINARY BINARY...      (SEEDS as 1..3)
#   FL_SCENARIOS=scenarios   the directory
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 2
seeds=$1; shift
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
builds=() programs=("$@") rc=0
for binary in "$@"; do
    [[ -x $binary ]] || { echo "$binary: not built"; exit 2; }
    build=${binary%/bin/faultline}; builds+=("${build##*/}")
done
# One after the other per build, two builds side by side.
run() {  # BUILD BINARY
    local start=$SECONDS
    "$2" sim hash "${FL_SCENARIOS:-scenarios}" --seeds "$seeds" >"$dir/$1" 2>"$dir/$1.err" || { echo "$1: exit $?"; cat "$dir/$1.err"; touch "$dir/died"; }
    echo "$1: $(wc -l <"$dir/$1") runs in $((SECONDS - start)) s"
}
i=0
for binary in "$@"; do run "${builds[i]}" "$binary" & ((++i % 2 == 0)) && wait; done
wait
first=${builds[0]}
[[ -e $dir/died ]] && rc=1
[[ -s $dir/$first ]] || { echo "no run"; exit 1; }
for build in "${builds[@]:1}"; do
    cmp -s "$dir/$first" "$dir/$build" && continue
    rc=1
    printf '%-48s %6s  %-34s %s\n' scenario seed "$first" "$build"
    # FILE seed=N schedule=S hash=H events=E; a run that died has no line.
    awk 'FNR == NR { schedule[$1, $2] = $3; hash[$1, $2] = $4; next }
         { seen[$1, $2] = 1; a = hash[$1, $2]; b = $4 }
         a == b { a = schedule[$1, $2]; b = $3 }
         a != b { print_row($1, $2, a, b) }
         END { for (key in hash) if (!(key in seen)) { split(key, id, SUBSEP); print_row(id[1], id[2], hash[key], "") } }
         function print_row(file, seed, a, b) {
             sub("seed=", "", seed); sub("hash=", "", a); sub("hash=", "", b)
             printf "%-48s %6s  %-34s %s\n", file, seed, a == "" ? "none" : a, b == "" ? "none" : b
         }' "$dir/$first" "$dir/$build" >"$dir/table"
    head -40 "$dir/table"
    echo "$(wc -l <"$dir/table") of $(wc -l <"$dir/$first") runs differ between $first and $build"
    read -r file seed _ <"$dir/table"
    j=0; while [[ ${builds[j]} != "$build" ]]; do ((++j)); done
    "$1" sim run "$file" --seed "$seed" --against "${programs[j]}" 2>&1 >/dev/null | head -30
done
((rc == 0)) && echo "equal hashes in ${builds[*]}"
exit $rc

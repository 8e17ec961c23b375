#!/usr/bin/env bash
# sweep, merge, shrink, explain and the tables, as a person calls them: exit codes and last lines.
set -uo pipefail
faultline=$1 source=$2
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0

expect() {  # WHAT CODE REGEX COMMAND...: the last line of stdout matches
    local what=$1 code=$2 regex=$3 rc=0; shift 3
    "$@" >out 2>err || rc=$?
    if [[ $rc != "$code" ]]; then echo "$what: exit $rc instead of $code"; tail -3 out err; failures=$((failures + 1)); return; fi
    [[ -z $regex ]] && return
    tail -1 out | grep -Eq "$regex" || { echo "$what: last line: $(tail -1 out)"; failures=$((failures + 1)); }
}
one_line() {  # WHAT REGEX: stderr is one line that matches
    [[ $(wc -l <err) == 1 ]] && grep -Eq "$2" err || { echo "$1: stderr: $(cat err)"; failures=$((failures + 1)); }
}

# A scenario that fails with every seed: nobody answers within a delivery timeout of 100 ms, and all
# records must be acknowledged.
cat >fails.json <<'J'
{"name": "fails", "length": "6s", "cluster": {"shards": 2, "topics": [{"name": "orders", "partitions": 2}, {"name": "spare"}],
 "config": {"log.segment.bytes": 4096}},
 "workload": [{"producer": "orders", "count": 200, "rate": 100, "delivery_timeout": "100ms", "compression": "lz4"}, {"consumer": "orders"}],
 "faults": [{"id": "stop", "do": "pause", "at": "2s", "for": "1s"}, {"id": "later", "do": "crash", "at": "4s", "restart_after": "100ms"},
  {"id": "slow", "do": "slow_disk", "at": "500ms", "factor": 2, "for": "300ms"}],
 "expect": {"all_acked": true}}
J

expect "sweep that holds" 0 '^verdict=holds seeds=6 failures=0 distinct=0 ' \
    "$faultline" sim sweep "$source/scenarios/smoke/crash-torn-tail.json" --seeds 1..6 --out a.json
expect "sweep goes on" 0 '^verdict=holds seeds=8 ' \
    "$faultline" sim sweep "$source/scenarios/smoke/crash-torn-tail.json" --seeds 1..8 --out a.json
grep -q 'going on after the 6 runs' err || { echo "sweep: did not say that it goes on"; failures=$((failures + 1)); }
expect "sweep that fails" 1 '^verdict=violated seeds=4 failures=4 distinct=[12] ' \
    "$faultline" sim sweep fails.json --seeds 1..4
expect "parts" 0 '^verdict=holds seeds=3 ' \
    "$faultline" sim sweep "$source/scenarios/smoke/crash-torn-tail.json" --seeds 11..16 --part 2/2 --out p2.json
expect "other part" 0 '^verdict=holds seeds=3 ' \
    "$faultline" sim sweep "$source/scenarios/smoke/crash-torn-tail.json" --seeds 11..16 --part 1/2 --out p1.json
expect "merge" 0 '^verdict=holds seeds=6 ' "$faultline" sim merge p1.json p2.json -o all.json
python3 -c 'import json,sys; d=json.load(open("all.json"))["done"]; sys.exit(list(d.values()) != [[[11,16]]])' ||
    { echo "merge: the seeds of the parts do not make the whole"; failures=$((failures + 1)); }
expect "bad seeds" 2 '' "$faultline" sim sweep fails.json --seeds 9..1
one_line "bad seeds" 'not A..B'
expect "bad part" 2 '' "$faultline" sim sweep fails.json --part 3/2
expect "no report" 2 '' "$faultline" sim sweep fails.json --out fails.json
one_line "no report" 'is not a report'
expect "shrink" 0 '^shrunk=min.json elements_before=8 elements=[1-4] faults=1 ' "$faultline" sim shrink fails.json --seed 5 -o min.json
expect "the shrunk scenario is a test" 0 'verdict=violated seed=5 ' "$faultline" sim run min.json
expect "shrink of what holds" 1 '' "$faultline" sim shrink "$source/scenarios/smoke/crash-torn-tail.json" -o x.json
one_line "shrink of what holds" 'does not fail'
expect "explain" 0 '^necessary=1 incidental=2 seed=5$' "$faultline" sim explain fails.json --seed 5
grep -Eq '^necessary +stop ' out || { echo "explain: does not name the pause"; failures=$((failures + 1)); }
expect "schema" 0 '' "$faultline" sim schema
cmp -s out "$source/scenarios/scenario.schema.json" ||
    { echo "scenarios/scenario.schema.json is stale: ./dev docs writes it again"; failures=$((failures + 1)); }
for table in faults oracles sites; do
    expect "$table" 0 '' "$faultline" sim "$table" --json
    python3 -c 'import json,sys; sys.exit(len(json.load(open("out"))) < 6)' || { echo "$table: not a JSON list"; failures=$((failures + 1)); }
done
((failures == 0)) && echo "all commands answer as they should"
exit $((failures > 0))

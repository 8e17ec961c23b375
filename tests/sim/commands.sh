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
    if [[ $rc != "$code" ]]; then echo "$what: exit $rc instead of $code"; tail -n 3 out err; failures=$((failures + 1)); return; fi
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
grep -Eq '^incidental +later .*without it the same violation' out || { echo "explain: does not say what comes without the crash"; failures=$((failures + 1)); }
# What proves nothing does not hold.
python3 - "$source" <<'P'
import json
base = json.load(open("fails.json"))
base.update(name="vacuous", expect={}, faults=[{"id": "late", "do": "crash", "at": "1h"}])
json.dump(base, open("vacuous.json", "w"))
base.update(name="expects", faults=[], expect={"violates": 80})
json.dump(base, open("expects.json", "w"))
P
expect "nothing but vacuous runs" 3 '^verdict=vacuous seeds=2 failures=0 distinct=0 vacuous=2 ' "$faultline" sim sweep vacuous.json --seeds 1..2
one_line "nothing but vacuous runs" 'every run was vacuous'
expect "nothing ran" 3 '^verdict=vacuous seeds=0 ' "$faultline" sim sweep fails.json --seeds 1..2 --part 3/3
one_line "nothing ran" 'nothing ran'
# A report of something else is not gone on with.
good="$source/scenarios/smoke/crash-torn-tail.json"
expect "other seeds" 2 '' "$faultline" sim sweep "$good" --seeds 3..8 --out a.json
one_line "other seeds" '^a.json: has seed 1 of .*crash-torn-tail.json, which is not asked for; name another file'
expect "other scenario" 2 '' "$faultline" sim sweep fails.json --seeds 1..8 --out a.json
one_line "other scenario" '^a.json: has seed 1 of .*crash-torn-tail.json'
sed 's/"build": "..../"build": "zzzz/' a.json >other.json
expect "other build" 2 '' "$faultline" sim sweep "$good" --seeds 1..8 --out other.json
one_line "other build" '^other.json: was made by another build'
cp fails.json changes.json
expect "before it changed" 1 '' "$faultline" sim sweep changes.json --seeds 1..1 --out changes.out
sed -i 's/"count": 200/"count": 201/' changes.json
expect "changed scenario" 2 '' "$faultline" sim sweep changes.json --seeds 1..2 --out changes.out
one_line "changed scenario" 'is about another version of changes.json'
expect "merged twice" 0 '^verdict=holds seeds=6 ' "$faultline" sim merge p1.json p2.json p1.json -o all.json
one_line "merged twice" '^p1.json: was given before, and counts once'
expect "overlapping parts" 2 '' "$faultline" sim merge p1.json all.json -o both.json
one_line "overlapping parts" '^all.json: has seed 11 of .*, which another one has too'
expect "merged builds" 2 '' "$faultline" sim merge a.json other.json -o both.json
one_line "merged builds" '^other.json: was made by another build'
expect "report is a directory" 2 '' "$faultline" sim merge "$source/scenarios" -o both.json
one_line "report is a directory" 'cannot be read'
# An expected violation that does not come says so.
expect "no violation" 1 '^verdict=holds ' "$faultline" sim run expects.json
grep -q '^expected a violation of INV-80 (expect.violates), but every invariant held$' out || { echo "no violation: no line says why"; failures=$((failures + 1)); }
expect "another violation" 1 '^verdict=violated ' "$faultline" sim run fails.json --set /expect/violates=80
grep -q '^expected a violation of INV-80 .*this is another one$' out || { echo "another violation: no line says why"; failures=$((failures + 1)); }
expect "sweep without the violation" 1 '^verdict=violated seeds=1 ' "$faultline" sim sweep expects.json --seeds 1
grep -q 'expected-violation: expected a violation of INV-80' out && ! grep -q died out || { echo "sweep without the violation: $(cat out)"; failures=$((failures + 1)); }
# Small limits, odd numbers, directories, wrong words.
expect "a short limit" 0 '^shrunk=min2.json ' "$faultline" sim shrink fails.json --seed 5 -o min2.json --cpu-limit 2
expect "no limit" 2 '' "$faultline" sim shrink fails.json --seed 5 -o min2.json --cpu-limit 0
mkdir empty
expect "sweep of an empty directory" 2 '' "$faultline" sim sweep empty --seeds 1
one_line "sweep of an empty directory" 'no scenario'
for command in run explain "shrink -o x.json"; do
    # shellcheck disable=SC2086
    expect "$command of a directory" 2 '' "$faultline" sim $command "$source/scenarios"
    one_line "$command of a directory" 'is a directory'
done
expect "timeline of a directory" 2 '' "$faultline" timeline "$source/scenarios" -o x.svg
one_line "timeline of a directory" 'is a directory'
for seed in -3 99999999999999999999 9223372036854775808 1x ''; do
    expect "seed $seed" 2 '' "$faultline" sim run "$good" --seed "$seed"
    expect "seed $seed" 2 '' "$faultline" sim explain "$good" --seed "$seed"
    grep -q 'not a whole number from 0 to 9223372036854775807' err || { echo "seed $seed: $(cat err)"; failures=$((failures + 1)); }
    expect "seeds $seed" 2 '' "$faultline" sim sweep "$good" --seeds "$seed"
done
expect "the last seed" 0 '^verdict=holds seed=9223372036854775807 ' "$faultline" sim run "$good" --seed 9223372036854775807
expect "a wrong word" 2 '' "$faultline" sim sweeep "$good"
one_line "a wrong word" '^faultline sim: no command "sweeep"; did you mean "sweep"\? There are .*shrink'
expect "a wrong first word" 2 '' "$faultline" tpic list
one_line "a wrong first word" '^faultline: no command "tpic"; did you mean "topic"'
# A picture does not take the place of what it was made of.
expect "a trace" 0 '' "$faultline" sim run min.json --trace min.trace
cp min.json kept.json
expect "over the scenario" 2 '' "$faultline" timeline min.trace -o min.json
one_line "over the scenario" 'min.json: is there already and is no timeline'
cmp -s min.json kept.json || { echo "timeline wrote over the scenario"; failures=$((failures + 1)); }
expect "over the scenario, at once" 2 '' "$faultline" sim run min.json --timeline min.json
cmp -s min.json kept.json || { echo "sim run --timeline wrote over the scenario"; failures=$((failures + 1)); }
ln -s min.trace same.svg
expect "over the trace" 2 '' "$faultline" timeline min.trace -o same.svg
expect "a timeline" 0 '' "$faultline" timeline min.trace -o line.json
expect "a timeline again" 0 '' "$faultline" timeline min.trace -o line.json
compgen -G '*.tmp' && { echo "something half written was left"; failures=$((failures + 1)); }
expect "schema" 0 '' "$faultline" sim schema
cmp -s out "$source/scenarios/scenario.schema.json" ||
    { echo "scenarios/scenario.schema.json is stale: ./dev docs writes it again"; failures=$((failures + 1)); }
for table in faults oracles sites; do
    expect "$table" 0 '' "$faultline" sim "$table" --json
    python3 -c 'import json,sys; sys.exit(len(json.load(open("out"))) < 6)' || { echo "$table: not a JSON list"; failures=$((failures + 1)); }
done
((failures == 0)) && echo "all commands answer as they should"
exit $((failures > 0))

#!/usr/bin/env bash
# The contract of `faultline sim run` with scripts: exit codes, one line for bad input, the last line.
set -u
faultline=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0

expect() {  # NAME WANTED_CODE FILE ARGS...
    local name=$1 wanted=$2; shift 2
    "$faultline" sim run "$@" >"$dir/out" 2>"$dir/err"
    local code=$?
    if [[ $code != "$wanted" ]]; then echo "$name: exit $code, wanted $wanted"; cat "$dir/err"; failed=1; fi
}
one_error_line() {  # NAME PATTERN
    if [[ $(wc -l <"$dir/err") != 1 ]] || ! grep -q "$2" "$dir/err"; then
        echo "$1: wanted one line with: $2"; cat "$dir/err"; failed=1
    fi
}

cat >"$dir/good.json" <<'J'
{"name": "good", "length": "2s",
 "cluster": {"topics": [{"name": "t"}]},
 "workload": [{"producer": "t", "count": 20}, {"consumer": "t"}]}
J
expect holds 0 "$dir/good.json" --seed 5
grep -Eq '^verdict=holds seed=5 hash=[0-9a-f]{32} sim_s=[0-9]+\.[0-9]{3} wall_s=[0-9]+\.[0-9]{3} events=[0-9]+ faults=0$' <(tail -1 "$dir/out") ||
    { echo "last line: $(tail -1 "$dir/out")"; failed=1; }
expect json 0 "$dir/good.json" --json
python3 -c 'import json,sys; d=json.load(open(sys.argv[1])); assert d["verdict"]=="holds" and len(d["hash"])==32' "$dir/out" || failed=1

# The picture's form is asked about before the run, not after it.
expect form 2 "$dir/good.json" --timeline "$dir/x.foo"
one_error_line form 'no timeline form'
[[ -s $dir/out ]] && { echo "form: there was a run: $(tail -1 "$dir/out")"; failed=1; }

sed 's/"consumer"/"consumr"/' "$dir/good.json" >"$dir/typo.json"
expect typo 2 "$dir/typo.json"
one_error_line typo 'typo.json:3:47: /workload/1'
# A member that is there twice, a topic that is not there: their places.
sed 's/"count": 20/"count": 20, "rate": 5, "count": 30/' "$dir/good.json" >"$dir/twice.json"
expect twice 2 "$dir/twice.json"
one_error_line twice 'twice.json:3:.*: /workload/0/count: is given twice'
sed 's/"consumer": "t"/"consumer": "tt"/' "$dir/good.json" >"$dir/topic.json"
expect topic 2 "$dir/topic.json"
one_error_line topic 'topic.json:3:48: /workload/1/consumer: no topic "tt", did you mean "t"?; there is t'
expect missing 2 "$dir/nowhere.json"
one_error_line missing 'cannot be read'
expect key 2 "$dir/good.json" --set '/cluster/config/log.retentoin.ms=5'
one_error_line key 'good.json:2:.*: /cluster/config/log.retentoin.ms: is not a broker key'
# Keys and values that only the broker knows to be wrong: their places too.
sed 's/{"name": "t"}/{"name": "t", "config": {"retention.ms": "soon"}}/' "$dir/good.json" >"$dir/value.json"
expect value 2 "$dir/value.json"
one_error_line value 'value.json:2:50: /cluster/topics/0/config/retention.ms: '
sed 's/"consumer": "t"}\]/&, "faults": [{"do": "reconfigure", "at": "1s", "config": {"log.roll.sometimes": "1"}}]/' "$dir/good.json" >"$dir/later.json"
expect later 2 "$dir/later.json"
one_error_line later 'later.json:3:.*: /faults/0/config/log.roll.sometimes: is not a broker key'

# A fault that strikes nothing proves nothing.
expect vacuous 3 "$dir/good.json" --set '/faults/0={"do": "bit_rot", "path": "*nothing*", "at": "1s"}'
# Page-cache acknowledgements and a power loss: the contract allows the loss of a suffix.
expect lazy 0 "$dir/good.json" --set '/cluster/config/log.flush.before.ack=false' \
    --set '/faults/0={"do": "power_loss", "at": "1s", "unsynced": "drop", "restart_after": "200ms"}'
exit $failed

#!/usr/bin/env bash
# faultline scenario run: the scenario of the simulator with real daemons, and what it says when it cannot.
#   scenario_test.sh BIN-DIR      ends with a verdict line; exit 0 or 1
set -uo pipefail
bin=$1 here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd) root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
export FL_CLUSTER_TOOL=$here/cluster.py
dir=$(mktemp -d "${TMPDIR:-/tmp}/faultline-scenario-test-XXXXXX")
trap 'rm -rf "$dir"' EXIT
fail() { printf 'FAILED: %s\n' "$*"; tail -40 "$dir/out" "$dir/err" 2>/dev/null; exit 1; }
scenario() {  # EXIT-CODE PATTERN-OF-THE-OUTPUT ARGUMENTS...
    local want=$1 pattern=$2 code=0; shift 2
    "$bin/faultline" scenario run "$@" >"$dir/out" 2>"$dir/err" || code=$?
    ((code == want)) || fail "exit $code, not $want, of: $*"
    grep -qE -e "$pattern" "$dir/out" "$dir/err" || fail "no \"$pattern\" from: $*"
}
three=$root/scenarios/smoke/three-worlds.json

scenario 0 '^verdict=holds seed=3 world=daemons wall_s=[0-9.]+ events=[0-9]+ faults=4$' "$three" --seed 3 --timeline "$dir/run.svg"
grep -q '<svg' "$dir/run.svg" || fail "no picture"
[[ $(tail -1 "$dir/out") == verdict=* ]] || fail "the verdict is not the last line"

# The power fails, what was not synced is gone, what was acknowledged is there.
sed -e 's/"crash"/"power_loss"/; s/three-worlds/power/' "$three" >"$dir/power.json"
scenario 0 '^fault +killed +power_loss +1 effect' "$dir/power.json" --seed 4

# A lone node that loses the end of a log is found out; of three the others have it.
FL_CLUSTER_TOOL=$here/lossy_cluster.py scenario 1 '^violated INV-(9[5-9]|10[0-9]) ' "$three" --brokers 1 --set /expect/all_acked=false
rm -rf "$(sed -n 's/^configuration, logs and data of the nodes are in //p' "$dir/err")"

sed -e 's/"crash",/"slow_disk", "factor": 10,/; s/"restart_after"/"for"/' "$three" >"$dir/disk.json"
scenario 2 '/faults/0 \(killed\): slow_disk is for the simulated world' "$dir/disk.json"
scenario 2 'power_loss is for the simulated world' "$dir/power.json" --world kafka
scenario 2 'nobody sees here what it took' "$dir/power.json" --set '/cluster/config={"log.flush.before.ack":"false"}'
scenario 2 'name `clients`' "$three" --set /faults/2/to=p1
scenario 2 'not told who the active controller is' "$three" --set /faults/0/node=controller
scenario 2 'starts nodes that are both' "$three" --set /workload/2/id=reader --set /cluster/controllers=3
scenario 2 'which nobody sees' "$three" --set '/faults/0/when={"event":"segment.rolled"}'
scenario 2 'cannot be read' "$dir/none.json"
FL_CLUSTER_TOOL=$dir/none scenario 2 '--cluster-tool names it' "$three"
scenario 2 'faultlined is not there' "$three" --bin "$dir"
PATH=$dir:/usr/bin:/bin FL_KAFKA_HOME=$dir scenario 2 'no Kafka cluster: there is no (java|Kafka)' "$three" --world kafka
printf 'scenario: holds\n'

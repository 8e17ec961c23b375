#!/usr/bin/env bash
# ./dev demo: the leader of a partition is lost in the simulator, then the same with three daemons;
# then one daemon serves several real clients. Ends with a verdict line; exit 0 or 1.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root" || exit 1
bin=build/release/bin out=build/demo
scenario=scenarios/smoke/leader-lost.json
mkdir -p "$out"
if [[ -t 1 && -z ${NO_COLOR:-} ]]; then bold=$'\e[1m' off=$'\e[0m'; else bold='' off=''; fi
say() { printf '%s\n' "$*"; }
run() { say "${bold}+ $*${off}"; "$@"; }

say "1. The leader of a partition dies under load, in simulated time ($scenario)."
run "$bin/faultline" sim run "$scenario" --timeline "$out/leader-lost.svg" </dev/null
simulated=$?
say "timeline: $root/$out/leader-lost.svg"
say ""
say "2. The same with three daemons, drawn from what they remember (events.ring)."
run tests/integration/demo_cluster.sh 4000 "$out/leader-lost-daemons.svg"
clustered=$?
say ""
say "3. One broker as a daemon, with kcat and python3-confluent-kafka."
run tests/integration/clients.sh "$bin" "${FL_DEMO_RECORDS:-100000}"
served=$?
say ""
if ((simulated == 0 && clustered == 0 && served == 0)); then
    say "demo: holds: the lost leader took nothing that was acknowledged with it, and real clients read back what they wrote"
    exit 0
fi
say "demo: FAILED: simulation exit $simulated, cluster exit $clustered, clients exit $served"
exit 1

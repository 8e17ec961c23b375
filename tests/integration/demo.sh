#!/usr/bin/env bash
# ./dev demo: a broker crash replayed in the simulator, then the same broker code as a daemon that
# real clients use. Ends with a verdict line; exit 0 or 1.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root" || exit 1
bin=build/release/bin out=build/demo
scenario=scenarios/smoke/crash-torn-tail.json
mkdir -p "$out"
if [[ -t 1 && -z ${NO_COLOR:-} ]]; then bold=$'\e[1m' off=$'\e[0m'; else bold='' off=''; fi
say() { printf '%s\n' "$*"; }
run() { say "${bold}+ $*${off}"; "$@"; }

say "1. A broker crashes with a torn log tail, in simulated time ($scenario)."
run "$bin/faultline" sim run "$scenario" --timeline "$out/crash-torn-tail.svg" </dev/null
simulated=$?
say "timeline: $root/$out/crash-torn-tail.svg"
say ""
say "2. The same broker as a daemon, with kcat and python3-confluent-kafka."
run tests/integration/clients.sh "$bin" "${FL_DEMO_RECORDS:-100000}"
served=$?
say ""
if ((simulated == 0 && served == 0)); then
    say "demo: holds: the crash lost nothing that was acknowledged, and real clients read back what they wrote"
    exit 0
fi
say "demo: FAILED: simulation exit $simulated, clients exit $served"
exit 1

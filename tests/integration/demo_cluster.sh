#!/usr/bin/env bash
# Three daemons on this machine: the leader of a partition is killed under load and comes back, every
# acknowledged line is read back, and what the daemons remember of it is drawn. Part of ./dev demo;
# exit 0 or 1.
#   demo_cluster.sh [LINES] [PICTURE.svg]
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root" || exit 1
bin=build/release/bin lines=${1:-4000} picture=${2:-build/demo/leader-lost-daemons.svg}
export FL_CLUSTER_DIR=${FL_CLUSTER_DIR:-$root/build/cluster}
cluster() { /usr/bin/python3 tests/integration/cluster/cluster.py "$@"; }
work=$(mktemp -d) || exit 1
trap 'cluster down >/dev/null 2>&1; rm -rf "$work"' EXIT
fail() { printf 'cluster: FAILED: %s\n' "$*"; exit 1; }

cluster up 3 --set faultline.events.kept=65536 | tee "$work/up" || fail "three nodes do not come up"
servers=$(sed -n 's|.*bootstrap=||p' "$work/up" | tail -1)
[[ $servers == *,* ]] || fail "no list of servers in what ./dev cluster up printed"
"$bin/faultline" topic create orders --partitions 1 --replicas 3 --config min.insync.replicas=2 \
    --bootstrap "$servers" || fail "the topic was not made"
leader() { kcat -b "$servers" -L -t orders 2>/dev/null | sed -n 's/.*leader \([0-9]*\),.*/\1/p' | head -1; }
old=$(leader)
[[ -n $old ]] || fail "nobody leads orders-0"
printf 'node %s leads orders-0; it is killed in the middle of %s acknowledged records\n' "$old" "$lines"
seq 1 "$lines" | "$bin/faultline" produce orders --partition 0 --rate 1000 --bootstrap "$servers" --timeout 60s \
    --events "$work/p1.ring" 2>"$work/produce" &
load=$!
sleep 1
cluster kill "$old" >"$work/kill"
sleep 1
cluster start "$old" >/dev/null || fail "node $old does not come back"
wait "$load" || fail "the producer gave up: $(tail -1 "$work/produce")"
new=$(leader)
kcat -C -b "$servers" -t orders -p 0 -o beginning -e -q >"$work/read" || fail "the topic cannot be read"
seq 1 "$lines" | cmp -s - "$work/read" || fail "$(wc -l <"$work/read") lines were read, not the $lines that were acknowledged in their order"
for _ in $(seq 100); do
    isr=$(kcat -b "$servers" -L -t orders | sed -n 's/.*isrs: \([0-9,]*\).*/\1/p' | head -1)
    [[ $(tr ',' '\n' <<<"$isr" | wc -l) == 3 ]] && break
    sleep 0.1
done
[[ $(tr ',' '\n' <<<"$isr" | wc -l) == 3 ]] || fail "node $old does not come into the ISR again: $isr"
printf 'node %s took over; all %s records were read back, once and in order; ISR %s\n' "$new" "$lines" "$isr"

mkdir -p "$(dirname "$picture")"
"$bin/faultline" timeline "$FL_CLUSTER_DIR"/{1,2,3}/data "$work/p1.ring" --title "leader-lost, as daemons" -o "$picture" ||
    fail "the timeline of the daemons cannot be drawn"
for word in "n$old leads orders-0" "n$new leads orders-0" '>down' 'acked orders-0'; do
    grep -q "$word" "$picture" || fail "the timeline does not show \"$word\""
done
printf 'timeline: %s\n' "$(realpath "$picture")"

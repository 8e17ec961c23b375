#!/usr/bin/env bash
# Three daemons on this machine: the leader of a partition is killed under load, and every
# acknowledged line is read back. Part of ./dev demo; exit 0 or 1.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root" || exit 1
bin=build/release/bin lines=${1:-20000}
cluster() { /usr/bin/python3 tests/integration/cluster/cluster.py "$@"; }
work=$(mktemp -d) || exit 1
trap 'cluster down >/dev/null 2>&1; rm -rf "$work"' EXIT
fail() { printf 'cluster: FAILED: %s\n' "$*"; exit 1; }

cluster up 3 | tee "$work/up" || fail "three nodes do not come up"
servers=$(sed -n 's|.*bootstrap=||p' "$work/up" | tail -1)
[[ $servers == *,* ]] || fail "no list of servers in what ./dev cluster up printed"
"$bin/faultline" topic create orders --partitions 1 --replicas 3 --config min.insync.replicas=2 \
    --bootstrap "$servers" || fail "the topic was not made"
leader() { kcat -b "$servers" -L -t orders 2>/dev/null | sed -n 's/.*leader \([0-9]*\),.*/\1/p' | head -1; }
old=$(leader)
[[ -n $old ]] || fail "nobody leads orders-0"
printf 'node %s leads orders-0; it is killed in the middle of %s acknowledged records\n' "$old" "$lines"
(
    half=$((lines / 2))
    seq 1 "$half"; sleep 0.5
    cluster kill "$old" >"$work/kill"
    seq "$((half + 1))" "$lines"
) | kcat -P -b "$servers" -t orders -p 0 -X acks=all -X enable.idempotence=true -X linger.ms=2 2>"$work/kcat" ||
    fail "the producer gave up"
new=$(leader)
kcat -C -b "$servers" -t orders -p 0 -o beginning -e -q >"$work/read" || fail "the topic cannot be read"
seq 1 "$lines" | cmp -s - "$work/read" || fail "$(wc -l <"$work/read") lines were read, not the $lines that were acknowledged in their order"
cluster start "$old" >/dev/null || fail "node $old does not come back"
for _ in $(seq 100); do
    isr=$(kcat -b "$servers" -L -t orders | sed -n 's/.*isrs: \([0-9,]*\).*/\1/p' | head -1)
    [[ $(tr ',' '\n' <<<"$isr" | wc -l) == 3 ]] && break
    sleep 0.1
done
[[ $(tr ',' '\n' <<<"$isr" | wc -l) == 3 ]] || fail "node $old does not come into the ISR again: $isr"
printf 'node %s took over; all %s records were read back, once and in order; ISR %s\n' "$new" "$lines" "$isr"

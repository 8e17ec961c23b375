#!/usr/bin/env bash
# The tools of `faultline` against a real daemon, with kcat as the witness: each codec both ways, exit
# codes, log dump, and a daemon that is killed while `faultline produce` writes.
#   cli.sh [BIN-DIR] [RECORDS]      ends with a verdict line; exit 0 or 1
set -uo pipefail
bin=${1:-build/release/bin} count=${2:-50000}
dir=$(mktemp -d "${TMPDIR:-/tmp}/faultline-cli-XXXXXX")
daemon=0 writer=0 boot=''

say() { printf '%s\n' "$*"; }
finish() {
    ((writer)) && kill -9 "$writer" 2>/dev/null
    ((daemon)) && kill -9 "$daemon" 2>/dev/null
    wait 2>/dev/null
    rm -rf "$dir"
}
trap finish EXIT
fail() { say "FAILED: $*"; tail -5 "$dir/err" 2>/dev/null; exit 1; }

start() {
    : >"$dir/ready"
    "$bin/faultlined" --dev --data "$dir/data" --port "${1:-0}" >"$dir/ready" 2>>"$dir/log" </dev/null &
    daemon=$!
    for ((i = 0; i < 300; i++)); do grep -q '^faultlined ready ' "$dir/ready" && break; sleep 0.05; done
    boot=$(sed -n 's/.*listeners=PLAINTEXT:\/\/\([^ ,]*\).*/\1/p' "$dir/ready")
    [[ -n $boot ]] || fail "no ready line within 15 s"
}
fl() { timeout 120 "$bin/faultline" "$@" --bootstrap "$boot" 2>>"$dir/err"; }
expect() { # CODE COMMAND...
    local want=$1 code=0
    shift
    "$@" >/dev/null || code=$?
    ((code == want)) || fail "exit $code, not $want, of: $*"
}
sum() { sha256sum | cut -d' ' -f1; }

start
want=''
for codec in none gzip snappy lz4 zstd; do
    fl topic create "t-$codec" --partitions 1 >/dev/null || fail "topic create"
    fl produce "t-$codec" --records "$count" --size 100 --compression "$codec" || fail "produce $codec"
    ours=$(fl consume "t-$codec" | sum)
    theirs=$(timeout 120 kcat -C -b "$boot" -t "t-$codec" -o beginning -e -q -X check.crcs=true | sum)
    [[ -z $want ]] && want=$ours
    [[ $ours == "$want" && $theirs == "$want" ]] || fail "$codec: ours $ours, kcat $theirs, should be $want"
    fl consume "t-$codec" | timeout 120 kcat -P -b "$boot" -t "k-$codec" -p 0 -z "$codec" || fail "kcat -z $codec"
    [[ $(fl consume "k-$codec" | sum) == "$want" ]] || fail "$codec: what kcat produced reads otherwise"
    expect 0 "$bin/faultline" log dump "$dir/data/t-$codec-0/00000000000000000000.log"
done
[[ $(fl consume t-none | wc -l) == "$count" ]] || fail "not $count records"
say "$count records per codec: faultline to kcat and kcat to faultline, checksums equal"

printf 'a:1\nb:2\nc\n' | fl produce t-none --key-delimiter : || fail "produce from stdin"
[[ $(fl consume t-none --from "$count" -f '%o %k=%s;') == "$count a=1;$((count + 1)) b=2;$((count + 2)) =c;" ]] ||
    fail "keys and offsets of the lines"
[[ $(fl consume t-none --from end | wc -l) == 0 ]] || fail "--from end reads old records"
[[ $(fl consume t-none --count 3 --json | wc -l) == 3 ]] || fail "--count 3"
expect 0 fl topic describe t-none
expect 1 fl topic describe nope
expect 1 fl consume nope
expect 1 fl topic create t-none
expect 0 fl topic delete t-none
expect 1 fl topic delete t-none
expect 2 fl produce t-gzip --compression brotli
expect 2 fl consume t-gzip --from yesterday
expect 2 "$bin/faultline" topic
expect 2 "$bin/faultline" log dump "$dir/no-such.log"
expect 1 "$bin/faultline" topic list --bootstrap 127.0.0.1:1 --timeout 1s
say "exit codes as documented"

fl topic create survivors --partitions 1 >/dev/null
"$bin/faultline" produce survivors --records 3000 --rate 1000 --bootstrap "$boot" 2>"$dir/produced" &
writer=$!
sleep 1
kill -9 "$daemon"; wait "$daemon" 2>/dev/null; daemon=0
sleep 0.5
start "${boot##*:}"
wait "$writer"; code=$?; writer=0
((code == 0)) || fail "produce over a kill -9: exit $code: $(cat "$dir/produced")"
fl consume survivors -f '%s\n' | cut -d' ' -f1 | uniq >"$dir/numbers"
[[ $(sort -u "$dir/numbers" | wc -l) == 3000 ]] || fail "of 3000 acknowledged records $(sort -u "$dir/numbers" | wc -l) are there"
sort -c "$dir/numbers" 2>/dev/null || say "note: a batch whose answer was lost was written twice"
say "kill -9 in the middle: 3000 acknowledged, 3000 there"
say "cli: holds"

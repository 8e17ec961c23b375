#!/usr/bin/env bash
# The tools of `faultline` against a real daemon, with kcat as the witness: each codec both ways, headers, JSON, topic
# alter, config, cluster info, completion, exit codes, log dump, and a daemon that is killed while `faultline produce`
# writes.
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
fl topic create h --partitions 1 --config retention.ms=7200000 >/dev/null || fail "topic create h"
printf '1\n2\n' | fl produce h --header a=x --header b=y=z || fail "produce --header"
[[ $(fl consume h -f '%o %h;') == "0 a=x,b=y=z;1 a=x,b=y=z;" ]] || fail "headers"
fl topic create copy --partitions 1 >/dev/null || fail "topic create copy"
printf 'k:v\n' | fl produce h --key-delimiter : || fail "produce with a key"
fl consume h --json | fl produce copy --json || fail "consume --json | produce --json"
[[ $(fl consume copy -f '%k=%s %h %T;') == "$(fl consume h -f '%k=%s %h %T;')" ]] || fail "a copy by --json is another"
expect 2 fl produce copy --json <<<'{"value":7}'
says() { # WORDS COMMAND...: the line on stderr says so
    local words=$1 line; shift
    line=$("$@" 2>&1 >/dev/null)
    grep -q -- "$words" <<<"$line" || fail "not \"$words\" but \"$line\" of: $*"
}
tool() { timeout 60 "$bin/faultline" "$@" --bootstrap "$boot"; }
says 'line 2 of the input' bash -c "printf '{}\nnonsense\n' | '$bin/faultline' produce copy --json --bootstrap '$boot' 2>&1 >/dev/null | grep -v acknowledged >&2"
fl topic alter h --partitions 3 >/dev/null || fail "topic alter --partitions"
[[ $(fl topic describe h | grep -c leader) == 3 ]] || fail "topic alter --partitions: not 3"
says 'partitions can only be added' tool topic alter h --partitions 2
says 'nothing to do' tool topic alter h
says '`faultline topic list` shows' tool topic describe nope
says 'one of none, gzip' tool produce h --compression brotli
[[ $(fl config describe topic h) == 'retention.ms=7200000  # topic' ]] || fail "config describe topic"
(($(fl config describe topic h --all | wc -l) > 10)) || fail "config describe --all"
fl config describe topic h --json | python3 -c 'import json, sys
[e] = json.load(sys.stdin)
assert (e["name"], e["value"], e["source"]) == ("retention.ms", "7200000", "topic"), e' || fail "config describe --json"
says 'no kind "tropic"; topic, broker, group or client-metrics' tool config describe tropic h
says 'there is no broker 99; alive are 1;' tool config describe broker 99
says 'no such option; did you mean --compression?' tool produce h --compresion zstd
says 'no such option; did you mean --partitions?' tool topic create h --partitons=3
says 'did you mean --port?' "$bin/faultlined" --dev --prot 1
fl cluster info >"$dir/info" || fail "cluster info"
grep -q "^  broker 1 .*${boot##*:}" "$dir/info" && grep -q '^quorum leader 1 ' "$dir/info" && grep -q '^  voter 1 ' "$dir/info" ||
    fail "cluster info: $(cat "$dir/info")"
fl cluster info --json | python3 -c 'import json, sys
c = json.load(sys.stdin)
assert c["controller"] == 1 and len(c["cluster_id"]) == 22 and c["brokers"][0]["id"] == 1, c
assert c["quorum"]["voters"][0]["id"] == 1, c' || fail "cluster info --json"
say "headers, a copy by --json, topic alter, config, cluster info"

complete_it() { # WORDS...: what bash offers for the last of them
    bash -c 'eval "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _faultline; echo "${COMPREPLY[*]}"' _ \
        "$("$bin/faultline" completion bash)" "$@"
}
[[ $(complete_it faultline topic cr) == create ]] || fail "completion of: faultline topic cr"
[[ $(complete_it faultline topic create orders --part) == --partitions ]] || fail "completion of: topic create orders --part"
[[ " $(complete_it faultline '') " == *" produce "*" config "* ]] || fail "completion of: faultline"
# Every command's help begins with an example.
while read -r path; do
    read -ra words <<<"${path//\// }"
    "$bin/faultline" "${words[@]}" --help | head -1 | grep -q '^Example:  ' || fail "no example first: ${words[*]} --help"
done < <("$bin/faultline" completion bash | sed -n 's/^ *\(\/[a-z\/-]*\)) words=.*/\1/p')
say "completion for bash; every --help begins with an example"

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

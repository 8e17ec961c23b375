#!/usr/bin/env bash
# Real clients against a real daemon: produce and consume with each codec and compare checksums,
# kill -9 in the middle and look for what was acknowledged, stop in order.
#   clients.sh [BIN-DIR] [RECORDS]      ends with a verdict line; exit 0 or 1
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=${1:-build/release/bin} count=${2:-100000}
dir=$(mktemp -d "${TMPDIR:-/tmp}/faultline-clients-XXXXXX")
daemon=0 writer=0 boot=''

say() { printf '%s\n' "$*"; }
finish() {
    ((writer)) && kill -9 "$writer" 2>/dev/null
    ((daemon)) && kill -9 "$daemon" 2>/dev/null
    wait 2>/dev/null
    rm -rf "$dir"
}
trap finish EXIT
fail() { say "FAILED: $*"; [[ -s $dir/log ]] && { say "the daemon's log ends with:"; tail -15 "$dir/log"; }; exit 1; }

# Waits for the ready line, which names the port.
start() {
    : >"$dir/ready"
    "$bin/faultlined" --dev --data "$dir/data" --port "${1:-0}" >"$dir/ready" 2>>"$dir/log" </dev/null &
    daemon=$!
    for ((i = 0; i < 300; i++)); do
        grep -q '^faultlined ready ' "$dir/ready" && break
        kill -0 "$daemon" 2>/dev/null || fail "the daemon ended before it was ready"
        sleep 0.05
    done
    grep -q '^faultlined ready ' "$dir/ready" || fail "no ready line within 15 s"
    boot=$(sed -n 's/.*listeners=PLAINTEXT:\/\/\([^ ,]*\).*/\1/p' "$dir/ready")
    say "$(cat "$dir/ready")"
}

# Debian's interpreter is the one that has Debian's modules.
python=${FL_PYTHON:-/usr/bin/python3}
py() { timeout 300 "$python" "$here/clients.py" "$@" 2>>"$dir/client.log"; }

start
py records "$count" "$dir/records" || fail "could not write test records"
want=$(sha256sum <"$dir/records" | cut -d' ' -f1)
say "$count records of 100 bytes per codec, sha256 ${want:0:16}..."
for codec in none gzip snappy lz4 zstd; do
    began=$EPOCHREALTIME
    timeout 300 kcat -P -b "$boot" -t "kcat-$codec" -p 0 -z "$codec" -X acks=all -l "$dir/records" \
        2>>"$dir/client.log" || fail "kcat could not produce with $codec: $(tail -1 "$dir/client.log")"
    got=$(py consume "$boot" "kcat-$codec" "$count") || fail "$codec: python could not read: $(tail -1 "$dir/client.log")"
    [[ $got == "$want" ]] || fail "$codec, kcat to python: sha256 $got"
    py produce "$boot" "python-$codec" "$codec" "$dir/records" ||
        fail "python could not produce with $codec: $(tail -1 "$dir/client.log")"
    got=$(timeout 300 kcat -C -b "$boot" -t "python-$codec" -p 0 -o beginning -e -q -X check.crcs=true \
        2>>"$dir/client.log" | sha256sum | cut -d' ' -f1)
    [[ $got == "$want" ]] || fail "$codec, python to kcat: sha256 $got"
    say "$(awk -v c="$codec" -v a="$began" -v b="$EPOCHREALTIME" \
        'BEGIN { printf "%-6s kcat to python and python to kcat: checksums equal (%.1f s)", c, b - a }')"
done

"$python" "$here/clients.py" produce-forever "$boot" survivors "$dir/acked" 2>>"$dir/client.log" &
writer=$!
for ((i = 0; i < 200; i++)); do [[ -s $dir/acked ]] && break; sleep 0.05; done
sleep 1
kill -9 "$daemon"; wait "$daemon" 2>/dev/null; daemon=0
kill -9 "$writer"; wait "$writer" 2>/dev/null; writer=0
say "kill -9 of the daemon while records were being written"
start "${boot##*:}"
found=$(py missing "$boot" survivors "$dir/acked") || fail "after the restart: ${found:-no answer}"
say "after the restart: $found"
got=$(py consume "$boot" kcat-none "$count") || fail "the older topic cannot be read after the restart"
[[ $got == "$want" ]] || fail "the older topic after the restart: sha256 $got"

kill -TERM "$daemon"
for ((i = 0; i < 200; i++)); do kill -0 "$daemon" 2>/dev/null || break; sleep 0.05; done
kill -0 "$daemon" 2>/dev/null && fail "the daemon did not stop within 10 s of SIGTERM"
wait "$daemon"; code=$?; daemon=0
((code == 0)) || fail "the daemon's exit code after SIGTERM is $code"
say "stopped in order after SIGTERM, exit code 0"
say "clients: holds"

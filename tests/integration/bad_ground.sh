#!/usr/bin/env bash
# What a daemon stands on and may not be able to: its data directory, descriptors, memory, the disk. Each gives one clear
# line and loses nothing that was acknowledged.
#   bad_ground.sh [BIN-DIR]      ends with a verdict line; exit 0 or 1
# The full disk needs a mount namespace, the Kafka directory Java and Kafka's jars: without them a line says so.
set -uo pipefail
bin=$(cd "${1:-build/release/bin}" && pwd) || exit 1
dir=$(mktemp -d "${TMPDIR:-/tmp}/faultline-ground-XXXXXX")
daemon=0 boot=''
chmod 755 "$dir"

say() { printf '%s\n' "$*"; }
finish() {
    ((daemon)) && kill -9 "$daemon" 2>/dev/null
    wait 2>/dev/null
    chmod -R u+rwx "$dir" 2>/dev/null
    rm -rf "$dir"
}
trap finish EXIT
fail() { say "FAILED: $*"; tail -n 8 "$dir/err" 2>/dev/null; exit 1; }

# ready [COMMAND...] -- FLAGS...: starts the daemon, under a command if one is given.
start() {
    local under=()
    while [[ $1 != -- ]]; do under+=("$1"); shift; done
    shift
    : >"$dir/ready"; : >"$dir/err"
    "${under[@]}" "$bin/faultlined" --dev --port 0 "$@" >"$dir/ready" 2>"$dir/err" </dev/null &
    daemon=$!
    for ((i = 0; i < 600; i++)); do
        grep -q '^faultlined ready ' "$dir/ready" && break
        kill -0 "$daemon" 2>/dev/null || fail "the daemon ended before it was ready"
        sleep 0.05
    done
    boot=$(sed -n 's/.*listeners=PLAINTEXT:\/\/\([^ ,]*\).*/\1/p' "$dir/ready")
    [[ -n $boot ]] || fail "no ready line within 30 s"
}
stop() { # [WORDS]: with words it may also end unclean, and say so
    local code=0
    kill -TERM "$daemon" 2>/dev/null
    wait "$daemon" 2>/dev/null || code=$?
    daemon=0
    ((code == 1)) && [[ -n ${1:-} ]] && grep -q "^faultlined: .*$1" "$dir/err" && return
    ((code == 0)) || fail "exit code $code after SIGTERM"
}
fl() { timeout 120 "$bin/faultline" "$@" --bootstrap "$boot" 2>>"$dir/err"; }
produce() { fl produce t --records "$1" --size 100 || fail "produce $1 records"; }
count() { fl consume "${1:-t}" | wc -l; }

# refused WORDS COMMAND...: it ends with exit code 1 and one line on stderr that has these words.
refused() {
    local words=$1 code=0; shift
    timeout 60 "$@" >"$dir/out" 2>"$dir/err" </dev/null || code=$?
    ((code == 1)) || fail "exit code $code, not 1: $words"
    [[ $(grep -c '^faultlined: ' "$dir/err") == 1 ]] || fail "not one line: $words"
    grep -q "^faultlined: .*$words" "$dir/err" || fail "the line does not say: $words"
    say "  $(grep '^faultlined: ' "$dir/err" | sed "s|$dir|...|g" | cut -c1-150)"
}

say "directories that cannot be used:"
start -- --data "$dir/d"
produce 1000
refused 'in use by another process' "$bin/faultlined" --dev --port 0 --data "$dir/d"
produce 1000
stop
refused 'belongs to node 1, and this is node 2; set node.id=1' "$bin/faultlined" --dev --port 0 --data "$dir/d" --set node.id=2
mkdir "$dir/other"
printf 'version=1\ncluster.id=Zm9yZWlnbi1jbHVzdGVyMQ\nnode.id=1\n' >"$dir/other/meta.properties"
refused 'belongs to cluster Zm9yZWlnbi1jbHVzdGVyMQ, but' "$bin/faultlined" --dev --port 0 --set "log.dirs=$dir/d,$dir/other"
echo hello >"$dir/other/meta.properties"
refused 'meta.properties is no such file' "$bin/faultlined" --dev --port 0 --data "$dir/other"
echo hello >"$dir/file"
refused 'a part of this path is a file' "$bin/faultlined" --dev --port 0 --data "$dir/file/data"
mkdir -m 000 "$dir/closed"
if ((EUID != 0)); then
    refused 'may not be read and written by this user' "$bin/faultlined" --dev --port 0 --data "$dir/closed"
elif command -v setpriv >/dev/null; then
    refused 'may not be read and written by this user' setpriv --reuid=65534 --regid=65534 --clear-groups \
        "$bin/faultlined" --dev --port 0 --data "$dir/closed"
else
    say "  skipped: there is no setpriv to give up root's rights"
fi
start -- --data "$dir/d"
[[ $(count) == 2000 ]] || fail "of 2000 records $(count) are left"
stop
say "nothing of 2000 records was lost by all that"

say "descriptors:"
refused 'no file descriptors are left' bash -c 'ulimit -n 12; exec "$@"' _ "$bin/faultlined" --dev --port 0 --data "$dir/few"
start bash -c 'ulimit -n 60; exec "$@"' _ -- --data "$dir/d"
python3 - "${boot%:*}" "${boot##*:}" <<'P' || fail "connections over the limit"
import socket, sys, time
held = [socket.create_connection((sys.argv[1], int(sys.argv[2]))) for _ in range(100)]
time.sleep(1)
for s in held:
    s.close()
P
grep -q 'a connection cannot be accepted' "$dir/err" || fail "no line about the connections that were not accepted"
produce 1000
[[ $(count) == 3000 ]] || fail "of 3000 records $(count) are left under 60 descriptors"
fl topic create many --partitions 60 >/dev/null # more than there are descriptors for: none may be left for us
kill -0 "$daemon" || fail "the daemon ended when it had no descriptors for partitions"
stop 'stopped, but not cleanly'
start -- --data "$dir/d"
fl topic create many --partitions 60 >/dev/null # it may be there
[[ $(count) == 3000 ]] || fail "of 3000 records $(count) are left"
fl produce many --records 1000 || fail "the partitions that had no descriptors are not served now"
[[ $(count many) == 1000 ]] || fail "of 1000 records of 60 partitions $(count many) are there"
stop
say "  100 connections and 60 partitions with 60 descriptors: a line, 3000 records kept, all partitions later"

say "memory:"
start bash -c 'ulimit -v 900000; exec "$@"' _ -- --data "$dir/d" --set faultline.shards=1
produce 1000
python3 - "${boot%:*}" "${boot##*:}" <<'P'
import socket, struct, sys
try:
    held = []
    for _ in range(30):  # 90 MiB each, never ended
        s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 20)
        s.settimeout(2)
        held.append(s)
        s.sendall(struct.pack(">i", 99 << 20) + b"\0" * (90 << 20))
except OSError:
    pass
P
if kill -0 "$daemon" 2>/dev/null; then
    say "  30 requests of 90 MiB in 900 MB of memory: bounded, the daemon goes on"
    produce 1000
    stop
    kept=5000
else
    wait "$daemon" 2>/dev/null; code=$?; daemon=0
    ((code == 1)) || fail "exit code $code, not 1, without memory"
    [[ $(grep -c '^faultlined: out of memory; ' "$dir/err") == 1 ]] || fail "not one line about memory"
    say "  $(grep '^faultlined: ' "$dir/err" | cut -c1-150)"
    kept=4000
fi
start -- --data "$dir/d"
[[ $(count) == "$kept" ]] || fail "of $kept records $(count) are left"
stop
code=0
timeout 60 bash -c 'ulimit -v 60000; exec "$@"' _ "$bin/faultlined" --dev --port 0 --data "$dir/d" >"$dir/out" 2>"$dir/err" || code=$?
((code == 1)) && [[ $(grep -cE '^faultlined: (out of memory|a thread cannot be started); ' "$dir/err") == 1 ]] ||
    fail "exit code $code of a start with 60 MB, and not one line"
say "  $(grep '^faultlined: ' "$dir/err" | cut -c1-150)"

say "disk:"
# The mount goes with the namespace, so all of it happens inside.
full_disk() {
    mkdir "$dir/small"
    mount -t tmpfs -o size=24m none "$dir/small" || exit 77
    start -- --data "$dir/small/data" --set log.segment.bytes=1048576
    fl topic create t --partitions 1 >/dev/null || fail "topic create"
    produce 20000
    fl produce t --records 400000 --size 100 --timeout 5s && fail "40 MB went onto a disk of 24"
    grep -q 'were not acknowledged' "$dir/err" || fail "the producer was not told"
    grep -q 'is full: writes are refused' "$dir/err" || fail "no line about the disk"
    kill -0 "$daemon" || fail "the daemon ended"
    fl consume t --count 20000 | wc -l | grep -qx 20000 || fail "what was acknowledged cannot be read on the full disk"
    mount -o remount,size=100m "$dir/small"
    for ((i = 0; i < 60; i++)); do fl produce t --records 100 --timeout 5s 2>/dev/null && break; sleep 0.5; done
    ((i < 60)) || fail "no record is taken after there is room again"
    n=$(count)
    stop
    start -- --data "$dir/small/data"
    [[ $(count) == "$n" ]] || fail "of $n records $(count) are left after a restart"
    stop
    say "  refused while it was full, read all the same, taken again with room: $n records"
    exit 0
}
if unshare -m true 2>/dev/null; then
    # shellcheck disable=SC2034
    export -f full_disk say fail start stop fl produce count finish
    export dir bin
    code=0
    unshare -m bash -c 'daemon=0; trap "((daemon)) && kill -9 \$daemon 2>/dev/null; wait 2>/dev/null" EXIT; full_disk' || code=$?
    ((code == 77)) && say "  skipped: no tmpfs can be mounted here"
    ((code == 0 || code == 77)) || exit 1
else
    say "  skipped: no mount namespace can be made here"
fi
say "bad-ground: holds"

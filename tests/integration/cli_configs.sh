#!/usr/bin/env bash
# `faultline config` and `faultline topic alter` against a real daemon, then the same against Apache Kafka: both must
# say the same, but for the keys and sources that are listed here.
#   cli_configs.sh [BIN-DIR]      ends with a verdict line; exit 0 or 1. Kafka's half is left out, in one line, where there
#   is no Java or no reference Kafka (FL_REFERENCE_KAFKA, else ../shared/kafka/kafka beside the repository).
set -uo pipefail
bin=${1:-build/release/bin}
root=$(cd "$(dirname "$0")/../.." && pwd)
reference=${FL_REFERENCE_KAFKA:-$root/../shared/kafka/kafka}
dir=$(mktemp -d "${TMPDIR:-/tmp}/faultline-cli-configs-XXXXXX")
daemon=0 kafka=0 boot=''

say() { printf '%s\n' "$*"; }
finish() {
    ((daemon)) && kill -9 "$daemon" 2>/dev/null
    ((kafka)) && "$reference" stop "$dir/kafka" -9 >/dev/null 2>&1
    wait 2>/dev/null
    rm -rf "$dir"
}
trap finish EXIT
fail() { say "FAILED: $*"; exit 1; }

# Each command with what it printed and its exit code goes to one transcript.
fl() {
    local code
    printf '$ faultline %s\n' "$*"
    timeout 60 "$bin/faultline" "$@" --bootstrap "$boot" 2>&1
    code=$?
    printf 'exit %s\n' "$code"
    # Kafka answers when its controller has decided; its broker, which is asked next, may hear of it a moment later.
    if ((kafka)) && [[ $2 =~ ^(set|delete|create|alter)$ ]]; then sleep 0.7; fi
}
walk() {
    fl topic create t --partitions 1 --config retention.ms=7200000
    fl config describe topic t
    fl config set topic t retention.ms=3600000 segment.ms=60000
    fl config describe topic t
    fl config set topic t retention.ms=x
    fl config set topic t nonsense=1
    fl config delete topic t segment.ms
    fl config describe topic t
    fl config describe topic nope
    fl config set topic nope retention.ms=1
    fl topic alter t --partitions 3
    fl topic alter t --partitions 2
    fl topic alter nope --partitions 2
    fl config set broker default log.retention.ms=555000
    fl config describe broker default
    fl config set broker 1 log.cleaner.backoff.ms=17000
    fl config set broker 1 broker.rack=x
    fl config set broker 1 log.cleaner.backoff.ms=x
    fl config delete broker default log.retention.ms
    fl config delete broker 1 log.cleaner.backoff.ms
    fl config describe broker default
    fl config describe broker 99
    fl config set broker 99 log.cleaner.backoff.ms=1
    fl topic delete t
}
# Lines that a transcript must have, in this order, with others between them.
holds() { # FILE WORDS...
    python3 - "$@" <<'P'
import sys
text, at = open(sys.argv[1]).read(), 0
for words in sys.argv[2:]:
    found = text.find(words, at)
    if found < 0:
        sys.exit(f"no {words!r} where it must be")
    at = found + len(words)
P
}

"$bin/faultlined" --dev --data "$dir/data" --port 0 >"$dir/ready" 2>"$dir/log" </dev/null &
daemon=$!
for ((i = 0; i < 600; i++)); do grep -q '^faultlined ready ' "$dir/ready" && break; sleep 0.05; done
boot=$(sed -n 's/.*listeners=PLAINTEXT:\/\/\([^ ,]*\).*/\1/p' "$dir/ready")
[[ -n $boot ]] || fail "no ready line within 30 s"
walk >"$dir/ours"
holds "$dir/ours" 'retention.ms=7200000  # topic' 'changed 2 keys of topic t' 'retention.ms=3600000  # topic' 'segment.ms=60000  # topic' \
    'Not a number of type LONG' 'exit 1' 'nonsense' 'exit 1' 'changed 1 key of topic t' 'exit 1' 'exit 1' 'exit 0' 'exit 1' 'exit 1' \
    'log.retention.ms=555000  # all brokers' 'changed 1 key of broker 1' 'exit 1' 'exit 1' \
    'there is no broker 99; alive are 1;' 'exit 1' 'there is no broker 99' 'exit 1' ||
    { cat "$dir/ours"; fail "against faultlined"; }
kill -9 "$daemon"; wait "$daemon" 2>/dev/null; daemon=0
say "$(grep -c '^\$' "$dir/ours") commands against faultlined"

if ! command -v java >/dev/null || [[ ! -x $reference ]]; then
    say "cli-configs: Kafka's half is skipped: no Java, or no reference Kafka"
    exit 0
fi
kafka=1
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$reference" start "$dir/kafka" "$port" >"$dir/kafka.out" 2>&1 || { cat "$dir/kafka.out"; fail "Kafka does not start"; }
boot=127.0.0.1:$port
walk >"$dir/theirs"
# Dynamic keys that Kafka has set of itself: KIP-966 writes min.insync.replicas for all brokers.
plain() { grep -v '^min\.insync\.replicas=1  # all brokers$' "$1"; }
diff <(plain "$dir/theirs") <(plain "$dir/ours") >"$dir/diff" || { cat "$dir/diff"; fail "Kafka (<) and faultlined (>) differ"; }
say "the same against Apache Kafka"
say "verdict=holds"

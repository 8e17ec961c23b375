#!/usr/bin/env bash
# Released clients of other people (kcat, confluent, kafka-python, aiokafka, franz-go, sarama, kafka-go, Java, Kafka's tools)
# against a real daemon: produce with each codec and read back, and with idempotence. They come from their registries.
#   foreign_clients.sh [BIN-DIR] [SECONDS]   ends with a verdict line; exit 0 or 1, 77 where there is nothing to run them
# The harness: $FL_CLIENTS_RUN, else ../shared/clients/run beside the repository. kafkajs and platformatic are left out:
# what they read they read in a consumer group, which this version does not serve.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=${1:-build/release/bin} budget=${2:-280}
harness=${FL_CLIENTS_RUN:-$here/../../../shared/clients/run}
[[ -x $harness ]] || { echo "foreign-clients: skipped, there is no $harness (FL_CLIENTS_RUN names another)"; exit 77; }
clients=(kcat confluent kafka-python aiokafka java java-tools franz sarama kafka-go)
enough=100 # seconds that a client needs at most once it is installed
cache=${FL_CLIENTS_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/faultline-clients}
dir=$(mktemp -d "${TMPDIR:-/tmp}/faultline-foreign-XXXXXX")
daemon=0 boot=''

say() { printf '%s\n' "$*"; }
finish() {
    ((daemon)) && { kill -TERM "$daemon" 2>/dev/null; wait "$daemon" 2>/dev/null; }
    rm -rf "$dir"
}
trap finish EXIT

"$bin/faultlined" --dev --data "$dir/data" --port 0 >"$dir/ready" 2>"$dir/log" </dev/null &
daemon=$!
for ((i = 0; i < 600; i++)); do grep -q '^faultlined ready ' "$dir/ready" && break; sleep 0.05; done
boot=$(sed -n 's/.*listeners=PLAINTEXT:\/\/\([^ ,]*\).*/\1/p' "$dir/ready")
[[ -n $boot ]] || { say "FAILED: no ready line within 30 s"; tail -5 "$dir/log"; exit 1; }

# What is installed needs no registry.
installed() {
    case $1 in
        kcat) command -v kcat >/dev/null ;;
        java | java-tools) [[ -e ${FL_KAFKA_HOME:-$cache/../faultline-reference-kafka}/.complete ]] ;;
        *) compgen -G "$cache/*-$1/.done" >/dev/null ;;
    esac
}
passed=0 failed=0 skipped=0
for client in "${clients[@]}"; do
    left=$((budget - SECONDS))
    ((left > 5)) || { say "SKIP $client: the $budget s are over"; skipped=$((skipped + 2)); continue; }
    had=0; installed "$client" && had=1
    code=0
    timeout -k 5 "$left" "$harness" "$boot" "$client" --only assign,idempotent >"$dir/out" 2>&1 || code=$?
    grep -E '^(PASS|FAIL|SKIP) ' "$dir/out"
    passed=$((passed + $(grep -c '^PASS ' "$dir/out")))
    skipped=$((skipped + $(grep -c '^SKIP ' "$dir/out")))
    failed=$((failed + $(grep -c '^FAIL ' "$dir/out")))
    if ((code == 124 || code == 137)); then
        if ((had && left >= enough)); then
            say "FAIL $client: no end within $left s"; failed=$((failed + 1))
        else
            say "SKIP $client: not installed and run within $left s"; skipped=$((skipped + 1))
        fi
    elif ((code != 0)) && ! grep -q '^FAIL ' "$dir/out"; then
        say "FAIL $client: exit code $code: $(tail -1 "$dir/out")"; failed=$((failed + 1))
    fi
done
say "foreign-clients: $passed passed, $failed failed, $skipped skipped in $SECONDS s"
if ((failed)); then
    say "the daemon's log ends with:"; tail -15 "$dir/log"
    say "FAILED: see $cache/log"
    exit 1
fi
((passed)) || { say "foreign-clients: skipped, no client could be installed"; exit 77; }
say "foreign-clients: holds"

# Sourced by the tests that run Apache Kafka's own tools against daemons. Sets `bin`, `libs` and `dir`, a directory of
# its own that goes at the end; ends the test with 77 where there is no Java or no Kafka.
#   . lib/kafka.sh NAME [BIN-DIR]
# The jars: $FL_KAFKA_LIBS, else libs/ of $FL_KAFKA_HOME (default ~/.cache/faultline-reference-kafka).
test_name=$1
bin=${2:-build/release/bin}
libs=${FL_KAFKA_LIBS:-${FL_KAFKA_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/faultline-reference-kafka}/libs}
command -v java >/dev/null || { echo "$test_name: skipped, there is no java"; exit 77; }
compgen -G "$libs/kafka-tools-*.jar" >/dev/null || { echo "$test_name: skipped, there is no Kafka in $libs"; exit 77; }
dir=$(mktemp -d "${TMPDIR:-/tmp}/faultline-$test_name-XXXXXX")
declare -A daemon=()  # processes by name: killed at the end

say() { printf '%s\n' "$*"; }
finish() {
    local name
    for name in "${!daemon[@]}"; do kill -9 "${daemon[$name]}" 2>/dev/null; done
    wait 2>/dev/null
    rm -rf "$dir"
}
trap finish EXIT
fail() {
    local log
    say "FAILED: $*"
    [[ -s $dir/out ]] && { say "the tool said:"; head -c 2000 "$dir/out"; }
    for log in "$dir"/*.log; do [[ -s $log ]] && { say "${log##*/} ends with:"; tail -10 "$log"; }; done
    exit 1
}

# start_daemon NAME OPTIONS...: waits until it says that it is ready; its line is in $dir/NAME.ready, its log in NAME.log.
start_daemon() {
    local name=$1; shift
    : >"$dir/$name.ready"
    "$bin/faultlined" "$@" >"$dir/$name.ready" 2>>"$dir/$name.log" </dev/null &
    daemon[$name]=$!
    for ((i = 0; i < 1200; i++)); do
        grep -q '^faultlined ready ' "$dir/$name.ready" && return
        kill -0 "${daemon[$name]}" 2>/dev/null || fail "$name ended before it was ready"
        sleep 0.05
    done
    fail "$name: no ready line within 60 s"
}
# In order; its exit code.
stop_daemon() {  # NAME
    local code=0
    kill "${daemon[$1]}"
    wait "${daemon[$1]}" || code=$?
    unset "daemon[$1]"
    return $code
}
kill_daemon() {  # NAME
    kill -9 "${daemon[$1]}"
    wait "${daemon[$1]}" 2>/dev/null
    unset "daemon[$1]"
}

# jvm CLASS ARGS...: what it printed is in $dir/out.
jvm() {
    timeout 180 java -Xmx160m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dorg.apache.logging.log4j.level=OFF \
        -Dlog4j2.StatusLogger.level=OFF -cp "$libs/*" "$@" >"$dir/out" 2>&1
}
wants() { grep -qE -- "$1" "$dir/out" || fail "$2: no line with $1"; }
equal() { [[ $1 == "$2" ]] || fail "$3: '$1', not '$2'"; }

#!/usr/bin/env bash
# Apache Kafka's own command-line tools against a real daemon: topics (create, describe, alter), configs, get-offsets,
# delete-records, log-dirs, transactions describe-producers, console-producer, console-consumer, producer-perf,
# verifiable-producer, cluster, api-versions, dump-log.
# Last a data directory that Apache Kafka has written is given to the daemon.
#   kafka_tools.sh [BIN-DIR]      ends with a verdict line; exit 0 or 1, 77 where there is no Java or no Kafka
set -uo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/kafka.sh" kafka-tools "${1:-}"
boot=''

start() {  # [PORT [DATA]]
    start_daemon daemon --dev --data "${2:-$dir/data}" --port "${1:-0}"
    boot=$(sed -n 's/.*listeners=PLAINTEXT:\/\/\([^ ,]*\).*/\1/p' "$dir/daemon.ready")
}

tool() { # CLASS ARGS...
    local class=$1; shift
    jvm "org.apache.kafka.tools.$class" --bootstrap-server "$boot" "$@"
}
configs() { jvm kafka.admin.ConfigCommand --bootstrap-server "$boot" "$@"; }
# The offsets of topic t at a time, as one line.
offsets() {
    tool GetOffsetShell --topic t --time "$1" || fail "get-offsets --time $1"
    tr '\n' ' ' <"$dir/out"
}

start
tool TopicCommand --create --topic t --partitions 2 || fail "topics --create"
tool TopicCommand --alter --topic t --partitions 4 || fail "topics --alter --partitions 4"
tool TopicCommand --describe --topic t || fail "topics --describe"
wants 'PartitionCount: 4' "topics --describe"
wants 'Partition: 3.*Leader: 1.*Isr: 1' "topics --describe"
tool TopicCommand --alter --topic t --partitions 3 && fail "topics --alter made a topic smaller"
wants 'The topic t currently has 4 partition\(s\); 3 would not be an increase.' "topics --alter"
say "topics: made with 2 partitions, grown to 4, not made smaller"

put() { printf '%s\n' "${@:2}" | timeout 60 kcat -P -b "$boot" -t t -p "$1" -X acks=all -X enable.idempotence=true \
    -X batch.num.messages=1 2>>"$dir/kcat.log" || fail "kcat could not produce"; }
put 0 a b c d e
put 3 x y z
equal "$(offsets latest)" "t:0:5 t:1:0 t:2:0 t:3:3 " "get-offsets latest"
equal "$(offsets earliest)" "t:0:0 t:1:0 t:2:0 t:3:0 " "get-offsets earliest"
equal "$(offsets earliest-local)" "t:0:0 t:1:0 t:2:0 t:3:0 " "get-offsets earliest-local"
equal "$(offsets latest-tiered)" "" "get-offsets latest-tiered"
equal "$(offsets earliest-pending-upload)" "" "get-offsets earliest-pending-upload"
[[ $(offsets max-timestamp) =~ ^t:0:[0-4]\ t:3:[0-2]\ $ ]] || fail "get-offsets max-timestamp"
say "get-offsets: all six times"

echo '{"version": 1, "partitions": [{"topic": "t", "partition": 0, "offset": 2},
    {"topic": "t", "partition": 3, "offset": -1}, {"topic": "t", "partition": 1, "offset": 99}]}' >"$dir/delete.json"
tool DeleteRecordsCommand --offset-json-file "$dir/delete.json" || fail "delete-records"
wants 't-0.*low_watermark: 2' "delete-records"
wants 't-3.*low_watermark: 3' "delete-records"
wants 't-1.*OffsetOutOfRange' "delete-records"
kill_daemon daemon
start "${boot##*:}"
equal "$(offsets earliest)" "t:0:2 t:1:0 t:2:0 t:3:3 " "get-offsets earliest after kill -9"
say "delete-records: the logs start where they were told to, after kill -9 too"

tool LogDirsCommand --describe --topic-list t || fail "log-dirs"
for p in 0 1 2 3; do wants "\"partition\":\"t-$p\",\"size\":[0-9]+,\"offsetLag\":0,\"isFuture\":false" "log-dirs"; done
wants '"partition":"t-0","size":[1-9]' "log-dirs"
wants '"error":null' "log-dirs"
say "log-dirs: four partitions with their sizes"

tool TransactionsCommand describe-producers --topic t --partition 0 || fail "transactions describe-producers"
wants '^[0-9]+[[:space:]]+0[[:space:]]+.*[[:space:]]4[[:space:]]' "transactions describe-producers"
say "transactions: the idempotent producer is there"

tool consumer.ConsoleConsumer --topic t --partition 0 --offset earliest --max-messages 3 --timeout-ms 60000 ||
    fail "console-consumer"
equal "$(grep -E '^[a-z]$' "$dir/out" | tr '\n' ' ')" "c d e " "console-consumer"
say "console-consumer: what is left, by a fetch session"

tool TopicCommand --create --topic u --partitions 2 --config retention.ms=3600000 || fail "topics --create --config"
printf 'k1\tone\nk2\ttwo\nk1\tthree\n' >"$dir/in"
tool ConsoleProducer --topic u --reader-property parse.key=true --compression-codec zstd <"$dir/in" || fail "console-producer"
tool ProducerPerformance --topic u --num-records 5000 --record-size 100 --throughput -1 || fail "producer-perf"
wants '^5000 records sent' "producer-perf"
tool VerifiableProducer --topic u --max-messages 100 --throughput -1 --acks -1 || fail "verifiable-producer"
equal "$(grep -c producer_send_success "$dir/out")" 100 "verifiable-producer"
tool GetOffsetShell --topic u || fail "get-offsets"
equal "$(awk -F: '{ n += $3 } END { print n }' "$dir/out")" 5103 "get-offsets of what three producers wrote"
for p in 0 1; do
    tool consumer.ConsoleConsumer --topic u --partition $p --offset earliest --timeout-ms 5000 \
        --formatter-property print.key=true || fail "console-consumer --partition $p"
    grep -E '^k[12]' "$dir/out" >>"$dir/keyed"
done
equal "$(sort -s -k1,1 "$dir/keyed" | tr '\t\n' '= ')" "k1=one k1=three k2=two " "console-consumer with keys"
say "console-producer, producer-perf, verifiable-producer: 5103 records, keys in order"

configs --describe --entity-type topics --entity-name u || fail "configs --describe"
wants 'retention.ms=3600000' "configs --describe"
cluster() { jvm org.apache.kafka.tools.ClusterTool "$1" --bootstrap-server "$boot"; }
cluster cluster-id || fail "cluster"
wants '^Cluster ID: [A-Za-z0-9_-]{22}$' "cluster cluster-id"
cluster list-endpoints || fail "cluster list-endpoints"
wants "^1 .*${boot##*:} .*unfenced" "cluster list-endpoints"
tool BrokerApiVersionsCommand || fail "api-versions"
wants 'Produce\(0\): 0 to 13 \[usable: 13\]' "api-versions"
wants 'Fetch\(1\): 4 to 18 \[usable: 18\]' "api-versions"
say "configs, cluster, api-versions"

jvm org.apache.kafka.tools.DumpLogSegments --deep-iteration --print-data-log --files \
    "$dir/data/u-0/00000000000000000000.log,$dir/data/u-1/00000000000000000000.log" || fail "dump-log"
equal "$(grep -cE '^\| offset: ' "$dir/out")" 5103 "records that dump-log sees"
wants 'compresscodec: zstd crc: [0-9]+ isvalid: true' "dump-log"
grep -q 'isvalid: false' "$dir/out" && fail "dump-log finds a damaged batch"
say "dump-log: reads what the daemon wrote"

stop_daemon daemon; code=$?
((code == 0)) || fail "the daemon's exit code after SIGTERM is $code"
# Kafka's node 1, with a free port of each kind.
read -r port other < <(python3 -c 'import socket
s = [socket.socket() for _ in "ab"]
[x.bind(("127.0.0.1", 0)) for x in s]
print(*[x.getsockname()[1] for x in s])')
cat >"$dir/server.properties" <<P
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$other
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$other
controller.listener.names=CONTROLLER
log.dirs=$dir/kafka
P
jvm kafka.tools.StorageTool format -t AAAAAAAAQACAAAAAAAAAAQ -c "$dir/server.properties" || fail "Kafka's storage format"
java -Xmx256m -XX:+UseSerialGC -Dorg.apache.logging.log4j.level=OFF -Dlog4j2.StatusLogger.level=OFF -cp "$libs/*" \
    kafka.Kafka "$dir/server.properties" >"$dir/out" 2>&1 </dev/null &
daemon[kafka]=$!
for ((i = 0; i < 600; i++)); do kcat -L -b "127.0.0.1:$port" -m 1 >/dev/null 2>&1 && break; sleep 0.1; done
for z in none gzip snappy lz4 zstd; do
    seq 2000 | timeout 60 kcat -P -b "127.0.0.1:$port" -t "old-$z" -z $z 2>>"$dir/kcat.log" || fail "Kafka takes no records"
done
stop_daemon kafka
start 0 "$dir/kafka"
for z in none gzip snappy lz4 zstd; do
    echo new | kcat -P -b "$boot" -t "old-$z" -X acks=all || fail "old-$z takes no record"
    equal "$(kcat -C -b "$boot" -t "old-$z" -o beginning -e -q -X check.crcs=true | cksum)" "$( (seq 2000; echo new) | cksum)" "old-$z"
done
stop_daemon daemon; code=$?
((code == 0)) || fail "the daemon's exit code after SIGTERM is $code"
say "a directory that Kafka wrote: its topics are served, with all their records, and take new ones"
say "kafka-tools: holds"

#!/usr/bin/env bash
# A quorum whose voters stand in the metadata log, with Apache Kafka's own tools: formatted directories, controllers
# that are added and removed, features, snapshots that kafka-dump-log reads, and the loss of the first controller.
#   quorum_tools.sh [BIN-DIR]      ends with a verdict line; exit 0 or 1, 77 where there is no Java or no Kafka
set -uo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/kafka.sh" quorum-tools "${1:-}"

quorum() { jvm org.apache.kafka.tools.MetadataQuorumCommand --bootstrap-server "$boot" "$@"; }

read -r b1 c1 c2 c3 < <(python3 - <<'PY'
import socket
held = [socket.socket() for _ in range(4)]
for s in held:
    s.bind(('127.0.0.1', 0))
print(*(s.getsockname()[1] for s in held))
PY
)
boot=127.0.0.1:$b1
controller=(0 "$c1" "$c2" "$c3")
for n in 1 2 3; do
    roles=controller listeners="CONTROLLER://127.0.0.1:${controller[$n]}"
    ((n == 1)) && { roles=broker,controller listeners="PLAINTEXT://127.0.0.1:$b1,$listeners"; }
    cat >"$dir/$n.properties" <<END
process.roles=$roles
node.id=$n
listeners=$listeners
advertised.listeners=$listeners
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.quorum.bootstrap.servers=127.0.0.1:$c1,127.0.0.1:$c2,127.0.0.1:$c3
log.dirs=$dir/data$n
metadata.log.max.record.bytes.between.snapshots=2000
metadata.max.retention.bytes=4000
END
done
start() { start_daemon "$1" --config "$dir/$1.properties"; }

# --- formatting
"$bin/faultlined" --config "$dir/1.properties" >"$dir/out" 2>&1 && fail "a directory that is not formatted was taken"
wants 'is not formatted' "start without format"
cluster=$("$bin/faultline" storage random-uuid)
"$bin/faultline" storage format -c "$dir/1.properties" -t "$cluster" >"$dir/out" 2>&1 && fail "format: no flag for the voters"
wants 'needs one of --standalone' "format without a flag"
"$bin/faultline" storage format -c "$dir/1.properties" -t "$cluster" --standalone >"$dir/out" 2>&1 || fail "format --standalone"
"$bin/faultline" storage format -c "$dir/1.properties" -t "$cluster" --standalone >"$dir/out" 2>&1 && fail "format twice"
wants 'is formatted already' "format twice"
for n in 2 3; do
    "$bin/faultline" storage format -c "$dir/$n.properties" -t "$cluster" --no-initial-controllers >"$dir/out" 2>&1 || fail "format node $n"
done
"$bin/faultline" storage info -c "$dir/1.properties" >"$dir/out" 2>&1 || fail "storage info"
wants "cluster.id=$cluster node.id=1" "storage info"
jvm kafka.tools.StorageTool info -c "$dir/1.properties" || fail "kafka-storage info"
wants "$cluster" "kafka-storage info"
start 1
start 2
start 3

# --- voters
directory() { sed -n 's/^directory.id=//p' "$dir/data$1/meta.properties"; }
quorum describe --status || fail "describe --status"
wants 'LeaderId: +1' "describe --status"
wants "CurrentVoters: .*\"id\": 1, \"directoryId\": \"$(directory 1)\"" "describe --status"
quorum --command-config "$dir/2.properties" add-controller || fail "add-controller 2"
quorum --command-config "$dir/3.properties" add-controller || fail "add-controller 3"
quorum --command-config "$dir/3.properties" add-controller && fail "add-controller 3, again"
wants 'DuplicateVoter' "add-controller 3, again"
quorum describe --replication || fail "describe --replication"
[[ $(grep -cE '(Leader|Follower)' "$dir/out") == 3 ]] || fail "describe --replication: not three voters"
wants "^2[[:space:]]+$(directory 2)[[:space:]].*Follower" "describe --replication"

# --- features
jvm org.apache.kafka.tools.FeatureCommand --bootstrap-server "$boot" describe || fail "features describe"
wants 'kraft.version.*FinalizedVersionLevel: 1' "features describe"
wants 'metadata.version.*FinalizedVersionLevel: 4.3' "features describe"
jvm org.apache.kafka.tools.FeatureCommand --bootstrap-server "$boot" downgrade --feature kraft.version=0 && fail "kraft.version went back"
wants 'kraft.version' "features downgrade"

# --- snapshots
for ((i = 0; i < 12; i++)); do
    "$bin/faultline" topic create "topic-$i" --bootstrap "$boot" >"$dir/out" 2>&1 || fail "topic create"
done
snapshot=''
for ((i = 0; i < 100; i++)); do
    snapshot=$(compgen -G "$dir/data2/__cluster_metadata-0/*[1-9]-*.checkpoint" | tail -1)
    [[ -n $snapshot ]] && break
    sleep 0.1
done
[[ -n $snapshot ]] || fail "node 2 wrote no snapshot"
cp "$snapshot" "$dir/${snapshot##*/}"
jvm org.apache.kafka.tools.DumpLogSegments --cluster-metadata-decoder --files "$dir/${snapshot##*/}" || fail "dump-log"
wants 'SnapshotHeader' "dump-log"
wants 'KRaftVoters' "dump-log"
wants 'TOPIC_RECORD' "dump-log"
wants 'SnapshotFooter' "dump-log"

# --- a node that comes back to a log that begins above its own, and the loss of a controller
kill_daemon 3
for ((i = 12; i < 40; i++)); do
    "$bin/faultline" topic create "topic-$i" --bootstrap "$boot" >"$dir/out" 2>&1 || fail "topic create"
done
start 3
for ((i = 0; i < 300; i++)); do
    compgen -G "$dir/data3/__cluster_metadata-0/*[1-9]-*.checkpoint" >/dev/null && break
    sleep 0.1
done
quorum remove-controller --controller-id 2 --controller-directory-id "$(directory 2)" || fail "remove-controller 2"
quorum remove-controller --controller-id 2 --controller-directory-id "$(directory 2)" && fail "remove-controller 2, again"
wants 'VoterNotFound' "remove-controller 2, again"
quorum describe --replication || fail "describe --replication"
wants "^2[[:space:]]+$(directory 2)[[:space:]].*Observer" "describe --replication"
wants "^3[[:space:]]+$(directory 3)[[:space:]].*Follower" "describe --replication"
kill_daemon 1
start 1
quorum describe --status || fail "describe --status after a restart"
jvm org.apache.kafka.tools.TopicCommand --bootstrap-server "$boot" --list || fail "topics --list"
[[ $(grep -c '^topic-' "$dir/out") == 40 ]] || fail "topics --list: not 40"
for n in 1 2 3; do kill "${daemon[$n]}"; done
for n in 1 2 3; do wait "${daemon[$n]}" || fail "node $n did not stop in order"; unset "daemon[$n]"; done
say "quorum-tools: holds"

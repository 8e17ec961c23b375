#!/usr/bin/env bash
# A canary of the harness: a fault that does nothing must be called vacuous, by name, with exit code
# 3. Each kind is given twice: after the end of the run, and where nothing can be struck by it.
set -u
faultline=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0 checked=0

cat >"$dir/calm.json" <<'J'
{"name": "calm", "length": "2s",
 "cluster": {"topics": [{"name": "t"}]},
 "workload": [{"producer": "t", "count": 20}, {"id": "reader", "consumer": "t"}, {"id": "idle", "producer": "t", "count": 1}]}
J

# What a kind needs beside "do" and "at".
members() {  # KIND
    case $1 in
        reconfigure) echo ', "config": {"log.roll.ms": "5000"}' ;;
        partition | clog | silent_loss | half_open | slow_link) echo ', "from": "n1", "to": "idle"' ;;
        reorder) echo ', "from": "n1", "to": "idle", "by": "10ms"' ;;
        slow_reader) echo ', "bandwidth": 1000' ;;
        drop_response) echo ', "api": "list_offsets"' ;;
        latent_sector | bit_rot | sync_error | read_error | write_error | misdirected_write | lying_sync)
            echo ', "path": "*nothing*"' ;;
        lose_log_dir) echo ', "path": "nothing"' ;;
        disk_capacity) echo ', "bytes": 1000000' ;;
        clock_jump) echo ', "by": "10s"' ;;
        reassign | elect | delete_records) echo ', "partition": "t/0"' ;;
        add_voter | remove_voter) echo ', "node": "c1"' ;;
        clock_drift) echo ', "ppm": 100' ;;
    esac
}
expect_vacuous() {  # KIND FAULT
    local code more_set=()
    [[ $1 != *_voter ]] || more_set=(--set /cluster/brokers=2 --set /cluster/controllers=3 --set /cluster/voters=3)
    "$faultline" sim run "$dir/calm.json" "${more_set[@]}" --set "/faults/0=$2" >"$dir/out" 2>&1
    code=$?
    checked=$((checked + 1))
    if [[ $code != 3 ]] || ! grep -q "^vacuous: no effect of noop" "$dir/out"; then
        echo "$1: exit $code, wanted 3 and its name: $2"; tail -3 "$dir/out"; failed=1
    fi
}

while read -r kind group _; do
    more=$(members "$kind")
    expect_vacuous "$kind" "{\"id\": \"noop\", \"do\": \"$kind\", \"at\": \"1h\"$more}"
    # A producer that has sent its one record, listens to nobody and has no files. Its process, its
    # clock and its connection can be struck all the same.
    [[ $group == network || $group == disk ]] && [[ ! $kind =~ ^(reset|half_open)$ ]] || continue
    [[ $more == *'"from"'* || $more == *'"path"'* ]] || more="$more, \"node\": \"idle\""
    expect_vacuous "$kind" "{\"id\": \"noop\", \"do\": \"$kind\", \"at\": \"1900ms\"$more}"
done < <("$faultline" sim faults)
echo "$checked faults without effect"
((checked > 40)) || failed=1
exit $failed

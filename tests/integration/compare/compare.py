#!/usr/bin/env python3
"""The same raw requests to Apache Kafka and to faultlined; the answers are compared field by field, but for ids and times.

  compare.py [--bin DIR] [--kafka HOST:PORT] [--ours HOST:PORT] [--only GLOB] [--show]

Both are started fresh unless an address is given (then of a node 1 without topics). Differences that have a reason stand in
docs/KAFKA-DIFFERENCES.md, each with a name; differences.json says which fields of which cases a name covers. Exit 0: every difference is
listed and every entry of the list was met (or says `sometimes`); 1: not so; 77: there is no Java, no Maven, or no reference Kafka (FL_REFERENCE_KAFKA, else
../shared/kafka/kafka beside the repository).
"""

import argparse
import collections
import fnmatch
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import batches
import cases
from wire import NO_UUID, Closed, Connection, Malformed, api_names

ROOT = pathlib.Path(__file__).resolve().parents[3]
HERE = pathlib.Path(__file__).resolve().parent
READS = {"Metadata", "DescribeConfigs", "ListOffsets", "Fetch", "DescribeTopicPartitions", "DescribeProducers", "DescribeLogDirs", "ListConfigResources",
         "OffsetForLeaderEpoch", "DescribeCluster", "ApiVersions", "DescribeQuorum", "ListPartitionReassignments"}
MAKES = {"CreateTopics", "DeleteTopics", "CreatePartitions", "Metadata"}
# Lists whose order is that of a hash map in Kafka.
UNORDERED = {("DeleteRecords", "topics"), ("ListOffsets", "topics"), ("DescribeLogDirs", "topics"), ("DescribeLogDirs", "results"), ("DescribeConfigs", "configs"),
             ("ListConfigResources", "configResources"), ("ApiVersions", "supportedFeatures"), ("ApiVersions", "finalizedFeatures"), ("ApiVersions", "apiKeys"),
             ("DescribeProducers", "topics"), ("OffsetForLeaderEpoch", "topics"), ("Metadata", "topics"), ("ElectLeaders", "partitionResult"),
             ("CreateTopics", "configs"), ("CreateTopics", "topics"), ("DeleteTopics", "responses")}
SECRETS = {"port": "<port>", "clusterId": "<cluster>", "brokerEpoch": "<epoch>", "logDir": "<dir>", "totalBytes": "<bytes>", "usableBytes": "<bytes>",
           "incarnationId": "<id>", "replicaDirectoryId": "<id>", "partitionSize": "<bytes>"}
SHIFTING = {"finalizedFeaturesEpoch", "sessionId", "logEndOffset", "lastFetchTimestamp", "lastCaughtUpTimestamp"}


class Server:
    def __init__(self, name, address):
        self.name = name
        host, _, port = address.rpartition(":")
        self.host, self.port = host, int(port)
        self.names = {}  # topic id -> name, of all that there ever were
        self.connection = None

    def call(self, api, version, body):
        """What came back: a dictionary; of one entry where it was no answer: "closed", "no answer" or "malformed ..."."""
        try:
            if self.connection is None:
                try:
                    self.connection = Connection(self.host, self.port, 15)
                except ConnectionError as e:
                    raise SystemExit(f"compare: {self.name} does not accept connections any more: {e}") from e
            return self.connection.call(api, version, body) if version < 90 else self._future(self.connection, api, version)
        except Closed:
            outcome = "closed"
        except (TimeoutError, socket.timeout):
            outcome = "no answer"
        except Malformed as e:
            outcome = f"malformed: {e}"
        self.connection.close()
        self.connection = None
        return {"": outcome}

    @staticmethod
    def _future(connection, api, version):
        """A version that does not exist: header as of a flexible one."""
        import struct
        from wire import api_key
        connection.correlation = 1
        connection.send(struct.pack(">hhih", api_key(api), version, 1, 1) + b"c\0")
        return connection.answer("ApiVersions", 0) if api == "ApiVersions" else connection.receive() and {"": "answered"}

    def learn(self):
        """Looks which topics there are."""
        answer = self.call("Metadata", 12, {"topics": None})
        self.names.update({t["topicId"]: t["name"] for t in answer.get("topics", [])})

    def ids(self):
        """Topic name -> id, of topics that are gone too."""
        return collections.defaultdict(lambda: NO_UUID, {name: i for i, name in self.names.items()})


def plain(api, value, server, field=""):
    """The answer without what may differ."""
    if isinstance(value, dict):
        return {k: plain(api, v, server, k) for k, v in value.items()}
    if isinstance(value, list):
        out = [plain(api, v, server, field) for v in value]
        if (api, field) in UNORDERED or field in ("responses", "configs") and api.endswith("Configs"):
            out.sort(key=lambda v: json.dumps(v, sort_keys=True, default=repr))
        return out
    if field == "records":
        return [plain(api, b, server) | {"records": b.get("records", b"").hex()} for b in batches.read(value or b"")]
    if field in SECRETS and value not in (None, -1, 0, NO_UUID):
        return SECRETS[field]
    if field == "topicId":
        return f"<{server.names[value]}>" if value in server.names else value if value in (NO_UUID, cases.PLAIN) else "<new>"
    if field in SHIFTING and value > 0:
        return "<some>"
    if api == "InitProducerId" and field == "producerId" and value >= 0:
        return "<producer>"
    if api == "DescribeQuorum" and field in ("highWatermark", "leaderEpoch") and value >= 0:
        return "<some>"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value - time.time() * 1000) < 3600e3:
        return "<now>"
    if isinstance(value, str):
        for known, name in server.names.items():
            value = value.replace(known, f"<{name}>")
        value = value.replace(str(server.port + 1), "<port+1>").replace(str(server.port), "<port>")
        value = re.sub(r"/\S*/compare-[^/\s,]*/[a-z]+/?\S*", "<dir>", value)
    return value


def differ(a, b, path=""):
    """(path, Kafka's, ours) of each leaf that differs."""
    if isinstance(a, dict) and isinstance(b, dict):
        for k in list(a) + [k for k in b if k not in a]:
            here = f"{path}.{k}" if path else k
            if k not in a or k not in b:
                yield here, a.get(k, "<absent>"), b.get(k, "<absent>")
            else:
                yield from differ(a[k], b[k], here)
    elif isinstance(a, list) and isinstance(b, list):
        named = lambda items: all(isinstance(v, dict) and "name" in v for v in items) and len({v["name"] for v in items}) == len(items)
        if a and b and named(a) and named(b):
            yield from differ({v["name"]: v for v in a}, {v["name"]: v for v in b}, path)
        elif len(a) != len(b):
            yield path, a, b
        else:
            for i, (x, y) in enumerate(zip(a, b)):
                yield from differ(x, y, f"{path}[{i}]")
    elif a != b:
        yield path, a, b


def text(value):
    out = json.dumps(value, default=repr) if not isinstance(value, str) else value
    return out if len(out) < 300 else out[:300] + "..."


class Known:
    """Differences that have a reason."""

    def __init__(self):
        self.entries = json.loads((HERE / "differences.json").read_text())
        self.met = [0] * len(self.entries)

    def covers(self, case, path):
        found = False
        for i, e in enumerate(self.entries):
            if fnmatch.fnmatchcase(case, e["case"]) and any(fnmatch.fnmatchcase(path, p) for p in e["fields"]):
                self.met[i] += 1
                found = True
        return found

    def problems(self):
        rows = set(re.findall(r"^\| `([a-z0-9-]+)` \|", (ROOT / "docs" / "KAFKA-DIFFERENCES.md").read_text(), re.M))
        for e, met in zip(self.entries, self.met):
            if e["row"] not in rows:
                yield f"docs/KAFKA-DIFFERENCES.md has no row `{e['row']}`, which differences.json names"
            if not met and not e.get("sometimes"):  # some answers depend on the order in which partitions are read
                yield f"differences.json: nothing differed in \"{e['case']}\" {e['fields']} (row {e['row']}): take it out"


def run(kafka, ours, only, show):
    """Asks both everything; returns how many cases, and the differences that are not listed."""
    versions = both_versions(kafka, ours)
    known, wrong, asked = Known(), [], 0
    for name, api, version, body in cases.build(versions):
        if only and not fnmatch.fnmatchcase(name, only):
            continue
        asked += 1
        label = f"{name} [{api} v{version}]"
        began = time.monotonic()
        found = compare(kafka, ours, api, version, body)
        if show and time.monotonic() - began > 1:
            print(f"slow {label}: {time.monotonic() - began:.1f} s", flush=True)
        for path, a, b in found:
            bare = re.sub(r"\[\d+\]", "", path)
            listed = known.covers(name, f"{bare}={text(a)}") or known.covers(name, bare)
            if not listed:
                wrong.append(f"{label}: {path}\n    Kafka: {text(a)}\n    ours:  {text(b)}")
            if show or not listed:
                print(f"{'listed ' if listed else ''}{label}: {path}\n    Kafka: {text(a)}\n    ours:  {text(b)}", flush=True)
    if not only:
        wrong += list(known.problems())
    return asked, len(known.entries), wrong


def both_versions(kafka, ours):
    ranges = []
    for server in (kafka, ours):
        answer = server.call("ApiVersions", 4, {"clientSoftwareName": "compare", "clientSoftwareVersion": "1"})
        ranges.append({api_names()[k["apiKey"]]: (k["minVersion"], k["maxVersion"]) for k in answer["apiKeys"]})
    both = {}
    for api, (low, high) in ranges[1].items():
        if api in ranges[0]:
            both[api] = list(range(max(low, ranges[0][api][0], 3 if api == "Produce" else 0), min(high, ranges[0][api][1]) + 1))
    return both


def compare(kafka, ours, api, version, body):
    """Differences. What only asks is asked again while it differs: Kafka's metadata reach its handlers late."""
    def ask(server):
        return server.call(api, version, body(server.ids()) if callable(body) else body)

    def look():
        return list(differ(*(plain(api, answers[s], s) for s in (kafka, ours))))

    answers = {}
    for server in (kafka, ours):
        answers[server] = ask(server)
        for _ in range(25):
            # NOT_LEADER_OR_FOLLOWER of a topic that has just been made.
            if api != "Produce" or '"errorCode": 6,' not in json.dumps(answers[server], default=repr):
                break
            time.sleep(0.2)
            answers[server] = ask(server)
    if api in MAKES:
        time.sleep(0.1)
        kafka.learn(), ours.learn()
    found = look()
    for pause in (0.05, 0.3):
        if not found or api not in READS:
            break
        time.sleep(pause)
        kafka.learn(), ours.learn()
        answers = {s: ask(s) for s in (kafka, ours)}
        found = look()
    return found


def free_port(n=1):
    held = []
    try:
        for port in range(20000 + os.getpid() % 20000, 65000):
            held = [socket.socket() for _ in range(n)]
            try:
                for i, s in enumerate(held):
                    s.bind(("127.0.0.1", port + i))
                return port
            except OSError:
                for s in held:
                    s.close()
    finally:
        for s in held:
            s.close()


def start_ours(binary, folder):
    """With the configuration that shared/kafka/kafka gives Apache Kafka."""
    port = free_port(2)
    log = open(folder / "faultlined.log", "w")
    (folder / "server.properties").write_text(f"""
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{port + 1}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{port + 1}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={folder}/data
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
""")
    process = subprocess.Popen([binary, "--config", str(folder / "server.properties")], stdout=subprocess.PIPE, stderr=log, text=True)
    if not (process.stdout.readline() or "").startswith("faultlined ready"):
        raise RuntimeError(f"faultlined did not start: {(folder / 'faultlined.log').read_text()[-500:]}")
    return process, f"127.0.0.1:{port}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default=str(ROOT / "build" / "release" / "bin"))
    parser.add_argument("--kafka")
    parser.add_argument("--ours")
    parser.add_argument("--only")
    parser.add_argument("--show", action="store_true")
    args = parser.parse_args()
    script = os.environ.get("FL_REFERENCE_KAFKA") or str(ROOT.parent / "shared" / "kafka" / "kafka")
    if not args.kafka:
        for what, there in (("java", shutil.which("java")), ("mvn", shutil.which("mvn")), (script, os.path.exists(script))):
            if not there:
                print(f"compare: skipped, there is no {what}")
                return 77
    # In memory where that is possible: what is compared are answers, not disks.
    folder = pathlib.Path(tempfile.mkdtemp(prefix="compare-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
    daemon = None
    try:
        if not args.kafka:
            port = free_port(2)
            started = subprocess.run([script, "start", str(folder / "kafka"), str(port)], capture_output=True, text=True,
                                     env=os.environ | {"KAFKA_HEAP_OPTS": "-Xmx400m"})
            if started.returncode:
                said = [f.read_text()[-300:] for f in (folder / "kafka").glob("*.log")]
                print(f"compare: skipped, the reference Kafka does not start: {started.stderr.strip()[-200:]} {said}")
                return 77
            args.kafka = f"127.0.0.1:{port}"
        if not args.ours:
            daemon, args.ours = start_ours(os.path.join(args.bin, "faultlined"), folder)
        asked, listed, wrong = run(Server("kafka", args.kafka), Server("ours", args.ours), args.only, args.show)
        if daemon and daemon.poll() is not None:
            wrong.append(f"faultlined ended with {daemon.returncode}")
        print(f"compare: {asked} requests, {listed} listed differences, {len(wrong)} that are not listed" + (": " + wrong[0].split(chr(10))[0] if wrong else ""))
        return 1 if wrong else 0
    finally:
        if daemon and daemon.poll() is not None:
            print(f"faultlined ended with {daemon.returncode}:\n{(folder / 'faultlined.log').read_text()[-3000:]}")
        elif daemon:
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(30)
        if (folder / "kafka").exists():
            subprocess.run([script, "stop", str(folder / "kafka"), "-9"], capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())

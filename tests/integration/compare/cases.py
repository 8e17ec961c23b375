"""The requests. A case is one request at one version; both servers get the same ones in the same order."""

from batches import batch, old_message
from wire import NO_UUID

PLAIN = "00" * 15 + "77"  # a uuid that no topic has


def topic(name, partitions=1, replicas=1, **configs):
    return {"name": name, "numPartitions": partitions, "replicationFactor": replicas,
            "configs": [{"name": k.replace("_", "."), "value": v} for k, v in configs.items()]}


def create(*topics, validate=False):
    return {"topics": list(topics), "timeoutMs": 30000, "validateOnly": validate}


def produce(name, records, partition=0, acks=-1, topic_id=None, timeout=30000, transactional_id=None):
    t = {"name": name, "partitionData": [{"index": partition, "records": records}]}
    if topic_id:
        t["topicId"] = topic_id
    return {"transactionalId": transactional_id, "acks": acks, "timeoutMs": timeout, "topicData": [t]}


def fetch(name, offset=0, partition=0, version=12, topic_id=None, wait=0, min_bytes=0, max_bytes=1 << 20, partition_bytes=1 << 20, **more):
    t = {"partitions": [{"partition": partition, "fetchOffset": offset, "partitionMaxBytes": partition_bytes, "currentLeaderEpoch": more.pop("leader_epoch", -1),
                         "lastFetchedEpoch": more.pop("last_epoch", -1)}]}
    t.update({"topicId": topic_id} if version >= 13 else {"topic": name})
    return {"replicaId": -1, "maxWaitMs": wait, "minBytes": min_bytes, "maxBytes": max_bytes, "sessionEpoch": -1, "topics": [t], **more}


def offsets(name, time, partition=0, leader_epoch=-1, isolation=0):
    return {"replicaId": -1, "isolationLevel": isolation, "timeoutMs": 5000,
            "topics": [{"name": name, "partitions": [{"partitionIndex": partition, "currentLeaderEpoch": leader_epoch, "timestamp": time}]}]}


def alter(kind, name, *ops, validate=False):
    return {"resources": [{"resourceType": kind, "resourceName": name,
                           "configs": [{"name": n, "configOperation": o, "value": v} for n, o, v in ops]}], "validateOnly": validate}


def replace(kind, name, *settings, validate=False):
    return {"resources": [{"resourceType": kind, "resourceName": name, "configs": [{"name": n, "value": v} for n, v in settings]}],
            "validateOnly": validate}


def describe(kind, name, keys=None, synonyms=True):
    return {"resources": [{"resourceType": kind, "resourceName": name, "configurationKeys": keys}], "includeSynonyms": synonyms}


class Script:
    """Gathers the cases. `at` runs a request at each of the versions that both servers have."""

    def __init__(self, versions):
        self.versions = versions  # API name -> versions both serve
        self.cases = []           # (name, api, version, body)

    def one(self, name, api, body, version=None):
        if api not in self.versions:
            return
        version = self.versions[api][-1] if version is None else version
        if version in self.versions[api]:
            self.cases.append((name, api, version, body))

    def at(self, name, api, body, low=0, high=99):
        for v in self.versions.get(api, []):
            if low <= v <= high:
                made = body(v) if callable(body) and body.__code__.co_varnames[:1] == ("v",) else body
                self.cases.append((name, api, v, made))


def build(versions):
    s = Script(versions)
    for part in (names_and_versions, topics, metadata, configs, brokers, producing, idempotence, fetching, listing_offsets, records_deleted,
                 partitions, elections, the_rest, removal):
        part(s)
    return s.cases


def names_and_versions(s):
    s.at("api-versions", "ApiVersions", {"clientSoftwareName": "compare", "clientSoftwareVersion": "1.0"})
    s.at("api-versions bad name", "ApiVersions", {"clientSoftwareName": "-x", "clientSoftwareVersion": "1.0"}, 3)
    s.at("api-versions empty name", "ApiVersions", {"clientSoftwareName": "", "clientSoftwareVersion": ""}, 3)
    s.cases.append(("api-versions of the future", "ApiVersions", 99, b""))
    s.cases.append(("api-versions cut", "ApiVersions", 3, b"\x09ab"))
    s.at("cluster", "DescribeCluster", {})
    s.at("cluster controllers", "DescribeCluster", {"endpointType": 2}, 1)
    s.at("cluster nonsense", "DescribeCluster", {"endpointType": 7}, 1)
    s.at("cluster operations", "DescribeCluster", {"includeClusterAuthorizedOperations": True})
    s.at("cluster fenced too", "DescribeCluster", {"includeFencedBrokers": True}, 2)


def topics(s):
    s.at("create plain", "CreateTopics", lambda v: create(topic(f"plain{v}", 2)))
    s.at("create twice", "CreateTopics", lambda v: create(topic(f"plain{v}", 2)))
    s.at("create default counts", "CreateTopics", lambda v: create(topic(f"default{v}", -1, -1)), 4)
    s.at("create validate", "CreateTopics", create(topic("ghost", 3), validate=True))
    s.at("create configs", "CreateTopics", lambda v: create(topic(f"tuned{v}", 1, retention_ms="1000", segment_bytes="2000000")))
    for label, t in {
        "no partitions": topic("bad", 0), "negative partitions": topic("bad", -5), "no replicas": topic("bad", 1, 0), "too many replicas": topic("bad", 1, 3),
        "negative replicas": topic("bad", 1, -2), "empty name": topic(""), "bad name": topic("a b"), "dots": topic(".."), "long name": topic("x" * 250),
        "unknown key": topic("bad", 1, 1, nix="1"), "bad value": topic("bad", 1, 1, retention_ms="x"), "out of bounds": topic("bad", 1, 1, segment_bytes="1"),
        "bad policy": topic("bad", 1, 1, cleanup_policy="burn"), "null value": topic("bad", 1, 1, retention_ms=None),
        "lags cross": topic("bad", 1, 1, min_compaction_lag_ms="5", max_compaction_lag_ms="1"),
        "tiered": topic("bad", 1, 1, remote_storage_enable="true"),
        "assigned": {"name": "assigned", "numPartitions": -1, "replicationFactor": -1, "assignments": [{"partitionIndex": 0, "brokerIds": [1]}, {"partitionIndex": 1, "brokerIds": [1]}]},
        "assigned and counted": {"name": "bad", "numPartitions": 1, "replicationFactor": -1, "assignments": [{"partitionIndex": 0, "brokerIds": [1]}]},
        "assigned gap": {"name": "bad", "numPartitions": -1, "replicationFactor": -1, "assignments": [{"partitionIndex": 1, "brokerIds": [1]}]},
        "assigned nobody": {"name": "bad", "numPartitions": -1, "replicationFactor": -1, "assignments": [{"partitionIndex": 0, "brokerIds": []}]},
        "assigned unknown": {"name": "bad", "numPartitions": -1, "replicationFactor": -1, "assignments": [{"partitionIndex": 0, "brokerIds": [9]}]},
        "assigned twice": {"name": "bad", "numPartitions": -1, "replicationFactor": -1, "assignments": [{"partitionIndex": 0, "brokerIds": [1, 1]}]},
        "assigned partition twice": {"name": "bad", "numPartitions": -1, "replicationFactor": -1, "assignments": [{"partitionIndex": 0, "brokerIds": [1]}, {"partitionIndex": 0, "brokerIds": [1]}]},
        "assigned uneven": {"name": "bad", "numPartitions": -1, "replicationFactor": -1, "assignments": [{"partitionIndex": 0, "brokerIds": [1]}, {"partitionIndex": 1, "brokerIds": [1, 1]}]},
    }.items():
        s.one("create " + label, "CreateTopics", create(t))
    s.one("create pair", "CreateTopics", create(topic("pair"), topic("pair")))
    s.one("create good and bad", "CreateTopics", create(topic("good"), topic("bad", 0)))
    s.one("create colliding", "CreateTopics", create(topic("a.b")))
    s.one("create colliding 2", "CreateTopics", create(topic("a_b")))
    s.one("create nothing", "CreateTopics", create())
    s.one("create internal", "CreateTopics", create(topic("__cluster_metadata")))
    s.one("create too many", "CreateTopics", create(topic("huge", 20000), validate=True))
    s.one("create too many together", "CreateTopics", create(topic("a b", 5000), topic("huge", 5001), validate=True))
    s.one("create too many records", "CreateTopics", create(topic("huge", 10000)))


def metadata(s):
    ask = lambda *names, **more: {"topics": [{"name": n} for n in names], **more}
    s.at("metadata one", "Metadata", ask("plain7", allowAutoTopicCreation=False))
    s.at("metadata none there", "Metadata", ask("nope", allowAutoTopicCreation=False), 4)
    s.at("metadata bad name", "Metadata", ask("a b", allowAutoTopicCreation=False), 4)
    s.at("metadata empty name", "Metadata", ask("", allowAutoTopicCreation=False), 4)
    s.at("metadata no topic", "Metadata", {"topics": []}, 1)
    s.one("metadata twice", "Metadata", ask("plain7", "plain7", allowAutoTopicCreation=False))
    s.one("metadata by id", "Metadata", lambda ids: {"topics": [{"topicId": ids["plain7"], "name": None}]})
    s.one("metadata by unknown id", "Metadata", {"topics": [{"topicId": PLAIN, "name": None}]})
    s.one("metadata id and name", "Metadata", lambda ids: {"topics": [{"topicId": ids["plain7"], "name": "plain7"}]})
    s.one("metadata neither", "Metadata", {"topics": [{"name": None}]})
    s.one("metadata neither v10", "Metadata", {"topics": [{"name": None}]}, 10)
    s.one("metadata id v10", "Metadata", lambda ids: {"topics": [{"topicId": ids["plain7"], "name": None}]}, 10)
    s.one("metadata operations", "Metadata", ask("plain7", includeTopicAuthorizedOperations=True, allowAutoTopicCreation=False))
    s.one("metadata makes", "Metadata", ask("made", allowAutoTopicCreation=True))
    s.one("metadata made", "Metadata", ask("made", allowAutoTopicCreation=True))
    s.one("metadata makes bad", "Metadata", ask("a b", allowAutoTopicCreation=True))
    s.one("metadata makes colliding", "Metadata", ask("a_b", allowAutoTopicCreation=True))
    s.one("metadata v3 makes", "Metadata", ask("made3"), 3)
    s.one("metadata v3 made", "Metadata", ask("made3"), 3)
    s.at("topic partitions", "DescribeTopicPartitions", {"topics": [{"name": "plain7"}, {"name": "nope"}], "responsePartitionLimit": 100})
    s.at("topic partitions limit", "DescribeTopicPartitions", {"topics": [{"name": "plain7"}], "responsePartitionLimit": 1})
    s.at("topic partitions cursor", "DescribeTopicPartitions",
         {"topics": [{"name": "plain7"}], "responsePartitionLimit": 10, "cursor": {"topicName": "plain7", "partitionIndex": 1}})
    s.at("topic partitions bad cursor", "DescribeTopicPartitions",
         {"topics": [{"name": "plain7"}], "responsePartitionLimit": 10, "cursor": {"topicName": "plain7", "partitionIndex": -1}})
    s.at("topic partitions no limit", "DescribeTopicPartitions", {"topics": [{"name": "plain7"}], "responsePartitionLimit": 0})


def groups_and_metrics(s):
    SET, DELETE, APPEND, _ = range(4)
    session, beat = "consumer.session.timeout.ms", "consumer.heartbeat.interval.ms"
    s.at("describe group", "DescribeConfigs", describe(32, "g1"))
    s.one("describe no group", "DescribeConfigs", describe(32, ""))
    s.at("alter group", "IncrementalAlterConfigs", lambda v: alter(32, "g1", (session, SET, f"{50000 + v}"), (beat, SET, "9000")))
    for key, value in ((session, "x"), (session, "5"), (session, "99999999"), (beat, "60000"), ("nix", "1"), ("share.auto.offset.reset", "bad"),
                       ("share.auto.offset.reset", "by_duration:PT1H"), ("share.isolation.level", "foo"), ("share.record.lock.duration.ms", "500"),
                       ("share.record.lock.duration.ms", "90000"), ("share.delivery.count.limit", "100"), ("streams.num.standby.replicas", "10"),
                       ("streams.session.timeout.ms", "10"), ("share.renew.acknowledge.enable", "maybe"), ("consumer.assignment.interval.ms", "-1")):
        s.one(f"alter group {key} {value}", "IncrementalAlterConfigs", alter(32, "g1", (key, SET, value)))
    s.one("alter group append", "IncrementalAlterConfigs", alter(32, "g1", (session, APPEND, "1")))
    s.one("alter no group", "IncrementalAlterConfigs", alter(32, "", (session, SET, "50000")))
    s.one("describe group altered", "DescribeConfigs", describe(32, "g1"))
    s.one("replace group", "AlterConfigs", replace(32, "g1", ("share.isolation.level", "read_committed")))
    s.one("describe group replaced", "DescribeConfigs", describe(32, "g1"))
    s.at("describe metrics", "DescribeConfigs", describe(16, "m1"))
    s.one("describe no metrics", "DescribeConfigs", describe(16, ""))
    for key, value in (("interval.ms", "1000"), ("interval.ms", "50"), ("interval.ms", "x"), ("metrics", "a,a"), ("match", "client_id=.*"), ("match", "foo=1"),
                       ("match", "client_id=["), ("match", "client_id"), ("nix", "1")):
        s.one(f"alter metrics {key} {value}", "IncrementalAlterConfigs", alter(16, "m1", (key, SET, value)))
    s.one("alter metrics append", "IncrementalAlterConfigs", alter(16, "m1", ("match", APPEND, "client_id=x")))
    s.one("alter no metrics", "IncrementalAlterConfigs", alter(16, "", ("interval.ms", SET, "1000")))
    s.one("describe metrics altered", "DescribeConfigs", describe(16, "m1"))
    for kinds in ([], [16], [32]):
        s.one(f"list while configured {kinds}", "ListConfigResources", {"resourceTypes": kinds})
    s.one("list while configured v0", "ListConfigResources", {}, 0)
    s.one("alter metrics back", "IncrementalAlterConfigs", alter(16, "m1", *[(k, DELETE, None) for k in ("interval.ms", "metrics", "match")]))
    s.one("alter group back", "IncrementalAlterConfigs", alter(32, "g1", ("share.isolation.level", DELETE, None)))


def configs(s):
    SET, DELETE, APPEND, SUBTRACT = range(4)
    on = lambda *ops, **more: alter(2, "plain7", *ops, **more)
    s.at("describe topic", "DescribeConfigs", describe(2, "plain7"))
    s.at("describe topic without synonyms", "DescribeConfigs", describe(2, "plain7", synonyms=False))
    s.one("describe some keys", "DescribeConfigs", describe(2, "tuned7", ["retention.ms", "nix", "segment.bytes"]))
    s.one("describe no keys", "DescribeConfigs", describe(2, "tuned7", []))
    s.one("describe unknown topic", "DescribeConfigs", describe(2, "nope"))
    s.one("describe bad topic", "DescribeConfigs", describe(2, "a b"))
    s.one("describe empty topic", "DescribeConfigs", describe(2, ""))
    s.one("describe twice", "DescribeConfigs", {"resources": describe(2, "plain7", ["flush.ms"])["resources"] * 2})
    s.one("describe nothing", "DescribeConfigs", {"resources": []})
    for kind in (0, 1, 3, 77):
        s.one(f"describe type {kind}", "DescribeConfigs", describe(kind, "plain7"))
        s.one(f"alter type {kind}", "IncrementalAlterConfigs", alter(kind, "plain7", ("retention.ms", SET, "1")))
        s.one(f"replace type {kind}", "AlterConfigs", replace(kind, "plain7", ("retention.ms", "1")))
    s.at("alter topic", "IncrementalAlterConfigs", lambda v: on(("retention.ms", SET, f"{1000 + v}"), ("segment.bytes", SET, "2000000")))
    s.one("describe altered", "DescribeConfigs", describe(2, "plain7"))
    for label, ops in {
        "unknown key": [("nix", SET, "1")], "bad value": [("retention.ms", SET, "x")], "spaces": [("retention.ms", SET, " 77 ")],
        "null": [("retention.ms", SET, None)], "bad op": [("retention.ms", 9, "1")], "twice": [("flush.ms", SET, "1"), ("flush.ms", SET, "2")],
        "append to no list": [("retention.ms", APPEND, "1")], "append": [("cleanup.policy", APPEND, "compact")],
        "append again": [("cleanup.policy", APPEND, "compact")], "subtract": [("cleanup.policy", SUBTRACT, "delete")],
        "subtract what is not there": [("cleanup.policy", SUBTRACT, "delete")], "subtract the last": [("cleanup.policy", SUBTRACT, "compact")],
        "append nonsense": [("cleanup.policy", APPEND, "burn")], "delete": [("cleanup.policy", DELETE, None)],
        "delete with value": [("retention.ms", DELETE, "5")], "delete unset": [("flush.ms", DELETE, None)], "delete unknown": [("nix", DELETE, None)],
        "nothing": [], "lags cross": [("min.compaction.lag.ms", SET, "500"), ("max.compaction.lag.ms", SET, "100")],
        "below": [("segment.bytes", SET, "1")], "bool": [("unclean.leader.election.enable", SET, "maybe")], "double": [("min.cleanable.dirty.ratio", SET, "2")],
        "throttled long": [("leader.replication.throttled.replicas", SET, ",".join(f"{i}:1" for i in range(3000)))],
        "throttled too long": [("leader.replication.throttled.replicas", APPEND, ",".join(f"{i}:1" for i in range(3000, 6000)))],
        "throttled": [("leader.replication.throttled.replicas", SET, "0:1")], "throttled bad": [("leader.replication.throttled.replicas", SET, "0")],
        "compression": [("compression.type", SET, "zip")], "tiered": [("remote.storage.enable", SET, "true")], "int overflow": [("segment.bytes", SET, "99999999999")],
        "min isr": [("min.insync.replicas", SET, "0")], "timestamp type": [("message.timestamp.type", SET, "never")],
    }.items():
        s.one("alter " + label, "IncrementalAlterConfigs", on(*ops))
    s.one("describe after all that", "DescribeConfigs", describe(2, "plain7"))
    s.one("alter validate", "IncrementalAlterConfigs", on(("retention.ms", SET, "5"), validate=True))
    s.one("alter validate bad", "IncrementalAlterConfigs", on(("retention.ms", SET, "x"), validate=True))
    s.one("describe after validate", "DescribeConfigs", describe(2, "plain7", ["retention.ms"]))
    s.one("alter unknown topic", "IncrementalAlterConfigs", alter(2, "nope", ("retention.ms", SET, "1")))
    s.one("alter bad value of unknown topic", "IncrementalAlterConfigs", alter(2, "nope", ("retention.ms", SET, "x")))
    s.one("alter empty topic", "IncrementalAlterConfigs", alter(2, "", ("retention.ms", SET, "1")))
    s.one("alter bad topic", "IncrementalAlterConfigs", alter(2, "a b", ("retention.ms", SET, "1")))
    s.one("alter no resource", "IncrementalAlterConfigs", {"resources": []})
    s.one("alter resource twice", "IncrementalAlterConfigs",
          {"resources": on()["resources"] + alter(2, "tuned7")["resources"] + on()["resources"]})
    s.one("alter good and bad", "IncrementalAlterConfigs", {"resources": on(("flush.ms", SET, "7"))["resources"] + alter(2, "nope")["resources"]})
    s.at("replace topic", "AlterConfigs", lambda v: replace(2, "tuned7", ("flush.ms", f"{70 + v}")))
    s.one("describe replaced", "DescribeConfigs", describe(2, "tuned7", ["flush.ms", "retention.ms", "segment.bytes"]))
    s.one("replace null", "AlterConfigs", replace(2, "tuned7", ("flush.ms", None)))
    s.one("replace twice", "AlterConfigs", replace(2, "tuned7", ("flush.ms", "1"), ("flush.ms", "2")))
    s.one("replace unknown", "AlterConfigs", replace(2, "tuned7", ("nix", "1")))
    s.one("replace validate", "AlterConfigs", replace(2, "tuned7", validate=True))
    s.one("replace by nothing", "AlterConfigs", replace(2, "tuned7"))
    s.one("describe emptied", "DescribeConfigs", describe(2, "tuned7"))
    s.one("replace unknown topic", "AlterConfigs", replace(2, "nope"))
    groups_and_metrics(s)
    for kinds in ([], [2], [4], [8], [16], [32], [2, 4], [4, 2], [1], [0], [64]):
        s.one(f"list resources {kinds}", "ListConfigResources", {"resourceTypes": kinds})
    s.one("list resources v0", "ListConfigResources", {}, 0)


def brokers(s):
    SET, DELETE, APPEND = 0, 1, 2
    s.at("describe broker", "DescribeConfigs", describe(4, "1"))
    s.one("describe broker defaults", "DescribeConfigs", describe(4, ""))
    for name in ("2", "x", "-1", "01", "1 "):
        s.one(f"describe broker {name!r}", "DescribeConfigs", describe(4, name, ["log.retention.ms"]))
        s.one(f"alter broker {name!r}", "IncrementalAlterConfigs", alter(4, name, ("log.retention.ms", SET, "7000")))
    s.one("alter broker", "IncrementalAlterConfigs", alter(4, "1", ("log.retention.ms", SET, "7777")))
    s.one("alter all brokers", "IncrementalAlterConfigs", alter(4, "", ("log.retention.ms", SET, "888"), ("nix", SET, "3")))
    keys = ["log.retention.ms", "log.retention.hours", "log.retention.minutes", "log.roll.ms", "nix", "min.insync.replicas", "log.dir"]
    s.one("describe broker altered", "DescribeConfigs", describe(4, "1", keys))
    s.one("describe defaults altered", "DescribeConfigs", describe(4, "", ["log.retention.ms", "nix"]))
    s.one("describe topic below", "DescribeConfigs", describe(2, "assigned", ["retention.ms", "flush.ms", "cleanup.policy"]))
    for label, (name, ops) in {
        "read only": ("1", [("num.partitions", SET, "3")]), "two read only": ("1", [("num.partitions", SET, "3"), ("node.id", SET, "5")]),
        "unknown": ("1", [("nix", SET, "3")]), "bad value": ("1", [("log.retention.ms", SET, "x")]), "below": ("", [("message.max.bytes", SET, "-1")]),
        "roll 0": ("", [("log.roll.ms", SET, "0")]), "retention 0": ("1", [("log.retention.ms", SET, "0")]), "jitter": ("1", [("log.roll.jitter.ms", SET, "-5")]),
        "per broker at default": ("", [("listener.security.protocol.map", SET, "PLAINTEXT:PLAINTEXT")]),
        "security": ("1", [("ssl.keystore.type", SET, "JKS")]), "password": ("1", [("sasl.jaas.config", SET, "x")]),
        "listener": ("1", [("listener.name.plaintext.ssl.key.password", SET, "x")]), "listener default": ("", [("listener.name.plaintext.max.connections", SET, "5000")]),
        "throttle": ("1", [("leader.replication.throttled.rate", SET, "100")]), "bad op": ("1", [("log.retention.ms", 7, "3")]),
        "own min isr": ("1", [("min.insync.replicas", SET, "2")]), "append": ("1", [("log.cleanup.policy", APPEND, "compact")]),
        "append no list": ("1", [("log.retention.ms", APPEND, "1")]),
        "append unknown": ("1", [("nix2", APPEND, "compact")]), "delete unknown": ("1", [("nix2", DELETE, None)]),
        "compression": ("1", [("compression.type", SET, "foo")]), "timestamps": ("1", [("log.message.timestamp.type", SET, "x")]),
        "threads too few": ("1", [("num.io.threads", SET, "1")]), "threads too many": ("1", [("num.io.threads", SET, "100")]), "threads": ("1", [("num.io.threads", SET, "9")]),
    }.items():
        s.one("alter broker " + label, "IncrementalAlterConfigs", alter(4, name, *ops))
    s.one("describe broker in the end", "DescribeConfigs", describe(4, "1", ["sasl.jaas.config", "log.cleanup.policy", "listener.name.plaintext.ssl.key.password",
                                                                           "leader.replication.throttled.rate", "nix", "nix2", "num.io.threads"]))
    s.one("alter broker back", "IncrementalAlterConfigs",
          alter(4, "1", *[(k, DELETE, None) for k in ("log.retention.ms", "log.cleanup.policy", "sasl.jaas.config", "nix", "num.io.threads")]))
    s.one("alter defaults back", "IncrementalAlterConfigs", alter(4, "", ("log.retention.ms", DELETE, None), ("nix", DELETE, None)))
    s.one("replace broker", "AlterConfigs", replace(4, "1", ("log.roll.ms", "77")))
    s.one("replace broker read only", "AlterConfigs", replace(4, "1", ("num.partitions", "7")))
    s.one("replace another broker", "AlterConfigs", replace(4, "2"))
    s.one("replace broker by nothing", "AlterConfigs", replace(4, "1"))
    s.one("replace defaults by nothing", "AlterConfigs", replace(4, ""))
    s.one("describe broker again", "DescribeConfigs", describe(4, "1", keys))
    s.one("loggers", "DescribeConfigs", describe(8, "1", ["root"]))
    s.one("loggers of another", "DescribeConfigs", describe(8, "9"))
    s.one("loggers of nobody", "DescribeConfigs", describe(8, ""))
    for label, (name, op) in {
        "level": ("1", ("root", SET, "ERROR")), "bad level": ("1", ("root", SET, "LOUD")), "unknown": ("1", ("nix", SET, "DEBUG")), "delete": ("1", ("root", DELETE, None)),
        "another": ("9", ("root", SET, "INFO")), "nobody": ("", ("root", SET, "INFO")), "append": ("1", ("root", APPEND, "INFO")), "null": ("1", ("root", SET, None)),
    }.items():
        s.one("logger " + label, "IncrementalAlterConfigs", alter(8, name, op))
    s.one("loggers altered", "DescribeConfigs", describe(8, "1", ["root"]))
    s.one("loggers replaced", "AlterConfigs", replace(8, "1", ("root", "INFO")))


def producing(s):
    s.one("create for producing", "CreateTopics", create(
        topic("log", 3), topic("stamped", 1, 1, message_timestamp_type="LogAppendTime"), topic("compacted", 1, 1, cleanup_policy="compact"),
        topic("small", 1, 1, max_message_bytes="200"), topic("strict", 1, 1, message_timestamp_before_max_ms="1000", message_timestamp_after_max_ms="1000"),
        topic("safe", 1, 1, min_insync_replicas="2"), topic("zipped", 1, 1, compression_type="gzip"), topic("plainly", 1, 1, compression_type="uncompressed")))
    ids = lambda name, *a, **k: (lambda ids: produce(name, *a, topic_id=ids[name], **k))
    s.at("produce", "Produce", lambda v: produce("log", batch([b"%d" % v])) if v < 13 else ids("log", batch([b"13"])))
    s.one("produce three", "Produce", produce("log", batch([b"a", b"b", b"c"], keys=[b"k", None, b""])), 12)
    s.one("produce acks 1", "Produce", produce("log", batch(), acks=1), 12)
    s.one("produce acks 2", "Produce", produce("log", batch(), acks=2), 12)
    s.one("produce acks -2", "Produce", produce("log", batch(), acks=-2), 12)
    s.one("produce unknown topic", "Produce", produce("nope", batch()), 12)
    s.one("produce unknown partition", "Produce", produce("log", batch(), partition=9), 12)
    s.one("produce negative partition", "Produce", produce("log", batch(), partition=-1), 12)
    s.one("produce unknown id", "Produce", produce("", batch(), topic_id=PLAIN), 13)
    s.one("produce bad name", "Produce", produce("a b", batch()), 12)
    s.one("produce metadata topic", "Produce", produce("__cluster_metadata", batch()), 12)
    for label, records in {
        "null": None, "empty": b"", "half a batch": batch()[:40], "crc": batch(spoil_crc=True), "magic 1": old_message(1), "magic 0": old_message(0), "magic 3": batch(magic=3),
        "two batches": batch() + batch(), "base offset": batch(base_offset=5), "gap": batch([b"a", b"b"], deltas=[0, 5], last_delta=5),
        "count too high": batch(count=3), "count too low": batch([b"a", b"b"], count=1), "last delta": batch([b"a"], last_delta=4), "control": batch(attributes=0x20),
        "transactional without id": batch(attributes=0x10), "codec 5": batch(attributes=5), "codec 7": batch(attributes=7), "broken gzip": batch(attributes=1), "gzip": batch(compress=True),
        "no records": batch([], last_delta=-1), "log append bit": batch(attributes=8), "timestamp -1": batch(base_timestamp=-1, max_timestamp=-1),
        "wrong max timestamp": batch(max_timestamp=5), "sequence without producer": batch(sequence=0), "leader epoch": batch(leader_epoch=7),
        "far future": batch(base_timestamp=4102444800000 + 10**11), "negative timestamp": batch(base_timestamp=-5, max_timestamp=-5), "unused bits": batch(attributes=0x300),
        "delete horizon": batch(attributes=0x40),
    }.items():
        s.one("produce " + label, "Produce", produce("log", records, partition=1), 12)
    # On a topic that nothing is read from: Kafka takes them.
    s.one("produce a batch and a half", "Produce", produce("plain4", batch() + batch()[:30]), 12)
    s.one("produce trailing bytes", "Produce", produce("plain4", batch() + b"xyz"), 12)
    s.one("produce bad at v3", "Produce", produce("log", batch(spoil_crc=True), partition=1), 3)
    s.one("produce bad at v7", "Produce", produce("log", batch([b"a", b"b"], deltas=[0, 5], last_delta=5), partition=1), 7)
    s.one("produce stamped", "Produce", produce("stamped", batch([b"a", b"b"])), 12)
    s.one("produce stamped old", "Produce", produce("stamped", batch(base_timestamp=5)), 12)
    s.one("produce stamped gzip", "Produce", produce("stamped", batch([b"a", b"b"], compress=True)), 12)
    s.one("produce compacted", "Produce", produce("compacted", batch([b"a", b"b"], keys=[b"k", b"l"])), 12)
    s.one("produce compacted without key", "Produce", produce("compacted", batch([b"a", b"b", b"c"], keys=[None, b"k", None])), 12)
    s.at("produce compacted keyless", "Produce", produce("compacted", batch([b"a", b"b"], keys=[b"k", None])), 3, 12)
    s.one("produce large", "Produce", produce("small", batch([b"x" * 300])), 12)
    s.one("produce large at v3", "Produce", produce("small", batch([b"x" * 300])), 3)
    s.one("produce just fits", "Produce", produce("small", batch([b"x" * 100])), 12)
    s.one("produce early", "Produce", produce("strict", batch([b"a", b"b"], base_timestamp=1000)), 12)
    s.one("produce late", "Produce", produce("strict", batch(base_timestamp=4102444800000)), 12)
    s.one("produce too few in sync", "Produce", produce("safe", batch()), 12)
    s.one("produce too few in sync acks 1", "Produce", produce("safe", batch(), acks=1), 12)
    s.one("produce to gzip", "Produce", produce("zipped", batch([b"a" * 50, b"b"])), 12)
    s.one("produce gzip to gzip", "Produce", produce("zipped", batch([b"a" * 50, b"b"], compress=True)), 12)
    s.one("produce gzip to uncompressed", "Produce", produce("plainly", batch([b"a" * 50, b"b"], compress=True)), 12)
    s.one("produce nothing", "Produce", {"acks": -1, "timeoutMs": 1000, "topicData": []}, 12)
    s.one("produce no partitions", "Produce", {"acks": -1, "timeoutMs": 1000, "topicData": [{"name": "log", "partitionData": []}]}, 12)
    two = produce("log", batch([b"x"]))
    two["topicData"][0]["partitionData"].append({"index": 9, "records": batch([b"y"])})
    two["topicData"].append({"name": "nope", "partitionData": [{"index": 0, "records": batch()}]})
    s.one("produce good and bad", "Produce", two, 12)
    twice = produce("plain5", batch([b"x"]))
    twice["topicData"][0]["partitionData"].append({"index": 0, "records": batch([b"y"])})
    s.one("produce a partition twice", "Produce", twice, 12)


def idempotence(s):
    s.at("producer id", "InitProducerId", {"transactionTimeoutMs": 60000})
    s.one("producer id empty transaction", "InitProducerId", {"transactionalId": "", "transactionTimeoutMs": 60000})
    s.one("producer id timeout 0", "InitProducerId", {"transactionTimeoutMs": 0})
    s.one("producer id timeout -1", "InitProducerId", {"transactionTimeoutMs": -1})
    for label, (pid, epoch) in {"given": (1000, 0), "given without epoch": (1000, -1), "epoch without id": (-1, 3), "negative": (-5, 0), "at the end": (1000, 32767)}.items():
        s.one("producer id " + label, "InitProducerId", {"transactionTimeoutMs": 60000, "producerId": pid, "producerEpoch": epoch})
    s.one("create for idempotence", "CreateTopics", create(topic("idem", 3)))
    send = lambda label, sequence, n=1, epoch=0, pid=7001, partition=0, **more: s.one(
        "idempotent " + label, "Produce", produce("idem", batch([b"v"] * n, producer=pid, epoch=epoch, sequence=sequence, **more), partition=partition), 12)
    send("first", 0)
    send("first again", 0)
    for i in range(1, 8):
        send(f"next {i}", i)
    send("five back", 3)
    send("six back", 2)
    send("gap", 20)
    send("overlap", 6, n=3)
    send("newer epoch not at 0", 5, epoch=1)
    send("newer epoch", 0, epoch=1)
    send("older epoch", 8, epoch=0)
    send("unknown producer in the middle", 40, pid=7002)
    send("it goes on", 41, pid=7002)
    send("negative sequence", -1, pid=7003)
    send("negative epoch", 0, epoch=-1, pid=7004)
    send("near the wrap", 2147483645, n=2, pid=7005, partition=1)
    send("over the wrap", 2147483647, n=3, pid=7005, partition=1)
    send("over the wrap again", 2147483647, n=3, pid=7005, partition=1)
    send("after the wrap", 2, pid=7005, partition=1)
    send("transactional", 0, pid=7006, partition=2, attributes=0x10)
    s.at("producers", "DescribeProducers", {"topics": [{"name": "idem", "partitionIndexes": [0, 1, 9]}, {"name": "nope", "partitionIndexes": [0]}]})
    s.one("producers none", "DescribeProducers", {"topics": [{"name": "log", "partitionIndexes": [0]}]})
    s.one("idempotent fetch", "Fetch", fetch("idem"), 12)
    s.one("idempotent fetch wrap", "Fetch", fetch("idem", partition=1), 12)


def fetching(s):
    ids = lambda name, **k: (lambda ids: fetch(name, version=13, topic_id=ids[name], **k))
    s.at("fetch", "Fetch", lambda v: fetch("log", version=v) if v < 13 else ids("log"))
    for name in ("stamped", "compacted", "zipped", "plainly", "small", "safe"):
        s.one("fetch " + name, "Fetch", fetch(name), 12)
    s.one("fetch what was odd", "Fetch", fetch("log", partition=1), 12)
    s.at("fetch end", "Fetch", lambda v: fetch("small", 1, version=v), 4, 12)
    s.one("fetch beyond", "Fetch", fetch("log", 9999), 12)
    s.one("fetch negative", "Fetch", fetch("log", -1), 12)
    s.one("fetch unknown topic", "Fetch", fetch("nope"), 12)
    s.one("fetch unknown partition", "Fetch", fetch("log", partition=9), 12)
    s.one("fetch unknown id", "Fetch", fetch("", version=17, topic_id=PLAIN), 17)
    s.one("fetch no id", "Fetch", fetch("", version=17, topic_id=NO_UUID), 17)
    s.one("fetch one byte", "Fetch", fetch("log", partition_bytes=1), 12)
    s.one("fetch max bytes 1", "Fetch", fetch("log", max_bytes=1), 12)
    s.one("fetch max bytes 0", "Fetch", fetch("log", max_bytes=0), 12)
    s.one("fetch 200 bytes", "Fetch", fetch("log", max_bytes=200), 12)
    three = fetch("log", max_bytes=1)
    three["topics"][0]["partitions"] += [dict(three["topics"][0]["partitions"][0], partition=p) for p in (1, 2)]
    s.one("fetch three, room for one", "Fetch", three, 12)
    s.one("fetch three, room for two", "Fetch", dict(three, maxBytes=700), 12)
    s.one("fetch from the middle of a batch", "Fetch", fetch("log", 11, partition=0), 12)
    s.one("fetch epoch", "Fetch", fetch("log", leader_epoch=0), 12)
    s.one("fetch fenced epoch", "Fetch", fetch("log", leader_epoch=-2), 12)
    s.one("fetch future epoch", "Fetch", fetch("log", leader_epoch=9), 12)
    s.one("fetch diverging", "Fetch", fetch("log", last_epoch=9), 12)
    s.one("fetch last epoch", "Fetch", fetch("log", 1, last_epoch=0), 12)
    s.one("fetch committed", "Fetch", fetch("log", isolationLevel=1), 12)
    s.one("fetch isolation 7", "Fetch", fetch("log", isolationLevel=7), 12)
    s.one("fetch waits", "Fetch", fetch("log", 9998, wait=50, min_bytes=1), 12)
    s.one("fetch waits at the end", "Fetch", fetch("small", 1, wait=50, min_bytes=1), 12)
    s.one("fetch nothing", "Fetch", {"maxWaitMs": 0, "minBytes": 0, "maxBytes": 1000, "sessionEpoch": -1, "topics": []}, 12)
    s.one("fetch session unknown", "Fetch", fetch("log", sessionId=99) | {"sessionEpoch": 5}, 12)
    s.one("fetch session new with id", "Fetch", fetch("log", sessionId=99) | {"sessionEpoch": 0}, 12)
    s.one("fetch as follower", "Fetch", fetch("log") | {"replicaId": 9}, 12)
    s.at("leader epochs", "OffsetForLeaderEpoch", {"replicaId": -2, "topics": [{"topic": "log", "partitions": [
        {"partition": 0, "currentLeaderEpoch": -1, "leaderEpoch": 0}, {"partition": 1, "currentLeaderEpoch": 0, "leaderEpoch": 5},
        {"partition": 2, "currentLeaderEpoch": 7, "leaderEpoch": 0}, {"partition": 9, "currentLeaderEpoch": -1, "leaderEpoch": 0}]},
        {"topic": "nope", "partitions": [{"partition": 0, "currentLeaderEpoch": -1, "leaderEpoch": 0}]}]})
    s.one("leader epoch negative", "OffsetForLeaderEpoch", {"replicaId": -2, "topics": [{"topic": "log", "partitions": [{"partition": 0, "currentLeaderEpoch": -1, "leaderEpoch": -1}]}]})


def listing_offsets(s):
    for name, time, low in (("latest", -1, 1), ("earliest", -2, 1), ("max timestamp", -3, 7), ("earliest local", -4, 8), ("latest tiered", -5, 9), ("earliest pending", -6, 11),
                            ("zero", 0, 1), ("far", 1 << 60, 1), ("negative", -99, 1)):
        s.at("offsets " + name, "ListOffsets", offsets("log", time), low)
        s.at("offsets of nothing " + name, "ListOffsets", offsets("assigned", time), low)
    s.one("offsets too early a version", "ListOffsets", offsets("log", -3), 6)
    s.one("offsets unknown topic", "ListOffsets", offsets("nope", -1))
    s.one("offsets unknown partition", "ListOffsets", offsets("log", -1, partition=9))
    s.one("offsets fenced", "ListOffsets", offsets("log", -1, leader_epoch=5))
    s.one("offsets epoch", "ListOffsets", offsets("log", -1, leader_epoch=0))
    s.one("offsets committed", "ListOffsets", offsets("log", -1, isolation=1))
    twice = offsets("log", -1)
    twice["topics"][0]["partitions"] *= 2
    s.one("offsets twice", "ListOffsets", twice)


def records_deleted(s):
    delete = lambda name, partition, offset: {"topics": [{"name": name, "partitions": [{"partitionIndex": partition, "offset": offset}]}], "timeoutMs": 5000}
    s.at("delete records", "DeleteRecords", lambda v: delete("log", 0, 2 + v))
    s.one("delete records to the end", "DeleteRecords", delete("small", 0, -1))
    s.one("delete records back", "DeleteRecords", delete("log", 0, 1))
    s.one("delete records beyond", "DeleteRecords", delete("log", 0, 9999))
    s.one("delete records negative", "DeleteRecords", delete("log", 0, -2))
    s.one("delete records unknown topic", "DeleteRecords", delete("nope", 0, 1))
    s.one("delete records unknown partition", "DeleteRecords", delete("log", 9, 1))
    s.one("delete records compacted", "DeleteRecords", delete("compacted", 0, 1))
    s.one("delete records internal", "DeleteRecords", delete("__cluster_metadata", 0, 1))
    s.one("offsets after", "ListOffsets", offsets("log", -2))
    s.one("fetch deleted", "Fetch", fetch("log"), 12)


def partitions(s):
    grow = lambda *ts, validate=False: {"topics": list(ts), "timeoutMs": 5000, "validateOnly": validate}
    t = lambda name, count, assignments=None: {"name": name, "count": count, "assignments": assignments}
    s.at("grow", "CreatePartitions", lambda v: grow(t("assigned", 3 + v)))
    s.one("grow equal", "CreatePartitions", grow(t("assigned", 6)))
    s.one("grow smaller", "CreatePartitions", grow(t("assigned", 1)))
    s.one("grow zero", "CreatePartitions", grow(t("assigned", 0)))
    s.one("grow unknown", "CreatePartitions", grow(t("nope", 3)))
    s.one("grow twice", "CreatePartitions", grow(t("assigned", 8), t("assigned", 9)))
    s.one("grow validate", "CreatePartitions", grow(t("assigned", 9), validate=True))
    s.one("grow assigned", "CreatePartitions", grow(t("assigned", 7, [{"brokerIds": [1]}])))
    s.one("grow assigned too few", "CreatePartitions", grow(t("assigned", 9, [{"brokerIds": [1]}])))
    s.one("grow assigned unknown", "CreatePartitions", grow(t("assigned", 8, [{"brokerIds": [7]}])))
    s.one("grow assigned nobody", "CreatePartitions", grow(t("assigned", 8, [{"brokerIds": []}])))
    s.one("grow assigned two", "CreatePartitions", grow(t("assigned", 8, [{"brokerIds": [1, 1]}])))
    s.one("metadata grown", "Metadata", {"topics": [{"name": "assigned"}], "allowAutoTopicCreation": False})


def elections(s):
    elect = lambda parts, kind=0: {"electionType": kind, "topicPartitions": parts, "timeoutMs": 5000}
    s.at("elect", "ElectLeaders", elect([{"topic": "log", "partitions": [0]}]))
    s.one("elect all", "ElectLeaders", elect(None))
    s.one("elect unclean", "ElectLeaders", elect([{"topic": "log", "partitions": [0, 9]}], 1))
    s.one("elect unknown", "ElectLeaders", elect([{"topic": "nope", "partitions": [0]}]))
    s.one("elect type 7", "ElectLeaders", elect([{"topic": "log", "partitions": [0]}], 7))
    move = lambda replicas, name="log", partition=0: {"timeoutMs": 5000, "topics": [{"name": name, "partitions": [{"partitionIndex": partition, "replicas": replicas}]}]}
    s.at("reassign", "AlterPartitionReassignments", move([1]))
    s.one("reassign cancel", "AlterPartitionReassignments", move(None))
    s.one("reassign nowhere", "AlterPartitionReassignments", move([]))
    s.one("reassign unknown broker", "AlterPartitionReassignments", move([7]))
    s.one("reassign twice", "AlterPartitionReassignments", move([1, 1]))
    s.one("reassign unknown topic", "AlterPartitionReassignments", move([1], "nope"))
    s.one("reassign unknown partition", "AlterPartitionReassignments", move([1], "log", 9))
    s.one("reassign negative", "AlterPartitionReassignments", move([-1]))
    s.at("reassignments", "ListPartitionReassignments", {"timeoutMs": 5000, "topics": None})
    s.one("reassignments of", "ListPartitionReassignments", {"timeoutMs": 5000, "topics": [{"name": "log", "partitionIndexes": [0]}]})
    s.at("quorum", "DescribeQuorum", {"topics": [{"topicName": "__cluster_metadata", "partitions": [{"partitionIndex": 0}]}]})
    s.one("quorum of another", "DescribeQuorum", {"topics": [{"topicName": "log", "partitions": [{"partitionIndex": 0}]}]})
    s.one("unregister unknown", "UnregisterBroker", {"brokerId": 9})


def the_rest(s):
    s.at("log dirs", "DescribeLogDirs", {"topics": [{"topic": "log", "partitions": [0]}]})
    s.one("log dirs unknown", "DescribeLogDirs", {"topics": [{"topic": "nope", "partitions": [0]}]})
    s.one("log dirs unknown partition", "DescribeLogDirs", {"topics": [{"topic": "log", "partitions": [77]}]})
    for api in ("Produce", "Fetch", "Metadata", "CreateTopics", "DescribeConfigs", "IncrementalAlterConfigs", "ListOffsets", "InitProducerId", "DeleteTopics"):
        s.cases.append((f"cut {api}", api, s.versions[api][-1] if api in s.versions else 0, b"\x05"))
        s.cases.append((f"future {api}", api, 99, b""))


def removal(s):
    by_name = lambda *names: {"topicNames": list(names), "timeoutMs": 5000}
    s.at("remove", "DeleteTopics", lambda v: by_name(f"plain{v}") if v < 6 else {"topics": [{"name": "plain6"}], "timeoutMs": 5000})
    s.at("remove unknown", "DeleteTopics", lambda v: by_name("nope") if v < 6 else {"topics": [{"name": "nope"}], "timeoutMs": 5000})
    s.one("remove twice", "DeleteTopics", by_name("plain7", "plain7"), 5)
    s.one("remove nothing", "DeleteTopics", by_name(), 5)
    s.one("remove by id", "DeleteTopics", lambda ids: {"topics": [{"name": None, "topicId": ids["log"]}], "timeoutMs": 5000}, 6)
    s.one("remove by id again", "DeleteTopics", lambda ids: {"topics": [{"name": None, "topicId": ids["log"]}], "timeoutMs": 5000}, 6)
    s.one("remove id and name", "DeleteTopics", lambda ids: {"topics": [{"name": "idem", "topicId": ids["idem"]}], "timeoutMs": 5000}, 6)
    s.one("remove neither", "DeleteTopics", {"topics": [{"name": None}], "timeoutMs": 5000}, 6)
    s.one("remove pair by id", "DeleteTopics", {"topics": [{"name": "idem"}, {"name": "idem"}], "timeoutMs": 5000}, 6)
    s.one("fetch removed", "Fetch", lambda ids: fetch("log", version=17, topic_id=ids["log"]), 17)
    s.one("metadata removed", "Metadata", {"topics": [{"name": "log"}], "allowAutoTopicCreation": False})

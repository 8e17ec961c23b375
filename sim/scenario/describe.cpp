#include "sim/scenario/describe.h"

#include <algorithm>

#include <fmt/format.h>

#include "sim/scenario/selector.h"

namespace faultline::sim {
namespace {

constexpr std::string_view kAcksWords[] = {"all", "0", "1"};
constexpr std::string_view kCodecs[] = {"none", "gzip", "snappy", "lz4", "zstd"};
constexpr std::string_view kShapes[] = {"constant", "uniform", "exponential", "bimodal"};
constexpr std::string_view kProfiles[] = {"lan", "wan", "hostile"};
constexpr std::string_view kPolicies[] = {"random", "fifo", "pct"};
constexpr std::string_view kSurvivals[] = {"any", "all", "less"};
constexpr Meaning kClients[] = {
    {"producer", "Sends records to this topic."},
    {"consumer", "Reads every partition of this topic from its beginning."},
    {"admin", "churn: makes, fills, reads and deletes topics of its own."}};

void cluster(Fields& f, ClusterSpec& c) {
    f.integer("brokers", c.brokers, 1, 200, "Nodes n1, n2, ...");
    f.integer("controllers", c.controllers, 0, 9,
              "Nodes c1, c2, ... that are the quorum; 0: the first three brokers are it too.");
    f.integer("voters", c.voters, 0, 9,
              "Of the controllers the first so many vote at the start, and an operator may change "
              "that; 0: all of them, for good.");
    if (c.voters > c.controllers) f.fail("voters", "is above controllers");
    f.integer("shards", c.shards, 1, 16, "Of each broker.");
    f.integer("log_dirs", c.log_dirs, 1, 8, "Of each broker: data, data2, ...");
    f.config("config", c.config, "Broker keys as Kafka names them.");
    f.list("topics", c.topics, "Made before the clients start.", [](Fields& t, TopicSpec& topic) {
        t.require("name");
        t.string("name", topic.name, "The topic's name.");
        t.integer("partitions", topic.partitions, 1, 1000, "How many.");
        t.integer("replicas", topic.replicas, 0, 200,
                  "Of each partition; 0: the brokers' default.replication.factor.");
        t.config("config", topic.config, "Topic keys as Kafka names them.");
    });
    f.list("nodes", c.nodes, "Where nodes stand and how their clocks go.",
           [](Fields& n, NodeSpec& node) {
               n.require("name");
               n.string("name", node.name, "A broker (n1) or a client's id.");
               n.string("rack", node.rack, "Its rack.");
               n.string("dc", node.dc, "Its data centre.");
               n.duration("clock_offset", node.clock_offset, "How far its wall clock is ahead.",
                          true);
               n.integer("clock_drift_ppm", node.clock_drift_ppm, -500'000, 500'000,
                         "Millionths that its clocks run fast.");
           });
}

void latency(Fields& f, LatencySpec& l) {
    f.word("shape", l.shape, kShapes, "How the times are distributed.");
    f.duration("min", l.min, "The shortest.");
    f.duration("max", l.max, "The longest of the usual ones.");
    f.integer("slow_per_mille", l.slow_per_mille, 0, 1000,
              "bimodal: so many of a thousand are slow.");
    f.duration("slow", l.slow, "bimodal: the longest of the slow ones.");
    if (l.min > l.max) f.fail("max", "is below min");
}

void network(Fields& f, NetworkSpec& n) {
    f.word("profile", n.profile, kProfiles,
           "lan: below a millisecond; wan: tens; hostile: both, with a long tail.");
    f.duration("latency_min", n.latency_min, "Of a message in one direction; else the profile's.");
    f.duration("latency_max", n.latency_max, "Of a message in one direction; else the profile's.");
    f.size("send_buffer", n.send_buffer, "Bytes under way in one direction of a connection.");
    f.list("links", n.links, "Between certain nodes; the last that fits counts.",
           [](Fields& l, LinkSpec& link) {
               l.require("from");
               l.names("from", link.from, "Selectors.");
               l.require("to");
               l.names("to", link.to, "Selectors.");
               l.object("latency", "How long a message is under way.",
                        [&](Fields& x) { latency(x, link.latency); });
               l.size("bandwidth", link.bandwidth, "Bytes a second; 0: no limit.");
               l.size("queue", link.queue, "Bytes under way on the link; 0: no limit.");
           });
    if (n.latency_min && n.latency_max && *n.latency_min > *n.latency_max) {
        f.fail("latency_max", "is below latency_min");
    }
    if (n.send_buffer < 4096) f.fail("send_buffer", "is too small; must be 4KiB or more");
}

void producer(Fields& f, ProducerSpec& p) {
    f.string("id", p.id, "Its name; p1, p2, ... when absent.");
    f.require("producer");
    f.string("producer", p.topic, "The topic.");
    f.integer("count", p.count, 0, 100'000'000, "Records in all.");
    f.integer("rate", p.rate, 0, 10'000'000,
              "Records a second; 0: as fast as the broker takes them.");
    f.integer("size", p.size, 40, 1'000'000, "Bytes of a value; the first 40 describe the record.");
    std::size_t acks = p.acks == Acks::all ? 0 : p.acks == Acks::none ? 1 : 2;
    std::string word(kAcksWords[acks]);
    f.word("acks", word, kAcksWords, "What an acknowledgement promises.");
    p.acks = word == "all" ? Acks::all : word == "0" ? Acks::none : Acks::leader;
    if (p.acks != Acks::all && !f.has("idempotence")) p.idempotence = false;
    f.boolean("idempotence", p.idempotence, "No duplicates by retries; needs acks all.");
    if (p.idempotence && p.acks != Acks::all) f.fail("idempotence", "needs acks \"all\"");
    f.integer("in_flight", p.in_flight, 0, 5,
              "Batches of one partition under way at once; 0: 5 with idempotence, else 1. Without "
              "idempotence a retry may change the order of more.");
    f.word("compression", p.compression, kCodecs, "Of its batches.");
    f.integer("keys", p.keys, 0, 1'000'000, "Distinct keys; 0: no key.");
    f.duration("linger", p.linger, "How long a batch waits for company.");
    f.integer("batch_size", p.batch_size, 1, 1 << 24, "Bytes of a batch.");
    f.duration("start", p.start, "When it starts.");
    f.duration("delivery_timeout", p.delivery_timeout, "From sending a record to its answer.");
    f.duration("timestamp_offset", p.timestamp_offset, "Added to each timestamp.", true);
}

void admin(Fields& f, AdminSpec& a) {
    f.string("id", a.id, "Its name; a1, a2, ... when absent.");
    f.require("admin");
    std::string word = "churn";
    constexpr std::string_view kWords[] = {"churn"};
    f.word("admin", word, kWords, "What it does.");
    f.integer("topics", a.topics, 1, 100, "Topics of its own, called ID-0, ID-1, ...");
    f.integer("partitions", a.partitions, 1, 100, "Of each.");
    f.duration("every", a.every, "Between two changes.");
    f.integer("records", a.records, 0, 10'000, "Sent into each new topic and read again.");
    f.duration("start", a.start, "When it starts.");
}

// An entry of `workload`, before it is known what it is.
struct Client {
    std::size_t what = 0;
    ProducerSpec producer;
    ConsumerSpec consumer;
    AdminSpec admin;
};

void client(Fields& f, Client& c) {
    f.alternatives(c.what, kClients, [&](Fields& v) {
        if (c.what == 0) return producer(v, c.producer);
        if (c.what == 2) return admin(v, c.admin);
        v.string("id", c.consumer.id, "Its name; c1, c2, ... when absent.");
        v.require("consumer");
        v.string("consumer", c.consumer.topic, "The topic.");
        v.duration("start", c.consumer.start, "When it starts.");
    });
}

void workload(Fields& f, Scenario& s) {
    std::vector<Client> clients;
    for (const ProducerSpec& p : s.producers) clients.push_back({0, p, {}, {}});
    for (const ConsumerSpec& c : s.consumers) clients.push_back({1, {}, c, {}});
    for (const AdminSpec& a : s.admins) clients.push_back({2, {}, {}, a});
    f.list("workload", clients, "The clients.", client);
    s.producers.clear();
    s.consumers.clear();
    s.admins.clear();
    for (Client& c : clients) {
        if (c.what == 0) s.producers.push_back(std::move(c.producer));
        if (c.what == 1) s.consumers.push_back(std::move(c.consumer));
        if (c.what == 2) s.admins.push_back(std::move(c.admin));
    }
}

void random(Fields& f, RandomSpec& r) {
    f.names("kinds", r.kinds,
            "Faults that may be drawn; absent: all that keep the disk's promises.");
    f.names("except", r.except, "Faults that may not be drawn.");
    f.names("always", r.always,
            "Faults that may be drawn with every seed; of the others a seed leaves each out with "
            "probability one half.");
    f.config("nodes", r.nodes,
             "By kind of fault, a selector: who is struck, or from where; else anybody.");
    f.config("to", r.to, "By kind of fault between nodes, a selector: towards whom.");
    f.names("events", r.events,
            "Every second fault waits for one of these events (as a trigger's event).");
    f.integer("min_faults", r.min_faults, 0, 64, "At least so many.");
    f.integer("max_faults", r.max_faults, 0, 64, "At most so many.");
    f.boolean("knobs", r.knobs, "Configuration is drawn too.");
    f.boolean("workload", r.workload,
              "Rates, sizes, codecs, acks and keys of the producers are drawn too.");
    f.boolean("schedule", r.schedule, "The order of fibers and deliveries is drawn too.");
    f.boolean("network", r.network, "Latencies are drawn too.");
    f.boolean("perturb", r.perturb, "Rare branches of the code may be asked for.");
    if (r.min_faults > r.max_faults) f.fail("max_faults", "is below min_faults");
}

void expect(Fields& f, Expectation& e) {
    f.integer("violates", e.violates, 0, 999,
              "The invariant that must be broken; 0: everything holds.");
    f.names("vacuous", e.vacuous, "Faults that may stay without effect; *: all.");
    f.names("reached", e.reached,
            "Rare branches that must be taken (faultline sim sites); else the run is vacuous.");
    f.word("survival", e.survival, kSurvivals,
           "Of the acknowledged records are found at the end: all; less, for some must be lost; "
           "any: the other oracles judge.");
    f.boolean("all_acked", e.all_acked, "Every record of every producer must be acknowledged.");
    f.boolean("progress", e.progress, "Clients must finish when the faults are over.");
}
}  // namespace

void describe(Fields& f, Scenario& s) {
    std::string schema;
    f.string("$schema", schema, "Where the schema is: ../scenario.schema.json.");
    f.require("name");
    f.string("name", s.name, "Unique among all scenarios.");
    f.string("about", s.about, "One sentence for people.");
    f.names("mirrors", s.mirrors, "What it is modelled on: a KIP, an issue, a paper.");
    f.integer("seed", s.seed, 0, INT64_MAX, "Used unless --seed is given.");
    f.duration("length", s.length,
               "How long faults strike; healing and reading everything come after.");
    f.object("cluster", "What runs.", [&](Fields& x) { cluster(x, s.cluster); });
    f.object("network", "How messages travel.", [&](Fields& x) { network(x, s.network); });
    f.object("disk", "The disk of each broker.", [&](Fields& x) {
        x.size("capacity", s.disk.capacity, "Its size.");
        x.duration("write_latency", s.disk.write_latency, "Of a write.");
        x.duration("sync_latency", s.disk.sync_latency, "Of an fsync.");
    });
    f.object("schedule", "In which order things happen that happen at once.", [&](Fields& x) {
        x.word("policy", s.schedule.policy, kPolicies,
               "pct: by priorities that change at a few points.");
        x.integer("change_points", s.schedule.change_points, 0, 100, "pct: how often.");
    });
    f.boolean("perturb", s.perturb, "The seed asks for rare branches of the code.");
    workload(f, s);
    f.list("faults", s.faults, "What goes wrong.",
           [](Fields& x, FaultSpec& fault) { describe(x, fault); });
    f.object("liveness", "What must happen when the faults are over.", [&](Fields& x) {
        x.names("core", s.liveness.core,
                "Selectors: brokers that are healed; the others stay dead.");
        x.duration("within", s.liveness.within, "Clients must have finished after so long.");
    });
    f.optional_object("random", s.random.present, "What the seed draws beside what stands here.",
                      [&](Fields& x) { random(x, s.random); });
    f.object("expect", "What must come out.", [&](Fields& x) { expect(x, s.expect); });
}

void complete(Scenario& s) {
    for (std::size_t i = 0; i < s.producers.size(); ++i) {
        if (s.producers[i].id.empty()) s.producers[i].id = fmt::format("p{}", i + 1);
    }
    for (std::size_t i = 0; i < s.consumers.size(); ++i) {
        if (s.consumers[i].id.empty()) s.consumers[i].id = fmt::format("c{}", i + 1);
    }
    for (std::size_t i = 0; i < s.admins.size(); ++i) {
        if (s.admins[i].id.empty()) s.admins[i].id = fmt::format("a{}", i + 1);
    }
    for (std::size_t i = 0; i < s.faults.size(); ++i) {
        FaultSpec& f = s.faults[i];
        if (f.id.empty()) f.id = fmt::format("{}-{}", to_string(f.kind), i + 1);
    }
}
}  // namespace faultline::sim

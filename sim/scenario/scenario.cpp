#include "sim/scenario/scenario.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "sim/scenario/object_reader.h"

namespace faultline::sim {
namespace {

constexpr std::string_view kFaultWords[] = {
    "crash",     "power_loss",  "pause",         "sync_error",    "disk_capacity", "bit_rot",
    "slow_disk", "clock_jump",  "cut_each_byte", "drop_response", "partition",     "lying_sync",
    "hung_disk", "short_reads", "slow_link",     "reset"};
static_assert(std::size(kFaultWords) == static_cast<std::size_t>(FaultKind::count_));
constexpr std::string_view kUnsyncedWords[] = {"keep",    "drop",   "torn",
                                               "garbage", "random", "holes"};
constexpr std::string_view kAcksWords[] = {"all", "0", "1"};
constexpr std::string_view kCodecs[] = {"none", "gzip", "snappy", "lz4", "zstd"};
constexpr std::string_view kDiskOps[] = {"create", "write", "sync", "rename", "remove", "sync_dir"};
constexpr std::string_view kApis[] = {"produce", "fetch", "metadata", "list_offsets",
                                      "create_topics"};

void read_cluster(ObjectReader& r, ClusterSpec& c) {
    r.integer("brokers", c.brokers, 1, 1);  // more come with the cluster issue
    r.integer("shards", c.shards, 1, 16);
    r.config("config", c.config);
    r.objects("topics", [&](ObjectReader& t) {
        TopicSpec topic;
        t.require("name");
        t.string("name", topic.name);
        t.integer("partitions", topic.partitions, 1, 1000);
        t.config("config", topic.config);
        c.topics.push_back(std::move(topic));
    });
}

void read_network(ObjectReader& r, NetworkSpec& n) {
    r.duration("latency_min", n.latency_min);
    r.duration("latency_max", n.latency_max);
    r.size("send_buffer", n.send_buffer);
    if (n.latency_min > n.latency_max) r.fail("latency_max", "is below latency_min");
    if (n.send_buffer < 4096) r.fail("send_buffer", "is too small; must be 4KiB or more");
}

void read_disk(ObjectReader& r, DiskSpec& d) {
    r.size("capacity", d.capacity);
    r.duration("write_latency", d.write_latency);
    r.duration("sync_latency", d.sync_latency);
}

void read_producer(ObjectReader& r, ProducerSpec& p) {
    r.string("id", p.id);
    r.string("producer", p.topic);
    r.integer("count", p.count, 0, 100'000'000);
    r.integer("rate", p.rate, 0, 10'000'000);
    r.integer("size", p.size, 40, 1'000'000);  // 40: the record describes itself
    if (const auto i = r.word("acks", kAcksWords)) {
        p.acks = *i == 0 ? Acks::all : *i == 1 ? Acks::none : Acks::leader;
    }
    p.idempotence = p.acks == Acks::all;
    r.boolean("idempotence", p.idempotence);
    if (p.idempotence && p.acks != Acks::all) r.fail("idempotence", "needs acks \"all\"");
    if (const auto i = r.word("compression", kCodecs)) p.compression = kCodecs[*i];
    r.integer("keys", p.keys, 0, 1'000'000);
    r.duration("linger", p.linger);
    r.integer("batch_size", p.batch_size, 1, 1 << 24);
    r.duration("start", p.start);
    r.duration("delivery_timeout", p.delivery_timeout);
    r.duration("timestamp_offset", p.timestamp_offset, true);
}

void read_workload(ObjectReader& r, Scenario& s) {
    if (r.has("producer")) {
        ProducerSpec p{.id = fmt::format("p{}", s.producers.size() + 1)};
        read_producer(r, p);
        s.producers.push_back(std::move(p));
    } else if (r.has("consumer")) {
        ConsumerSpec c{.id = fmt::format("c{}", s.consumers.size() + 1)};
        r.string("id", c.id);
        r.string("consumer", c.topic);
        r.duration("start", c.start);
        s.consumers.push_back(std::move(c));
    } else {
        r.fail("", "names neither \"producer\" nor \"consumer\" with a topic");
    }
}

void read_trigger(ObjectReader& r, Trigger& t) {
    r.duration("at", t.at);
    r.object("when", [&](ObjectReader& w) {
        w.require("disk");
        if (const auto i = w.word("disk", kDiskOps)) t.disk_op = kDiskOps[*i];
        t.disk_path = "*";
        w.string("path", t.disk_path);
        w.integer("nth", t.nth, 1, 1'000'000);
    });
}

// How long a fault lasts, if it says so.
void read_lasting(ObjectReader& r, FaultSpec& f, std::string_view key) {
    if (!r.has(key)) return;
    Duration d{};
    r.duration(key, d);
    f.duration = d;
}

void read_network_fault(ObjectReader& r, FaultSpec& f) {
    switch (f.kind) {
        case FaultKind::cut_each_byte:
            r.integer("from_byte", f.from_byte, 0, 1 << 20);
            r.integer("to_byte", f.to_byte, 0, 1 << 20);
            r.boolean("answers", f.answers);
            if (f.from_byte > f.to_byte) r.fail("to_byte", "is below from_byte");
            break;
        case FaultKind::drop_response:
            r.require("api");
            if (const auto i = r.word("api", kApis)) f.api = kApis[*i];
            r.integer("times", f.times, 1, 1'000'000);
            break;
        case FaultKind::short_reads:
            r.integer("most", f.most, 1, 1 << 20);
            read_lasting(r, f, "for");
            break;
        case FaultKind::slow_link:
            r.require("to");
            r.string("to", f.to);
            r.require("by");
            r.duration("by", f.by);
            read_lasting(r, f, "for");
            break;
        case FaultKind::partition:
            r.require("to");
            r.string("to", f.to);
            read_lasting(r, f, "for");
            break;
        default: break;  // reset has no members
    }
}

// The members beside id, do, at, when, node that a kind of fault takes.
void read_fault_details(ObjectReader& r, FaultSpec& f) {
    const auto lasting = [&](std::string_view key) { read_lasting(r, f, key); };
    switch (f.kind) {
        case FaultKind::crash: lasting("restart_after"); break;
        case FaultKind::power_loss:
            lasting("restart_after");
            if (const auto i = r.word("unsynced", kUnsyncedWords))
                f.unsynced = Unsynced{static_cast<std::uint8_t>(*i)};
            r.boolean("drop_dir_entries", f.drop_dir_entries);
            break;
        case FaultKind::pause:
            r.require("for");
            lasting("for");
            break;
        case FaultKind::sync_error:
            r.string("path", f.path);
            r.integer("times", f.times, 1, 1'000'000);
            lasting("restart_after");
            break;
        case FaultKind::disk_capacity:
            r.require("bytes");
            r.size("bytes", f.bytes);
            lasting("for");
            break;
        case FaultKind::bit_rot:
            r.require("path");
            r.string("path", f.path);
            r.size("at_byte", f.at_byte);
            break;
        case FaultKind::slow_disk:
            r.integer("factor", f.factor, 1, 1'000'000);
            lasting("for");
            break;
        case FaultKind::clock_jump:
            r.require("by");
            r.duration("by", f.by, true);
            lasting("for");
            break;
        case FaultKind::lying_sync:
            r.string("path", f.path);
            lasting("for");
            break;
        case FaultKind::hung_disk:
            r.require("for");
            lasting("for");
            break;
        default: read_network_fault(r, f);
    }
}

void read_fault(ObjectReader& r, Scenario& s) {
    FaultSpec f;
    r.require("do");
    r.string("id", f.id);
    const auto kind = r.word("do", kFaultWords);
    if (!kind) return;
    f.kind = FaultKind{static_cast<std::uint8_t>(*kind)};
    if (f.id.empty()) f.id = fmt::format("{}-{}", kFaultWords[*kind], s.faults.size() + 1);
    read_trigger(r, f.when);
    r.string("node", f.node);
    read_fault_details(r, f);
    s.faults.push_back(std::move(f));
}

void read_expect(ObjectReader& r, Expectation& e) {
    r.integer("violates", e.violates, 1, 999);
    e.holds = e.violates == 0;
    r.strings("vacuous", e.vacuous);
    r.boolean("all_acked", e.all_acked);
    r.boolean("progress", e.progress);
}

// Names that refer to other parts of the document.
void check_references(ObjectReader& r, const Scenario& s) {
    std::set<std::string> topics, nodes;
    for (const TopicSpec& t : s.cluster.topics) {
        if (!topics.insert(t.name).second)
            r.fail("cluster", fmt::format("names topic \"{}\" twice", t.name));
    }
    for (int i = 1; i <= s.cluster.brokers; ++i) nodes.insert(fmt::format("n{}", i));
    const auto client = [&](const std::string& id, const std::string& topic) {
        if (!nodes.insert(id).second)
            r.fail("workload", fmt::format("uses the id \"{}\" twice", id));
        if (!topics.contains(topic)) {
            r.fail("workload",
                   fmt::format("\"{}\" uses topic \"{}\", which cluster.topics does not "
                               "name",
                               id, topic));
        }
    };
    for (const ProducerSpec& p : s.producers) client(p.id, p.topic);
    for (const ConsumerSpec& c : s.consumers) client(c.id, c.topic);
    std::set<std::string> faults;
    for (std::size_t i = 0; i < s.faults.size(); ++i) {
        const FaultSpec& f = s.faults[i];
        const std::string place = fmt::format("faults/{}", i);
        const std::string allowed = fmt::format("{}", fmt::join(nodes, ", "));
        if (!faults.insert(f.id).second)
            r.fail("faults", fmt::format("uses the id \"{}\" twice", f.id));
        if (!nodes.contains(f.node)) {
            r.fail("faults",
                   fmt::format("{}: no node \"{}\"; there are {}", f.id, f.node, allowed));
        }
        if (f.kind == FaultKind::partition && !nodes.contains(f.to)) {
            r.fail("faults", fmt::format("{}: no node \"{}\"; there are {}", f.id, f.to, allowed));
        }
    }
    for (const std::string& id : s.expect.vacuous) {
        if (!faults.contains(id))
            r.fail("expect", fmt::format("names a fault \"{}\" that is not there", id));
    }
}

void read_scenario(ObjectReader& r, Scenario& s) {
    std::string schema;
    r.string("$schema", schema);
    r.require("name");
    r.string("name", s.name);
    r.string("about", s.about);
    r.integer("seed", s.seed, 0, INT64_MAX);
    r.duration("length", s.length);
    r.object("cluster", [&](ObjectReader& c) { read_cluster(c, s.cluster); });
    r.object("network", [&](ObjectReader& n) { read_network(n, s.network); });
    r.object("disk", [&](ObjectReader& d) { read_disk(d, s.disk); });
    r.objects("workload", [&](ObjectReader& w) { read_workload(w, s); });
    r.objects("faults", [&](ObjectReader& f) { read_fault(f, s); });
    r.object("expect", [&](ObjectReader& e) { read_expect(e, s.expect); });
    r.done();
    if (!r.failed()) check_references(r, s);
}

// The text after "parse error at line L, column C: " in nlohmann's message.
std::string syntax_message(const std::string& what) {
    const auto colon = what.find("syntax error");
    return colon == std::string::npos ? what : what.substr(colon);
}
}  // namespace

std::string_view to_string(FaultKind kind) { return kFaultWords[static_cast<std::size_t>(kind)]; }

std::optional<ScenarioError> parse_scenario(std::string_view file, std::string_view text,
                                            const std::vector<Override>& overrides, Scenario& out) {
    Json json;
    try {
        json = Json::parse(text);
    } catch (const Json::parse_error& e) {
        const Position p = position_of(text, e.byte > 0 ? e.byte - 1 : 0);
        return ScenarioError{fmt::format("{}:{}:{}: /: not JSON: {}", file, p.line, p.column,
                                         syntax_message(e.what()))};
    } catch (const Json::exception& e) {
        // Well formed, but a number is beyond what a double holds.
        return ScenarioError{fmt::format("{}:1:1: /: not usable: {}", file, e.what())};
    }
    Document document{.file = file, .positions = json_positions(text), .error = {}};
    for (const Override& o : overrides) {
        try {
            Json value = Json::parse(o.value, nullptr, false);
            if (value.is_discarded()) value = o.value;
            json[Json::json_pointer(o.pointer)] = std::move(value);
        } catch (const Json::exception&) {
            return ScenarioError{fmt::format(
                "--set {}={}: no such place; a JSON pointer such as /workload/0/rate or /seed",
                o.pointer, o.value)};
        }
    }
    out = Scenario{};
    ObjectReader reader(document, "", json);
    read_scenario(reader, out);
    if (!document.error.empty()) return ScenarioError{std::move(document.error)};
    return std::nullopt;
}
}  // namespace faultline::sim

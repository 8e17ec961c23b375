#include "sim/scenario/swarm_fault.h"

#include <algorithm>
#include <bit>

#include <fmt/format.h>

#include "core/model/topic_config.h"
#include "sim/scenario/scenario_json.h"

namespace faultline::sim {
namespace {

template <std::size_t N>
std::string one_of(Rng& rng, const std::string_view (&words)[N]) {
    return std::string(words[rng.below(N)]);
}

Duration lasting(Rng& rng) { return std::chrono::milliseconds(log_uniform(rng, 20, 4000)); }

// Paths of a partition's files, most of them of the log itself.
std::string some_path(Rng& rng) {
    constexpr std::string_view paths[] = {"*.log",       "*.log",         "*.log", "*index",
                                          "*.timeindex", "*-checkpoint*", "*",     "data/*-0/*"};
    return one_of(rng, paths);
}

void draw_disk_trigger(Trigger& t, Rng& rng) {
    constexpr std::string_view ops[] = {"create", "write",  "write",  "sync",
                                        "sync",   "rename", "remove", "sync_dir"};
    t.kind = Trigger::Kind::disk;
    t.disk_op = one_of(rng, ops);
    const bool names = t.disk_op == "rename" || t.disk_op == "sync_dir" || t.disk_op == "remove";
    t.disk_path = names ? "*" : some_path(rng);
    t.nth = static_cast<std::uint32_t>(log_uniform(rng, 1, names ? 4 : 30));
}

void draw_event_trigger(Trigger& t, const Scenario& s, Rng& rng) {
    constexpr std::string_view events[] = {"batch.appended",  "log.flushed",     "segment.rolled",
                                           "segment.deleted", "high.watermark",  "produce.acked",
                                           "log.opened",      "torn.tail.cut",   "node.started",
                                           "conn.opened",     "record.delivered"};
    t.kind = Trigger::Kind::event;
    // What replicas do to one another, where there are any.
    constexpr std::string_view replicated[] = {
        "leader.changed",    "leader.changed",    "isr.changed",      "isr.changed",
        "partition.follows", "replica.truncated", "follower.fetched", "leader.changed"};
    const bool cluster = s.cluster.brokers > 1 && rng.chance(1, 2);
    t.event = cluster ? one_of(rng, replicated) : one_of(rng, events);
    t.nth = static_cast<std::uint32_t>(log_uniform(rng, 1, 20));
}

void draw_trigger(FaultSpec& f, const Scenario& s, Rng& rng) {
    const std::int64_t ms = s.length.count() / 1'000'000;
    f.when.at = std::chrono::milliseconds(rng.between(ms / 20, ms * 17 / 20));
    const auto how = rng.below(10);
    // One node, by its own name: n1, c1.
    const bool controller = s.cluster.controllers > 0 && f.nodes.size() == 1 &&
                            f.nodes[0].starts_with('c') && f.nodes[0].size() == 2;
    const bool of_disk =
        f.nodes.size() == 1 && f.to.empty() && (f.nodes[0].starts_with('n') || controller);
    if (how < 3 && of_disk) draw_disk_trigger(f.when, rng);
    if (how == 3 || how == 4) draw_event_trigger(f.when, s, rng);
    if (how >= 5 && how < 8 && !s.faults.empty()) {
        // Soon after another one: the second blow falls into the recovery from the first.
        constexpr Trigger::Stage stages[] = {Trigger::Stage::strikes, Trigger::Stage::bites,
                                             Trigger::Stage::heals};
        f.when.kind = Trigger::Kind::after;
        f.when.at = 0s;
        f.when.after = s.faults[rng.below(s.faults.size())].id;
        f.when.stage = stages[rng.below(std::size(stages))];
        f.when.plus = std::chrono::microseconds(log_uniform(rng, 1, 2'000'000));
    }
}

// Of the quorum: nodes of its own, or the first three brokers.
std::uint64_t quorum_size(const Scenario& s) {
    const auto& c = s.cluster;
    return static_cast<std::uint64_t>(c.controllers > 0 ? c.controllers : std::min(c.brokers, 3));
}

// Of the quorum's nodes, by name or by what they are at that time.
std::string some_controller(const Scenario& s, Rng& rng) {
    if (rng.chance(1, 2)) return "controller";
    if (rng.chance(1, 2)) return fmt::format("standby({})", rng.below(2));
    const char* role = s.cluster.controllers > 0 ? "c" : "n";
    return fmt::format("{}{}", role, 1 + rng.below(quorum_size(s)));
}

// Who is to vote, by name; who is to vote no more may be the leader, whoever that is then.
std::string some_change(FaultKind kind, const Scenario& s, Rng& rng) {
    if (kind == FaultKind::remove_voter && rng.chance(1, 2)) return "controller";
    return fmt::format("c{}", 1 + rng.below(static_cast<std::uint64_t>(s.cluster.controllers)));
}

std::string some_broker(const Scenario& s, Rng& rng) {
    if (!s.cluster.topics.empty() && rng.chance(2, 5)) {
        const TopicSpec& topic = s.cluster.topics[rng.below(s.cluster.topics.size())];
        const auto partition = rng.below(static_cast<std::uint64_t>(topic.partitions));
        const bool follows = topic.replicas > 1 && rng.chance(1, 4);
        if (!follows) return fmt::format("leader({},{})", topic.name, partition);
        return fmt::format("follower({},{},{})", topic.name, partition,
                           rng.below(static_cast<std::uint64_t>(topic.replicas - 1)));
    }
    return fmt::format("n{}", 1 + rng.below(static_cast<std::uint64_t>(s.cluster.brokers)));
}

// A broker or a controller cannot reach the quorum, or one of it.
void draw_quorum_cut(FaultSpec& f, const Scenario& s, Rng& rng) {
    f.from = {rng.chance(1, 2) ? some_controller(s, rng) : some_broker(s, rng)};
    if (rng.chance(1, 3)) {
        f.to = {some_controller(s, rng)};
        return;
    }
    const char* role = s.cluster.controllers > 0 ? "c" : "n";
    f.to.clear();
    for (std::uint64_t i = 1; i <= quorum_size(s); ++i)
        f.to.push_back(fmt::format("{}{}", role, i));
}

std::string some_client(const Scenario& s, Rng& rng) {
    std::vector<std::string> ids;
    for (const ProducerSpec& p : s.producers) ids.push_back(p.id);
    for (const ConsumerSpec& c : s.consumers) ids.push_back(c.id);
    if (ids.empty() || rng.chance(1, 4)) return "clients";
    return ids[rng.below(ids.size())];
}

void draw_process(FaultSpec& f, Rng& rng) {
    f.duration = lasting(rng);
    if (f.kind == FaultKind::power_loss) {
        f.unsynced = static_cast<Unsynced>(rng.below(6));
        f.drop_dir_entries = rng.chance(1, 2);
    }
    if (f.kind == FaultKind::pause) f.clock_stands = rng.chance(1, 2);
    if (f.kind == FaultKind::restart || f.kind == FaultKind::reconfigure) f.duration.reset();
    if (f.kind == FaultKind::reconfigure) {
        const auto knobs = model::topic_knobs();
        const model::Knob& k = knobs[rng.below(knobs.size())];
        // Broker keys that are the default of a topic key; two have names of their own.
        std::string key = fmt::format("log.{}", k.name);
        if (k.name == "flush.messages") key = "log.flush.interval.messages";
        if (k.name == "flush.ms") key = "log.flush.interval.ms";
        if (k.name == "segment.ms") key = "log.roll.ms";
        if (k.name == "segment.jitter.ms") key = "log.roll.jitter.ms";
        if (k.name == "segment.index.bytes") key = "log.index.size.max.bytes";
        if (k.name == "index.interval.bytes") key = "log.index.interval.bytes";
        f.config[key] = fmt::format("{}", log_uniform(rng, k.low, k.high));
    }
}

void draw_network(FaultSpec& f, Rng& rng) {
    constexpr std::string_view apis[] = {"produce", "produce", "fetch", "metadata", "list_offsets"};
    f.both = rng.chance(1, 2);
    f.by = std::chrono::milliseconds(log_uniform(rng, 1, 2000));
    f.most = static_cast<std::uint32_t>(log_uniform(rng, 1, 64));
    f.times = static_cast<std::uint32_t>(log_uniform(rng, 1, 6));
    switch (f.kind) {
        case FaultKind::reset:
        case FaultKind::half_open:
        case FaultKind::silent_loss: break;
        case FaultKind::cut_each_byte:
            f.from_byte = static_cast<std::uint32_t>(log_uniform(rng, 0, 300));
            f.to_byte = f.from_byte + static_cast<std::uint32_t>(rng.below(10));
            f.answers = rng.chance(1, 2);
            break;
        case FaultKind::drop_response: f.api = one_of(rng, apis); break;
        case FaultKind::slow_reader:
            f.bandwidth = static_cast<std::uint64_t>(log_uniform(rng, 2'000, 200'000));
            f.duration = lasting(rng);
            break;
        case FaultKind::slow_link:
            if (rng.chance(1, 2))
                f.bandwidth = static_cast<std::uint64_t>(log_uniform(rng, 10'000, 1'000'000));
            f.duration = lasting(rng);
            break;
        default: f.duration = lasting(rng);
    }
}

void draw_disk(FaultSpec& f, Rng& rng) {
    f.path = some_path(rng);
    f.times = static_cast<std::uint32_t>(log_uniform(rng, 1, 4));
    f.duration = lasting(rng);
    f.factor = static_cast<std::uint32_t>(log_uniform(rng, 2, 300));
    f.bytes = static_cast<std::uint64_t>(log_uniform(rng, 1'000, 400'000));
    f.at_byte = static_cast<std::uint64_t>(log_uniform(rng, 0, 100'000));
    if (f.kind == FaultKind::latent_sector || f.kind == FaultKind::bit_rot ||
        f.kind == FaultKind::misdirected_write) {
        f.duration.reset();
        if (f.path == "*") f.path = "*.log";
    }
    if (f.kind == FaultKind::misdirected_write && rng.chance(1, 2))
        f.shift = log_uniform(rng, 1, 20'000);
    if (f.kind == FaultKind::lose_log_dir) f.path = "data";
}

void draw_clock(FaultSpec& f, Rng& rng) {
    f.by = std::chrono::milliseconds(log_uniform(rng, 10, 40LL * 86'400'000));
    if (rng.chance(1, 2)) f.by = -f.by;
    f.ppm = log_uniform(rng, 10, 200'000);
    if (rng.chance(1, 2)) f.ppm = -f.ppm;
    if (f.kind != FaultKind::clock_jump || rng.chance(2, 3)) f.duration = lasting(rng);
}

// What the scenario wants to be struck, and when.
void aim(FaultSpec& f, const RandomSpec& where, Rng rng) {
    const bool between = between_nodes(f.kind);
    const std::string kind(to_string(f.kind));
    if (const auto node = where.nodes.find(kind); node != where.nodes.end())
        (between ? f.from : f.nodes) = {node->second};
    if (const auto to = where.to.find(kind); to != where.to.end() && between) f.to = {to->second};
    if (where.events.empty() || f.when.kind == Trigger::Kind::after || rng.chance(1, 2)) return;
    const Duration at = f.when.at;
    f.when = {};
    f.when.at = at;
    f.when.kind = Trigger::Kind::event;
    f.when.event = where.events[rng.below(where.events.size())];
    f.when.nth = static_cast<std::uint32_t>(log_uniform(rng, 1, 6));
    if (rng.chance(1, 2)) f.when.plus = std::chrono::milliseconds(rng.between(1, 2000));
}
}  // namespace

std::int64_t log_uniform(Rng& rng, std::int64_t low, std::int64_t high) {
    if (low >= high) return low;
    const auto bits = [](std::int64_t v) {
        return static_cast<std::int64_t>(std::bit_width(static_cast<std::uint64_t>(v)));
    };
    const std::int64_t width = rng.between(bits(low), bits(high));
    const std::int64_t from = width == 0 ? 0 : std::int64_t{1} << (width - 1);
    const std::int64_t to = width == 0    ? 0
                            : width >= 63 ? INT64_MAX
                                          : (std::int64_t{1} << width) - 1;
    return rng.between(std::max(low, from), std::min(high, to));
}

FaultSpec draw_fault(FaultKind kind, std::string id, const Scenario& s, const RandomSpec& where,
                     Rng& rng) {
    FaultSpec f;
    f.kind = kind;
    f.id = std::move(id);
    bool quorum_cut = false;
    const bool between = between_nodes(kind);
    if (between) {
        f.from = {some_broker(s, rng)};
        f.to = {some_client(s, rng)};
        // Brokers of a cluster are cut off from one another more often than from clients.
        if (s.cluster.brokers > 1 && rng.chance(2, 3))
            f.to = {rng.chance(1, 2) ? std::string("brokers") : some_broker(s, rng)};
        quorum_cut = s.cluster.brokers > 1 && rng.chance(1, 4);
        if (quorum_cut) draw_quorum_cut(f, s, rng);
        if (rng.chance(1, 2)) std::swap(f.from, f.to);
    } else {
        // Mostly a broker; a client that is paused or whose clock jumps is a story too.
        const bool client = (kind == FaultKind::pause || info(kind).group == FaultClass::clock ||
                             kind == FaultKind::short_reads || kind == FaultKind::slow_reader ||
                             kind == FaultKind::short_writes) &&
                            rng.chance(1, 4);
        f.nodes = {client ? some_client(s, rng) : some_broker(s, rng)};
        if (!client && s.cluster.brokers > 1 && rng.chance(1, 4))
            f.nodes = {some_controller(s, rng)};
    }
    if (changes_voters(kind)) f.nodes = {some_change(kind, s, rng)};
    draw_trigger(f, s, rng);
    aim(f, where, rng.fork("aim"));
    switch (info(kind).group) {
        case FaultClass::process: draw_process(f, rng); break;
        case FaultClass::network: draw_network(f, rng); break;
        case FaultClass::disk: draw_disk(f, rng); break;
        case FaultClass::clock: draw_clock(f, rng); break;
        case FaultClass::operation: break;  // its nodes are all
        case FaultClass::count_: break;
    }
    // Time-outs pass one after the other until somebody else decides.
    if (quorum_cut && f.duration && rng.chance(1, 3))
        f.duration = std::chrono::milliseconds(log_uniform(rng, 4'000, 15'000));
    return canonical(f);
}
}  // namespace faultline::sim

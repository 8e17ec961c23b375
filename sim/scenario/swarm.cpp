#include "sim/scenario/swarm.h"

#include <algorithm>
#include <bit>

#include <fmt/format.h>

#include "core/base/random.h"
#include "core/broker/config.h"
#include "sim/scenario/swarm_fault.h"

namespace faultline::sim {
namespace {

void draw_number(std::map<std::string, std::string>& config, const std::string& key,
                 std::int64_t low, std::int64_t high, Rng& rng) {
    if (rng.chance(1, 2)) return;
    if (config.contains(key)) return;  // the scenario means it
    config[key] = fmt::format("{}", log_uniform(rng, low, high));
}

void draw_knobs(Scenario& s, Rng rng) {
    for (const broker::BrokerNumber& n : broker::kBrokerNumbers) {
        if (n.low != n.high) draw_number(s.cluster.config, std::string(n.name), n.low, n.high, rng);
    }
    for (TopicSpec& topic : s.cluster.topics) {
        for (const model::Knob& k : model::topic_knobs()) {
            draw_number(topic.config, std::string(k.name), k.low, k.high, rng);
        }
    }
    s.cluster.shards = 1 + static_cast<unsigned>(rng.below(3));
}

void draw_producer(ProducerSpec& p, Rng rng) {
    constexpr std::string_view codecs[] = {"none", "gzip", "snappy", "lz4", "zstd"};
    if (rng.chance(1, 4)) p.acks = rng.chance(3, 4) ? Acks::leader : Acks::none;
    p.idempotence = p.acks == Acks::all && (p.idempotence || rng.chance(1, 2)) && !rng.chance(1, 8);
    // Without idempotence only one at a time keeps an order that can be judged.
    Rng under_way = rng.fork("in_flight");
    if (p.idempotence || under_way.chance(1, 4))
        p.in_flight = static_cast<std::uint32_t>(1 + under_way.below(5));
    if (rng.chance(1, 3)) p.compression = codecs[rng.below(std::size(codecs))];
    if (rng.chance(1, 2)) p.keys = static_cast<std::int32_t>(1 + rng.below(20));
    if (rng.chance(1, 2)) p.size = static_cast<std::uint32_t>(log_uniform(rng, 40, 4000));
    if (rng.chance(1, 2)) p.linger = Duration{log_uniform(rng, 1'000, 60'000'000)};
    if (rng.chance(1, 2)) p.batch_size = static_cast<std::uint32_t>(log_uniform(rng, 100, 32'768));
    // As many records, faster or slower, but within the run.
    if (rng.chance(1, 2) && p.rate > 0)
        p.rate = log_uniform(rng, std::max<std::int64_t>(1, p.rate / 2), p.rate * 4);
}

void draw_network(NetworkSpec& n, Rng rng) {
    const auto which = rng.below(6);
    if (which >= 3) n.profile = static_cast<NetworkProfile>(which - 3);
}

void draw_schedule(ScheduleSpec& s, Rng rng) {
    const auto which = rng.below(6);
    if (which == 0) s.policy = SchedulePolicy::fifo;
    if (which <= 2 && which > 0) {
        s.policy = SchedulePolicy::pct;
        s.change_points = static_cast<std::uint32_t>(1 + rng.below(5));
    }
}

bool named(const std::vector<std::string>& words, const FaultInfo& i) {
    return std::ranges::any_of(
        words, [&](const std::string& w) { return w == i.word || w == to_string(i.group); });
}

// Kinds that this run may use: allowed by the scenario, and not left out by the seed.
std::vector<FaultKind> draw_kinds(const RandomSpec& r, bool voters_change, const Rng& root) {
    std::vector<FaultKind> kinds, allowed;
    for (const FaultInfo& i : fault_kinds()) {
        const bool may = r.kinds.empty() ? !i.breaks_contract : named(r.kinds, i);
        if (!may || named(r.except, i)) continue;
        // Of what operators do only this is drawn, where the quorum can do it.
        if (i.group == FaultClass::operation && !(changes_voters(i.kind) && voters_change))
            continue;
        allowed.push_back(i.kind);
        const bool group_out = root.fork("class").fork(to_string(i.group)).chance(1, 2);
        const bool kind_out = root.fork("kind").fork(i.word).chance(1, 2);
        if ((!group_out && !kind_out) || named(r.always, i)) kinds.push_back(i.kind);
    }
    // Everything left out: one kind alone, rather than a calm run.
    if (kinds.empty() && !allowed.empty())
        kinds.push_back(allowed[root.fork("only").below(allowed.size())]);
    return kinds;
}
}  // namespace

Scenario draw_swarm(const Scenario& scenario, std::uint64_t seed) {
    Scenario s = scenario;
    s.seed = seed;
    if (!s.random.present) return s;
    const RandomSpec r = s.random;
    s.random = {};
    const Rng root = Rng(seed).fork("swarm");
    if (r.knobs && root.fork("knobs?").chance(1, 2)) draw_knobs(s, root.fork("knobs"));
    if (r.workload) {
        for (ProducerSpec& p : s.producers) draw_producer(p, root.fork("producer").fork(p.id));
    }
    if (r.network) draw_network(s.network, root.fork("network"));
    if (r.schedule) draw_schedule(s.schedule, root.fork("schedule"));
    s.perturb = r.perturb && root.fork("perturb").chance(1, 2);
    const std::vector<FaultKind> kinds = draw_kinds(r, s.cluster.voters > 0, root);
    if (kinds.empty()) return s;
    const auto n = root.fork("faults").between(r.min_faults, r.max_faults);
    for (std::int64_t i = 0; i < n; ++i) {
        Rng rng = root.fork("fault").fork(static_cast<std::uint64_t>(i));
        const FaultKind kind = kinds[rng.below(kinds.size())];
        s.faults.push_back(
            draw_fault(kind, fmt::format("{}-{}", to_string(kind), i + 1), s, r, rng));
    }
    return s;
}
}  // namespace faultline::sim

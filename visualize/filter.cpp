#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "visualize/run_model.h"

namespace faultline::visualize {
namespace {

void keep_time(Run& run, Ns from, Ns to) {
    const auto outside = [&](const auto& x) { return x.at < from || x.at > to; };
    std::erase_if(run.disk, outside);
    std::erase_if(run.lost, outside);
    std::erase_if(run.steps, outside);
    std::erase_if(run.marks, outside);
    std::erase_if(run.broken, outside);
    std::erase_if(run.records, [&](const Records& r) { return r.end < from || r.begin > to; });
    for (std::vector<Ns>* turns : {&run.turns, &run.great_turns}) {
        std::erase_if(*turns, [&](Ns t) { return t < from || t > to; });
    }
    std::erase_if(run.exchanges, [&](const Exchange& x) { return x.begin < from || x.end > to; });
    for (Fault& f : run.faults) std::erase_if(f.effects, outside);
    std::erase_if(run.faults, [&](const Fault& f) {
        return f.effects.empty() && (f.armed > to || f.healed.value_or(f.armed) < from);
    });
    for (Fault& f : run.faults) {
        f.armed = std::clamp(f.armed, from, to);
        if (f.healed) f.healed = std::clamp(*f.healed, from, to);
    }
    for (Lane& l : run.lanes) {
        std::erase_if(l.states, [&](const StateSpan& s) { return s.to < from || s.from > to; });
        for (StateSpan& s : l.states) {
            s.from = std::max(s.from, from);
            s.to = std::min(s.to, to);
        }
    }
    run.begin = std::max(run.begin, from);
    run.end = std::min(run.end, to);
}

void keep_node(Run& run, std::int64_t node) {
    std::erase_if(run.exchanges, [&](const Exchange& x) { return x.from != node && x.to != node; });
    std::set<std::int64_t> near = {node};
    for (const Exchange& x : run.exchanges) near.insert({x.from, x.to});
    const auto other = [&](const auto& x) { return x.node != node; };
    std::erase_if(run.disk, other);
    std::erase_if(run.lost, other);
    std::erase_if(run.steps, other);
    std::erase_if(run.marks, other);
    std::erase_if(run.records, other);
    std::erase_if(run.lanes, [&](const Lane& l) { return !near.contains(l.node); });
}

void keep_partition(Run& run, std::int64_t key) {
    const auto other = [&](const auto& x) { return x.partition != key; };
    std::erase_if(run.steps, other);
    std::erase_if(run.records, other);
    std::erase_if(run.marks, [&](const Mark& m) { return m.partition != key && m.partition != 0; });
    const std::string& name = run.partition(key);
    const auto elsewhere = [&](const auto& x) { return x.path.find(name) == std::string::npos; };
    std::erase_if(run.disk, elsewhere);
    std::erase_if(run.lost, elsewhere);
}
}  // namespace

std::expected<void, std::string> apply(const Filter& filter, Run& run) {
    if (filter.node) {
        const auto it = std::find_if(run.lanes.begin(), run.lanes.end(),
                                     [&](const Lane& l) { return l.name == *filter.node; });
        if (it == run.lanes.end()) {
            std::string names;
            for (const Lane& l : run.lanes) names += (names.empty() ? "" : ", ") + l.name;
            return std::unexpected(
                fmt::format("no node '{}' in this trace; it has {}", *filter.node, names));
        }
        keep_node(run, it->node);
    }
    if (filter.partition) {
        const auto& list = run.trace->partitions;
        const auto it = std::find_if(list.begin() + 1, list.end(), [&](const PartitionName& p) {
            return fmt::format("{}/{}", p.topic, p.index) == *filter.partition;
        });
        if (it == list.end()) {
            return std::unexpected(
                fmt::format("no partition '{}' in this trace", *filter.partition));
        }
        keep_partition(run, it - list.begin());
    }
    if (filter.from || filter.to) {
        const Ns from = filter.from.value_or(run.begin), to = filter.to.value_or(run.end);
        if (from >= to) return std::unexpected("--from is not before --to");
        keep_time(run, from, to);
    }
    return {};
}
}  // namespace faultline::visualize

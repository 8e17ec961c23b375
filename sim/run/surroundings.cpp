#include "sim/run/surroundings.h"

#include "core/base/assert.h"

namespace faultline::sim {
namespace {

Latency latency_of(const LatencySpec& spec) {
    Latency out{.shape = Latency::Shape::uniform,
                .min = spec.min,
                .max = spec.max,
                .slow_per_mille = spec.slow_per_mille,
                .slow = spec.slow};
    switch (spec.shape) {
        case LatencyShape::constant: out.shape = Latency::Shape::constant; return out;
        case LatencyShape::uniform: return out;
        case LatencyShape::exponential: out.shape = Latency::Shape::exponential; return out;
        case LatencyShape::bimodal: out.shape = Latency::Shape::bimodal; return out;
    }
    FL_UNREACHABLE();
}

Distances distances_of(const NetworkSpec& spec) {
    Distances out;
    switch (spec.profile) {
        case NetworkProfile::lan: out = lan(); break;
        case NetworkProfile::wan: out = wan(); break;
        case NetworkProfile::hostile: out = hostile(); break;
    }
    for (LinkOptions* link : {&out.same_rack, &out.same_dc, &out.between_dcs}) {
        link->latency.min = spec.latency_min.value_or(link->latency.min);
        link->latency.max = spec.latency_max.value_or(link->latency.max);
        // One of the two was given: the other follows, so that min <= max <= slow.
        if (!spec.latency_max) link->latency.max = std::max(link->latency.max, link->latency.min);
        link->latency.min = std::min(link->latency.min, link->latency.max);
        link->latency.slow = std::max(link->latency.slow, link->latency.max);
    }
    return out;
}

Schedule schedule_of(const ScheduleSpec& spec) {
    Schedule out;
    out.change_points = spec.change_points;
    switch (spec.policy) {
        case SchedulePolicy::random: out.policy = Schedule::Policy::random; return out;
        case SchedulePolicy::fifo: out.policy = Schedule::Policy::fifo; return out;
        case SchedulePolicy::pct: out.policy = Schedule::Policy::pct; return out;
    }
    FL_UNREACHABLE();
}
}  // namespace

WorldOptions world_options(const Scenario& s) {
    WorldOptions out;
    out.network.distances = distances_of(s.network);
    out.network.send_buffer = s.network.send_buffer;
    out.disk.capacity = s.disk.capacity;
    out.disk.write_latency = s.disk.write_latency;
    out.disk.sync_latency = s.disk.sync_latency;
    out.schedule = schedule_of(s.schedule);
    return out;
}

void furnish(World& world, const Scenario& s, const std::map<std::string, NodeId>& names,
             const Roles& roles) {
    for (const NodeSpec& n : s.cluster.nodes) {
        const NodeId id = names.at(n.name);
        world.place(id, n.rack, n.dc);
        if (n.clock_offset != 0ns) world.jump_clock(id, n.clock_offset);
        if (n.clock_drift_ppm != 0) world.set_drift(id, n.clock_drift_ppm);
    }
    for (const LinkSpec& l : s.network.links) {
        const LinkOptions options{latency_of(l.latency), l.bandwidth, l.queue};
        for (const NodeId from : roles.resolve(l.from, world.rng("links"))) {
            for (const NodeId to : roles.resolve(l.to, world.rng("links"))) {
                if (from != to) world.network().set_link(from, to, options);
            }
        }
    }
}
}  // namespace faultline::sim

#include "sim/oracle/history.h"

#include <map>
#include <utility>

#include <fmt/format.h>

namespace faultline::sim {
namespace {

using Value = std::pair<std::int32_t, std::int64_t>;
using Place = std::pair<std::uint32_t, std::int64_t>;  // partition, offset

std::string value(const Value& v) {
    return fmt::format("record {} of client {}", v.second, v.first);
}

// What stands where, as far as anybody was told: by polls and by acknowledgements.
std::map<Place, Value> log_of(const History& h) {
    std::map<Place, Value> log;
    for (const PollOp& p : h.polls)
        log.try_emplace({p.partition, p.offset}, Value{p.client, p.record});
    for (const SendOp& s : h.sends) {
        if (s.outcome == SendOutcome::acked && s.offset >= 0)
            log.try_emplace({s.partition, s.offset}, Value{s.client, s.record});
    }
    return log;
}

std::map<std::uint32_t, std::int64_t> highest_read(const History& h) {
    std::map<std::uint32_t, std::int64_t> highest;
    for (const PollOp& p : h.polls) {
        auto& top = highest.try_emplace(p.partition, -1).first->second;
        top = std::max(top, p.offset);
    }
    return highest;
}

std::set<Value> seen(const History& h) {
    std::set<Value> all;
    for (const PollOp& p : h.polls) all.insert({p.client, p.record});
    return all;
}

bool excused(const History& h, std::uint32_t partition) {
    return h.shortened.contains(partition) || h.trimmed.contains(partition);
}
}  // namespace

Anomaly lost_write(const History& h) {
    Anomaly out;
    const auto highest = highest_read(h);
    const auto all = seen(h);
    for (const SendOp& s : h.sends) {
        if (s.outcome != SendOutcome::acked || s.offset < 0 || excused(h, s.partition)) continue;
        const auto top = highest.find(s.partition);
        if (top == highest.end() || top->second <= s.offset) continue;
        ++out.checked;
        if (all.contains({s.client, s.record})) continue;
        out.sentence = fmt::format(
            "{} was acknowledged at offset {}, offset {} of that partition was read, but this one "
            "by nobody",
            value({s.client, s.record}), s.offset, top->second);
        return out;
    }
    return out;
}

Anomaly duplicate(const History& h) {
    Anomaly out;
    std::map<Value, Place> first;
    for (const auto& [place, v] : log_of(h)) {
        if (!h.exactly_once.contains(v.first) || excused(h, place.first)) continue;
        ++out.checked;
        const auto [it, fresh] = first.try_emplace(v, place);
        if (fresh) continue;
        out.sentence = fmt::format("{} stands at offset {} and at offset {}", value(v),
                                   it->second.second, place.second);
        return out;
    }
    return out;
}

Anomaly inconsistent_offsets(const History& h) {
    Anomaly out;
    std::map<Place, Value> first;
    const auto put = [&](Place place, Value v, std::string_view how) {
        if (out.found() || h.shortened.contains(place.first)) return;
        const auto [it, fresh] = first.try_emplace(place, v);
        out.checked += fresh ? 0 : 1;
        if (fresh || it->second == v) return;
        out.sentence = fmt::format("offset {} holds {}, but {} was {} there", place.second,
                                   value(it->second), value(v), how);
    };
    for (const PollOp& p : h.polls) put({p.partition, p.offset}, {p.client, p.record}, "read");
    for (const SendOp& s : h.sends) {
        if (s.outcome == SendOutcome::acked && s.offset >= 0)
            put({s.partition, s.offset}, {s.client, s.record}, "acknowledged");
    }
    return out;
}

Anomaly unseen(const History& h) {
    Anomaly out;
    const auto all = seen(h);
    for (const SendOp& s : h.sends) {
        if (s.outcome != SendOutcome::acked || excused(h, s.partition)) continue;
        ++out.checked;
        if (all.contains({s.client, s.record})) continue;
        out.sentence =
            fmt::format("{} was acknowledged, but nobody has seen it when everything was read",
                        value({s.client, s.record}));
        return out;
    }
    return out;
}

Anomaly poll_skip(const History& h) {
    Anomaly out;
    const auto log = log_of(h);
    std::map<std::pair<std::int32_t, std::uint32_t>, std::int64_t> last;
    for (const PollOp& p : h.polls) {
        const auto [it, fresh] = last.try_emplace({p.consumer, p.partition}, p.offset);
        const std::int64_t before = std::exchange(it->second, p.offset);
        if (fresh || p.offset <= before || excused(h, p.partition)) continue;
        ++out.checked;
        const auto between = log.upper_bound({p.partition, before});
        if (between == log.end() || between->first.first != p.partition ||
            between->first.second >= p.offset)
            continue;
        out.sentence = fmt::format(
            "consumer {} got offset {} and then {}, but {} stands at offset {} between them",
            p.consumer, before, p.offset, value(between->second), between->first.second);
        return out;
    }
    return out;
}

Anomaly nonmonotonic_poll(const History& h) {
    Anomaly out;
    std::map<std::pair<std::int32_t, std::uint32_t>, std::int64_t> last;
    for (const PollOp& p : h.polls) {
        const auto [it, fresh] = last.try_emplace({p.consumer, p.partition}, p.offset);
        const std::int64_t before = std::exchange(it->second, p.offset);
        if (fresh || h.shortened.contains(p.partition)) continue;
        ++out.checked;
        if (p.offset > before) continue;
        out.sentence = fmt::format("consumer {} got offset {} and then {} of one partition",
                                   p.consumer, before, p.offset);
        return out;
    }
    return out;
}

Anomaly nonmonotonic_send(const History& h) {
    Anomaly out;
    std::map<std::pair<std::int32_t, std::uint32_t>, const SendOp*> last;
    for (const SendOp& s : h.sends) {
        if (s.outcome != SendOutcome::acked || s.offset < 0 || h.shortened.contains(s.partition))
            continue;
        // Without idempotence a retry may be acknowledged at a later copy.
        if (!h.exactly_once.contains(s.client)) continue;
        const auto [it, fresh] = last.try_emplace({s.client, s.partition}, &s);
        const SendOp* before = std::exchange(it->second, &s);
        if (fresh) continue;
        ++out.checked;
        if (before->offset < s.offset) continue;
        out.sentence = fmt::format("{} was sent before {}, but stands at offset {}, behind {}",
                                   value({before->client, before->record}),
                                   value({s.client, s.record}), before->offset, s.offset);
        return out;
    }
    return out;
}

Anomaly aborted_read(const History& h) {
    Anomaly out;
    std::set<Value> undone;
    for (const SendOp& s : h.sends) {
        if (s.aborted || s.outcome == SendOutcome::failed) undone.insert({s.client, s.record});
    }
    for (const PollOp& p : h.polls) {
        if (!p.read_committed) continue;
        ++out.checked;
        if (!undone.contains({p.client, p.record})) continue;
        out.sentence = fmt::format(
            "consumer {} reads committed records only, but was given {}, which was aborted",
            p.consumer, value({p.client, p.record}));
        return out;
    }
    return out;
}

std::span<const HistoryCheck> history_checks() {
    static constexpr HistoryCheck all[] = {
        {95, "lost-write", lost_write},
        {96, "duplicate", duplicate},
        {97, "inconsistent-offsets", inconsistent_offsets},
        {98, "unseen", unseen},
        {99, "poll-skip", poll_skip},
        {100, "nonmonotonic-poll", nonmonotonic_poll},
        {101, "nonmonotonic-send", nonmonotonic_send},
        {102, "aborted-read", aborted_read},
    };
    return all;
}
}  // namespace faultline::sim

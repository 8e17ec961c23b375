#include "core/logic/replica/leader_state.h"

#include <algorithm>

#include "core/base/assert.h"

namespace faultline::logic {
namespace {
bool has(const model::BrokerIds& ids, std::int32_t id) {
    return std::ranges::find(ids, id) != ids.end();
}
}  // namespace

LeaderState::LeaderState(NodeId self, PartitionView view, const LeaderRules& rules, Offset log_end,
                         Offset high_watermark, MonoTime now)
    : self_(self),
      view_(std::move(view)),
      rules_(rules),
      epoch_start_(log_end),
      high_watermark_(high_watermark) {
    for (const std::int32_t id : view_.replicas) {
        if (id == self_.v) continue;
        // Whoever is in sync gets the time to show it.
        if (has(view_.isr, id)) progress_[id].caught_up = now;
        progress_[id];
    }
}

void LeaderState::holds(Offset end) {
    own_ = std::max(own_, end);
    advance();
}

bool LeaderState::fetched(MonoTime now, const FollowerFetch& fetch, Offset log_end) {
    const auto it = progress_.find(fetch.follower.v);
    if (it == progress_.end()) return false;
    Progress& p = it->second;
    // Another process of that broker may hold less than the one before it.
    if (p.broker_epoch != fetch.broker_epoch) p = {.caught_up = p.caught_up};
    p.broker_epoch = fetch.broker_epoch;
    if (fetch.at >= log_end) {
        p.caught_up = now;
    } else if (p.fetched && fetch.at >= p.end_then) {
        p.caught_up = std::max(p.caught_up, p.fetched_at);
    }
    p.held = fetch.at;
    p.log_start = fetch.log_start;
    p.fetched_at = now;
    p.end_then = log_end;
    p.fetched = true;
    advance();
    return true;
}

void LeaderState::update(const PartitionView& view) {
    FL_ASSERT(view.epoch == view_.epoch);
    if (view.partition_epoch <= view_.partition_epoch) return;
    view_ = view;
    proposed_.reset();
    asked_ = false;
    std::erase_if(progress_, [&](const auto& p) { return !has(view_.replicas, p.first); });
    for (const std::int32_t id : view_.replicas) {
        if (id != self_.v) progress_[id];
    }
    advance();
}

void LeaderState::set_rules(const LeaderRules& rules) {
    rules_ = rules;
    advance();
}

std::int64_t LeaderState::effective_min_isr() const {
    return std::min(rules_.min_isr, static_cast<std::int64_t>(view_.replicas.size()));
}

// Who is in sync, or will be should the controller have accepted what was proposed.
bool LeaderState::counts(std::int32_t id) const {
    if (has(view_.isr, id)) return true;
    return proposed_ &&
           std::ranges::any_of(proposed_->isr, [&](const IsrMember& m) { return m.id == id; });
}

void LeaderState::advance() {
    if (!enough_in_sync()) return;
    Offset to = own_;
    for (const auto& [id, p] : progress_) {
        if (counts(id)) to = std::min(to, p.held);
    }
    if (to <= high_watermark_) return;
    FL_INVARIANT(132, to <= own_);
    high_watermark_ = to;
}

std::optional<IsrProposal> LeaderState::propose(
    MonoTime now, const std::function<bool(std::int32_t, std::int64_t)>& may_join) {
    if (asked_) return std::nullopt;
    if (proposed_) {
        asked_ = true;
        return proposed_;
    }
    IsrProposal next{{}, view_.partition_epoch};
    for (const std::int32_t id : view_.replicas) {
        if (id == self_.v) {
            next.isr.push_back({id, -1});
            continue;
        }
        const Progress& p = progress_.at(id);
        const bool in = has(view_.isr, id);
        const bool stays = in && now - p.caught_up <= rules_.max_lag;
        // It must be there, hold all that is committed, and the records of this reign's beginning:
        // the high watermark that a new leader knows may be an old one (KAFKA-7128).
        const bool there = p.fetched && now - p.fetched_at <= rules_.max_lag;
        const bool joins = !in && there && p.held >= high_watermark_ && p.held >= epoch_start_ &&
                           may_join(id, p.broker_epoch);
        if (stays || joins) next.isr.push_back({id, p.broker_epoch});
    }
    const bool same =
        next.isr.size() == view_.isr.size() &&
        std::ranges::all_of(next.isr, [&](const IsrMember& m) { return has(view_.isr, m.id); });
    if (same && !view_.recovering) return std::nullopt;
    // An unclean leader tells first that it has recovered; members join afterwards.
    if (view_.recovering) next.isr = {{self_.v, -1}};
    proposed_ = next;
    asked_ = true;
    return next;
}

void LeaderState::refused() {
    proposed_.reset();
    asked_ = false;
    advance();
}

std::vector<ReadableFollower> LeaderState::readable(Offset offset) const {
    std::vector<ReadableFollower> found;
    for (const auto& [id, p] : progress_) {
        if (p.fetched && has(view_.isr, id) && p.held >= offset && p.log_start <= offset)
            found.push_back({NodeId{id}, p.held, p.caught_up});
    }
    return found;
}

Offset LeaderState::low_watermark(Offset own, const std::function<bool(NodeId)>& alive) const {
    Offset low = own;
    for (const auto& [id, p] : progress_) {
        if (alive(NodeId{id})) low = std::min(low, p.fetched ? p.log_start : Offset{-1});
    }
    return low;
}

MonoTime LeaderState::next_check() const {
    MonoTime next = MonoTime::never();
    for (const auto& [id, p] : progress_) {
        if (has(view_.isr, id)) next = std::min(next, p.caught_up + rules_.max_lag);
    }
    return next;
}
}  // namespace faultline::logic

#include "sim/world/sim_driver.h"

#include <algorithm>
#include <functional>

#include "core/base/assert.h"

namespace faultline::sim {
namespace {
// poll() is called after 64 switches. So many without time moving mean a fiber that spins, or
// events that make each other.
constexpr std::uint64_t kSwitchesPerPoll = 64;
constexpr std::uint64_t kWorkPerInstant = 10'000'000;
// So much work at one instant may mean a fiber that waits for another by yielding: from here on
// strict priorities would keep it waiting for ever.
constexpr std::uint64_t kPatience = 20'000;
}  // namespace

SimDriver::SimDriver(std::uint64_t seed, Schedule schedule) : seed_(seed), policy_(schedule) {
    if (policy_.policy == Schedule::Policy::pct) new_round();
}

void SimDriver::new_round() noexcept {
    ++round_;
    steps_ = 0;
    demoted_.clear();
    changes_.clear();
    for (std::uint32_t i = 0; i < policy_.change_points; ++i) {
        const std::uint64_t draw = mix64(seed_ ^ mix64(round_ << 32 | i));
        changes_.push_back(1 + draw % policy_.round);
    }
    std::ranges::sort(changes_, std::greater<>{});
}

// Small goes first. Whoever was put last stands behind all others, the latest at the very end.
std::uint64_t SimDriver::priority(std::uint64_t who) const noexcept {
    for (std::size_t i = 0; i < demoted_.size(); ++i) {
        if (demoted_[i] == who) return UINT64_MAX - demoted_.size() + i;
    }
    return mix64(seed_ ^ mix64(who ^ round_)) >> 1;
}

void SimDriver::step(std::uint64_t who) noexcept {
    if (++steps_ > policy_.round) return new_round();
    while (!changes_.empty() && changes_.back() == steps_) {
        changes_.pop_back();
        std::erase(demoted_, who);
        demoted_.push_back(who);
    }
}

std::uint64_t SimDriver::rank(const fiber::Candidate& c) const noexcept {
    const bool by_priority =
        policy_.policy == Schedule::Policy::pct && work_at_instant_ < kPatience;
    const std::uint64_t who = mix64(c.domain ^ mix64(c.fiber));
    return by_priority ? priority(who) : mix64(seed_ ^ mix64(who + c.runs) ^ before_);
}

std::size_t SimDriver::choose(std::size_t runnable) noexcept {
    std::size_t chosen = 0;
    if (policy_.policy != Schedule::Policy::fifo) {
        std::uint64_t best = UINT64_MAX;
        for (std::size_t i = 0; i < runnable; ++i) {
            const std::uint64_t r = rank(scheduler_->candidate(i));
            if (r < best) {
                best = r;
                chosen = i;
            }
        }
        const fiber::Candidate c = scheduler_->candidate(chosen);
        const std::uint64_t who = mix64(c.domain ^ mix64(c.fiber));
        before_ = mix64(who + c.runs);
        if (policy_.policy == Schedule::Policy::pct) step(who);
    }
    schedule_.add(static_cast<std::uint64_t>(runnable) << 32 | chosen);
    return chosen;
}

MonoTime SimDriver::arrival(MonoTime when) const noexcept {
    if (policy_.policy != Schedule::Policy::pct) return when;
    const std::int64_t grid = policy_.grid.count();
    return {(when.ns + grid - 1) / grid * grid};
}

void SimDriver::at(MonoTime when, Action action, void* self, std::uint64_t argument, EventKey key) {
    std::uint64_t rank = 0;
    if (policy_.policy == Schedule::Policy::random) {
        rank = mix64(seed_ ^ mix64(key.who + mix64(key.ordinal)));
    } else if (policy_.policy == Schedule::Policy::pct) {
        rank = priority(key.who);
        step(key.who);
    }
    const std::uint64_t tie = (rank & 0xffffffff00000000ULL) | (sequence_++ & 0xffffffffULL);
    Event event{std::max(when, now_).ns, tie, action, self, argument, *scheduler_->context_word()};
    std::size_t i = heap_.size();
    heap_.push_back(event);
    while (i > 0) {
        const std::size_t parent = (i - 1) / 4;  // four children: fewer cache misses on the way up
        if (!event.before(heap_[parent])) break;
        heap_[i] = heap_[parent];
        i = parent;
    }
    heap_[i] = event;
}

void SimDriver::at(MonoTime when, std::move_only_function<void()> action) {
    std::uint64_t slot = closures_.size();
    if (free_closures_.empty()) {
        closures_.push_back(std::move(action));
    } else {
        slot = free_closures_.back();
        free_closures_.pop_back();
        closures_[slot] = std::move(action);
    }
    // Of one instant they have one rank, so that they keep their order.
    const auto instant = static_cast<std::uint64_t>(when.ns);
    at(when, &SimDriver::run_closure, this, slot, {0, instant});
}

void SimDriver::run_closure(void* self, std::uint64_t slot) {
    auto& driver = *static_cast<SimDriver*>(self);
    auto action = std::move(driver.closures_[slot]);
    driver.closures_[slot] = nullptr;
    driver.free_closures_.push_back(slot);
    action();
}

MonoTime SimDriver::poll() noexcept {
    // INV-70: work at one instant ends.
    work_at_instant_ += kSwitchesPerPoll;
    FL_INVARIANT(70, work_at_instant_ < kWorkPerInstant);
    return now_;
}

MonoTime SimDriver::wait(MonoTime until) noexcept {
    if (heap_.empty() || heap_.front().at > until.ns) {
        if (until == MonoTime::never()) return until;
        if (until > now_) work_at_instant_ = before_ = 0;
        return now_ = std::max(now_, until);
    }
    const Event event = heap_.front();
    const Event last = heap_.back();
    heap_.pop_back();
    if (!heap_.empty()) {
        std::size_t i = 0;
        while (true) {
            const std::size_t first = 4 * i + 1;
            if (first >= heap_.size()) break;
            std::size_t best = first;
            for (std::size_t c = first + 1; c < std::min(first + 4, heap_.size()); ++c) {
                if (heap_[c].before(heap_[best])) best = c;
            }
            if (!heap_[best].before(last)) break;
            heap_[i] = heap_[best];
            i = best;
        }
        heap_[i] = last;
    }
    FL_ASSERT(event.at >= now_.ns);
    if (event.at > now_.ns) work_at_instant_ = before_ = 0;
    FL_INVARIANT(70, ++work_at_instant_ < kWorkPerInstant);
    now_ = {event.at};
    scheduler_->advance(now_);
    ++delivered_;
    schedule_.add(event.tie);
    *scheduler_->context_word() = event.word;
    event.action(event.self, event.argument);
    *scheduler_->context_word() = 0;
    return now_;
}
}  // namespace faultline::sim

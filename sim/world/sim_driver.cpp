#include "sim/world/sim_driver.h"

#include <algorithm>

#include "core/base/assert.h"

namespace faultline::sim {
namespace {
// poll() is called after 64 switches. So many without time moving mean a fiber that spins, or
// events that make each other.
constexpr std::uint64_t kSwitchesPerPoll = 64;
constexpr std::uint64_t kWorkPerInstant = 10'000'000;
}  // namespace

void SimDriver::at(MonoTime when, Action action, void* self, std::uint64_t argument) {
    const std::uint64_t tie = (rng_.next() & 0xffffffff00000000ULL) | (sequence_++ & 0xffffffffULL);
    Event event{std::max(when, now_).ns, tie, action, self, argument};
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
    at(when, &SimDriver::run_closure, this, slot);
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
        if (until > now_) work_at_instant_ = 0;
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
    if (event.at > now_.ns) work_at_instant_ = 0;
    FL_INVARIANT(70, ++work_at_instant_ < kWorkPerInstant);
    now_ = {event.at};
    scheduler_->advance(now_);
    ++delivered_;
    schedule_.add(event.tie);
    event.action(event.self, event.argument);
    return now_;
}
}  // namespace faultline::sim

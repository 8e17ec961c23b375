// Virtual time: the queue of what the world will do, and the seeded choice of what runs next.
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "core/base/hash128.h"
#include "core/base/random.h"
#include "core/fiber/scheduler.h"

namespace faultline::sim {

// Events at one instant happen in an order drawn from the schedule's stream, then by age.
class SimDriver final : public fiber::Driver {
public:
    // A plain function and two words: the hot path allocates nothing.
    using Action = void (*)(void* self, std::uint64_t argument);

    explicit SimDriver(Rng schedule) : rng_(schedule) {}
    // Must be called once, before run().
    void attach(fiber::Scheduler& scheduler) { scheduler_ = &scheduler; }

    void at(MonoTime when, Action action, void* self, std::uint64_t argument);
    // For scripts: a closure. It runs outside any fiber.
    void at(MonoTime when, std::move_only_function<void()> action);
    MonoTime now() const noexcept { return now_; }
    std::uint64_t delivered() const noexcept { return delivered_; }

    // Over every choice (how many could run, which one does) and every delivery (its tie-break,
    // which is drawn, and its number). Two processes that differ here differ sooner than their
    // events do.
    const Hash128& schedule() const noexcept { return schedule_; }

    std::size_t choose(std::size_t runnable) noexcept override {
        const std::size_t chosen = rng_.below(runnable);
        schedule_.add(static_cast<std::uint64_t>(runnable) << 32 | chosen);
        return chosen;
    }
    MonoTime poll() noexcept override;
    MonoTime wait(MonoTime until) noexcept override;

private:
    struct Event {
        std::int64_t at;
        std::uint64_t tie;  // drawn in the upper half, a sequence number in the lower
        Action action;
        void* self;
        std::uint64_t argument;
        bool before(const Event& o) const { return at != o.at ? at < o.at : tie < o.tie; }
    };
    static void run_closure(void* self, std::uint64_t slot);

    Rng rng_;
    Hash128 schedule_;
    fiber::Scheduler* scheduler_ = nullptr;
    MonoTime now_{};
    std::vector<Event> heap_;
    std::uint64_t sequence_ = 0, delivered_ = 0;
    std::vector<std::move_only_function<void()>> closures_;
    std::vector<std::uint64_t> free_closures_;
    std::uint64_t work_at_instant_ = 0;
};
}  // namespace faultline::sim

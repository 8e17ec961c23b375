// Virtual time: the queue of what the world will do, and the seeded choice of what runs next.
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "core/base/hash128.h"
#include "core/base/random.h"
#include "core/fiber/scheduler.h"

namespace faultline::sim {

// Who runs next among fibers, and in which order events of one instant happen.
// random: each time a fiber can run, and each event, draws its rank anew. fifo: by age. pct: each
// fiber and each connection has a priority; at drawn points of the run the one that just ran, or
// sent, goes last from then on. With few such points it finds what needs a rare order of
// few steps (Burckhardt and others, "A randomized scheduler", ASPLOS 2010). Messages arrive on a
// grid of time then, so that there is something to choose among.
// Ranks come from the identity of who runs, not from a shared sequence: what happens elsewhere does
// not change them.
struct Schedule {
    enum class Policy : std::uint8_t { random, fifo, pct };
    Policy policy = Policy::random;
    std::uint32_t change_points = 3;  // in each `round`
    std::uint64_t round = 50'000;     // pct: choices after which priorities are drawn anew
    Duration grid = 200us;            // pct
};

// Whose event it is, and which of its events: equal in every run where that one does the same.
struct EventKey {
    std::uint64_t who = 0, ordinal = 0;
};

class SimDriver final : public fiber::Driver {
public:
    // A plain function and two words: the hot path allocates nothing.
    using Action = void (*)(void* self, std::uint64_t argument);

    explicit SimDriver(std::uint64_t seed, Schedule schedule = {});
    // Must be called once, before run().
    void attach(fiber::Scheduler& scheduler) { scheduler_ = &scheduler; }

    void at(MonoTime when, Action action, void* self, std::uint64_t argument, EventKey key);
    // When a message that would be there at `when` is there.
    MonoTime arrival(MonoTime when) const noexcept;
    // For scripts: a closure. It runs outside any fiber. Those of one instant run by age.
    void at(MonoTime when, std::move_only_function<void()> action);
    MonoTime now() const noexcept { return now_; }
    std::uint64_t delivered() const noexcept { return delivered_; }

    // Over every choice (how many could run, which one does) and every delivery (its tie-break,
    // which is drawn, and its number). Two processes that differ here differ sooner than their
    // events do.
    const Hash128& schedule() const noexcept { return schedule_; }

    std::size_t choose(std::size_t runnable) noexcept override;
    MonoTime poll() noexcept override;
    MonoTime wait(MonoTime until) noexcept override;

private:
    struct Event {
        std::int64_t at;
        std::uint64_t tie;  // drawn in the upper half, a sequence number in the lower
        Action action;
        void* self;
        std::uint64_t argument;
        std::uint64_t word;  // Scheduler::context_word of whoever asked for it
        bool before(const Event& o) const { return at != o.at ? at < o.at : tie < o.tie; }
    };
    static void run_closure(void* self, std::uint64_t slot);
    std::uint64_t rank(const fiber::Candidate& c) const noexcept;
    std::uint64_t priority(std::uint64_t who) const noexcept;
    void step(std::uint64_t who) noexcept;
    void new_round() noexcept;

    std::uint64_t seed_;
    Schedule policy_;
    // Who was chosen before, at this instant: whoever was not is drawn anew beside the next ones,
    // so that nobody waits long.
    std::uint64_t before_ = 0;
    // pct: choices so far, at which of them the next change comes, and who goes last since when.
    std::uint64_t steps_ = 0, round_ = 0;
    std::vector<std::uint64_t> changes_;  // steps, the last comes first
    std::vector<std::uint64_t> demoted_;
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

// A scheduler with virtual time and a MemoryDisk: enough to run storage's fibers in a unit test.
#pragma once
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/log.h"
#include "core/base/random.h"
#include "core/env/clock.h"
#include "core/env/probe.h"
#include "core/fiber/scheduler.h"
#include "tests/support/memory_disk.h"

namespace faultline::test {

class TestDriver final : public fiber::Driver {
public:
    // 0: first in, first out; anything else: a seeded choice.
    explicit TestDriver(std::uint64_t seed = 0) : rng_(seed), fifo_(seed == 0) {}
    std::size_t choose(std::size_t runnable) noexcept override {
        return fifo_ ? 0 : rng_.below(runnable);
    }
    MonoTime poll() noexcept override { return now_; }
    MonoTime wait(MonoTime until) noexcept override {
        return until == MonoTime::never() ? until : now_ = until;
    }

private:
    MonoTime now_{};
    Rng rng_;
    bool fifo_;
};

// Keeps every event.
class TestSink final : public probe::Sink {
public:
    void on(MonoTime, NodeId, const probe::Event& e) override { events.push_back(e); }
    probe::PartitionKey intern(std::string_view, PartitionIndex) override { return 1; }
    void reached(probe::Site s) override { ++sites[static_cast<std::size_t>(s)]; }
    bool perturb(probe::Site) override { return false; }
    template <class E>
    std::vector<E> all() const {
        std::vector<E> out;
        for (const auto& e : events) {
            if (const E* one = std::get_if<E>(&e)) out.push_back(*one);
        }
        return out;
    }
    int count(probe::Site s) const { return sites[static_cast<std::size_t>(s)]; }
    std::vector<probe::Event> events;
    int sites[static_cast<std::size_t>(probe::Site::count_)] = {};
};

struct TestWorld {
    explicit TestWorld(std::uint64_t seed = 0) : driver(seed) {
        ClockControl(clock).set_wall_offset(std::chrono::milliseconds(1'700'000'000'000));
    }
    // Runs `body` in a fiber, and everything that it starts, until nothing can run any more.
    void run(std::function<void()> body) {
        scheduler.spawn({.name = "test"}, std::move(body));
        scheduler.run();
    }
    TestDriver driver;
    fiber::Scheduler scheduler{driver};
    Clock clock{scheduler};
    MonoTime zero{};
    TestSink sink;
    NullLogger log;
    MemoryDisk disk;
    probe::Probe probe{&sink, NodeId{1}, &zero};
};
}  // namespace faultline::test

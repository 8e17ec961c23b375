#include "core/fiber/sync.h"

#include "tests/support/catch.h"
#include "tests/unit/fiber/test_driver.h"

using namespace faultline;
using namespace faultline::fiber;
using faultline::test::VirtualDriver;

namespace {
struct Rig {
    VirtualDriver driver;
    Scheduler s{driver};
    Deadline in(Duration d) const { return {s.now() + d}; }
};
}  // namespace

TEST_CASE("mutex: ownership goes to the oldest waiter, and a time-out gives up its place",
          "[sync]") {
    Rig r;
    Mutex mutex;
    std::vector<int> order;
    r.s.spawn({}, [&] {
        const auto guard = mutex.lock();
        r.s.sleep_until(r.in(10ms));
    });
    for (int i = 0; i < 4; ++i) {
        r.s.spawn({}, [&, i] {
            const auto guard = mutex.lock(i == 1 ? r.in(5ms) : Deadline::never());
            if (!guard.ok()) {
                CHECK(i == 1);
                CHECK(guard.code() == Errc::timed_out);
                return;
            }
            order.push_back(i);
            r.s.yield();
        });
    }
    r.s.run();
    CHECK(order == std::vector<int>{0, 2, 3});
    CHECK_FALSE(mutex.locked());
}

TEST_CASE("semaphore: first come first served, a small request does not overtake", "[sync]") {
    Rig r;
    Semaphore budget(10);
    std::vector<int> order;
    const auto want = [&](int id, std::size_t n, Duration hold) {
        r.s.spawn({}, [&, id, n, hold] {
            const auto units = budget.acquire(n, Deadline::never());
            order.push_back(id);
            r.s.sleep_until(r.in(hold));
        });
    };
    want(1, 6, 10ms);
    want(2, 8, 10ms);
    want(3, 1, 10ms);
    want(4, 100, 10ms);  // more than there is: granted when all is free
    r.s.run();
    CHECK(order == std::vector<int>{1, 2, 3, 4});
    CHECK(budget.available() == 10);
}

TEST_CASE("semaphore: a request that gives up lets those behind it through", "[sync]") {
    Rig r;
    Semaphore budget(10);
    bool small_ran = false;
    r.s.spawn({}, [&] {
        const auto units = budget.acquire(6, Deadline::never());
        r.s.sleep_until(r.in(20ms));
        CHECK(small_ran);
    });
    r.s.spawn({}, [&] { CHECK(budget.acquire(8, r.in(5ms)).code() == Errc::timed_out); });
    r.s.spawn({}, [&] {
        const auto units = budget.acquire(2, r.in(10ms));
        CHECK(units.ok());
        CHECK(r.s.now() == MonoTime{5'000'000});
        small_ran = true;
    });
    r.s.run();
    CHECK(budget.available() == 10);
}

TEST_CASE("channel: bounded, ordered, drained after close", "[sync]") {
    Rig r;
    Channel<int> channel(2);
    std::vector<int> got;
    r.s.spawn({}, [&] {
        for (int i = 0; i < 6; ++i) CHECK(channel.push(i, Deadline::never()).ok());
        CHECK(channel.size() <= 2);
        channel.close();
        CHECK(channel.push(9, Deadline::never()).code() == Errc::closed);
        int item = 9;
        CHECK_FALSE(channel.try_push(item));
    });
    r.s.spawn({}, [&] {
        while (true) {
            const auto item = channel.pop(Deadline::never());
            if (!item.ok()) {
                CHECK(item.code() == Errc::closed);
                break;
            }
            got.push_back(*item);
        }
    });
    r.s.run();
    CHECK(got == std::vector<int>{0, 1, 2, 3, 4, 5});
}

TEST_CASE("channel: a consumer that times out does not swallow the wake of another", "[sync]") {
    Rig r;
    Channel<int> channel(8);
    int got = 0;
    r.s.spawn({}, [&] { CHECK(channel.pop(r.in(10ms)).code() == Errc::timed_out); });
    r.s.spawn({}, [&] { got = *channel.pop(r.in(1s)); });
    r.s.spawn({}, [&] {
        r.s.sleep_until(r.in(10ms));  // the same instant as the time-out
        CHECK(channel.push(42, Deadline::never()).ok());
    });
    r.s.run();
    CHECK(got == 42);
    CHECK(r.s.now() == MonoTime{10'000'000});
}

TEST_CASE("condition: waits for its predicate", "[sync]") {
    Rig r;
    Condition changed;
    int value = 0;
    bool done = false;
    r.s.spawn({}, [&] {
        CHECK(changed.wait(r.in(1s), {}, [&] { return value == 3; }).ok());
        done = true;
    });
    r.s.spawn({}, [&] {
        for (int i = 1; i <= 3; ++i) {
            CHECK_FALSE(done);
            value = i;
            changed.notify_all();
            r.s.yield();
        }
    });
    r.s.run();
    CHECK(done);
}

TEST_CASE("gate: nobody enters after close, and close waits for those inside", "[sync]") {
    Rig r;
    Gate gate;
    bool left = false;
    r.s.spawn({}, [&] {
        const auto pass = gate.enter();
        REQUIRE(pass.has_value());
        r.s.sleep_until(r.in(5ms));
        left = true;
    });
    r.s.spawn({}, [&] {
        gate.close_and_drain();
        CHECK(left);
        CHECK_FALSE(gate.enter().has_value());
    });
    r.s.run();
    CHECK(left);
}

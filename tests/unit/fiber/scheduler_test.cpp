#include "core/fiber/scheduler.h"

#include <stdexcept>

#include "core/fiber/stack_pool.h"
#include "tests/support/catch.h"
#include "tests/unit/fiber/test_driver.h"

using namespace faultline;
using namespace faultline::fiber;
using faultline::test::VirtualDriver;

namespace {
struct Rig {
    VirtualDriver driver;
    Scheduler s{driver};
};
}  // namespace

TEST_CASE("scheduler: fibers run in the order of their spawning", "[fiber]") {
    Rig r;
    std::vector<int> order;
    for (int i = 0; i < 5; ++i) r.s.spawn({}, [&, i] { order.push_back(i); });
    r.s.run();
    CHECK(order == std::vector<int>{0, 1, 2, 3, 4});
    CHECK(r.s.live_fibers() == 0);
}

TEST_CASE("scheduler: sleeping moves virtual time and wakes in order of deadline, then arming",
          "[fiber]") {
    Rig r;
    std::vector<int> order;
    const auto sleeper = [&](int id, Duration d) {
        r.s.spawn({}, [&, id, d] {
            CHECK(r.s.sleep_until({r.s.now() + d}) == Wake::timed_out);
            order.push_back(id);
        });
    };
    sleeper(1, 30ms);
    sleeper(2, 10ms);
    sleeper(3, 30ms);
    sleeper(4, 20ms);
    r.s.run();
    CHECK(order == std::vector<int>{2, 4, 1, 3});
    CHECK(r.s.now() == MonoTime{30'000'000});
}

TEST_CASE("waiter: a wake before the park is not lost", "[fiber]") {
    Rig r;
    Wake wake = Wake::cancelled;
    r.s.spawn({}, [&] {
        Waiter w;
        w.wake();
        wake = w.park({r.s.now() + 1s});
    });
    r.s.run();
    CHECK(wake == Wake::signalled);
    CHECK(r.s.now() == MonoTime{0});
}

TEST_CASE("waiter: what came first is the result, and it is idempotent", "[fiber]") {
    Rig r;
    StopSource stop;
    Waiter* parked = nullptr;
    std::vector<Wake> wakes;
    r.s.spawn({}, [&] {
        Waiter w;
        parked = &w;
        wakes.push_back(w.park({r.s.now() + 1s}, stop.token()));
        wakes.push_back(w.park({r.s.now() + 1s}, stop.token()));
        wakes.push_back(w.park({r.s.now() + 1s}));
    });
    r.s.spawn({}, [&] {
        parked->wake();
        parked->wake();
        stop.request_stop();
    });
    r.s.run();
    REQUIRE(wakes.size() == 3);
    CHECK(wakes[0] == Wake::signalled);
    CHECK(wakes[1] == Wake::cancelled);
    CHECK(wakes[2] == Wake::timed_out);
}

TEST_CASE("waiter: a deadline that has passed does not park", "[fiber]") {
    Rig r;
    bool other_ran = false;
    r.s.spawn({}, [&] {
        Waiter w;
        CHECK(w.park({r.s.now()}) == Wake::timed_out);
        CHECK_FALSE(other_ran);
    });
    r.s.spawn({}, [&] { other_ran = true; });
    r.s.run();
    CHECK(other_ran);
}

TEST_CASE("exceptions: a fiber parked in a handler keeps its own exception", "[fiber]") {
    Rig r;
    std::vector<std::string> seen;
    for (const char* name : {"one", "two", "three"}) {
        r.s.spawn({}, [&, name] {
            try {
                throw std::runtime_error(name);
            } catch (const std::exception&) {
                r.s.yield();
                try {
                    throw;
                } catch (const std::exception& e) {
                    r.s.yield();
                    seen.emplace_back(e.what());
                }
            }
        });
    }
    r.s.run();
    CHECK(seen == std::vector<std::string>{"one", "two", "three"});
}

TEST_CASE("kill: fibers are unwound youngest first, parked in a handler or not started",
          "[fiber]") {
    Rig r;
    std::vector<std::string> log;
    struct Note {
        std::vector<std::string>& log;
        const char* text;
        ~Note() { log.emplace_back(text); }
    };
    Domain domain("n1");
    r.s.spawn({.name = "parent", .domain = &domain}, [&] {
        Note note{log, "parent"};
        r.s.spawn({.name = "child"}, [&] {
            Note inner{log, "child"};
            try {
                throw 1;
            } catch (int) {
                Waiter w;
                w.park({});
            }
            log.emplace_back("never");
        });
        Waiter w;
        w.park({r.s.now() + 1h});
        log.emplace_back("never");
    });
    r.s.spawn({.name = "outside"}, [&] { r.s.sleep_until({r.s.now() + 1ms}); });
    r.s.spawn({.name = "stopper"}, [&] {
        r.s.sleep_until({r.s.now() + 2ms});
        r.s.stop();
    });
    r.s.run();
    r.s.spawn({.name = "unborn", .domain = &domain},
              [note = std::make_unique<Note>(log, "unborn")] { FL_UNREACHABLE(); });
    r.s.kill(domain);
    CHECK(domain.empty());
    CHECK(log == std::vector<std::string>{"unborn", "child", "parent"});
    CHECK(r.s.live_fibers() == 0);
    r.s.run();
}

TEST_CASE("pause: a paused domain keeps its fibers until it is resumed", "[fiber]") {
    Rig r;
    Domain domain("n1");
    std::vector<std::string> log;
    r.s.spawn({.domain = &domain}, [&] {
        r.s.sleep_until({r.s.now() + 10ms});
        log.emplace_back("paused one");
    });
    r.s.spawn({}, [&] {
        r.s.pause(domain);
        r.s.sleep_until({r.s.now() + 50ms});
        log.emplace_back("resume");
        r.s.resume(domain);
    });
    r.s.run();
    CHECK(log == std::vector<std::string>{"resume", "paused one"});
}

TEST_CASE("group: stop reaches parked members, join waits for all", "[fiber]") {
    Rig r;
    int cancelled = 0;
    bool joined = false;
    r.s.spawn({}, [&] {
        Group group(r.s);
        for (int i = 0; i < 3; ++i) {
            group.spawn({}, [&](StopToken stop) {
                if (r.s.sleep_until({}, stop) == Wake::cancelled) ++cancelled;
            });
        }
        CHECK(group.join({r.s.now() + 5ms}).code() == Errc::timed_out);
        CHECK(group.live() == 3);
        group.request_stop();
        group.join();
        joined = true;
    });
    r.s.run();
    CHECK(cancelled == 3);
    CHECK(joined);
}

TEST_CASE("scheduler: thousands of fibers use their stacks again", "[fiber]") {
    Rig r;
    std::size_t ran = 0;
    r.s.spawn({}, [&] {
        for (int round = 0; round < 100; ++round) {
            Group group(r.s);
            for (int i = 0; i < 50; ++i) {
                group.spawn({}, [&](StopToken) {
                    r.s.yield();
                    ++ran;
                });
            }
            group.join();
        }
    });
    r.s.run();
    CHECK(ran == 5000);
}

TEST_CASE("scheduler: timers survive random arming and cancelling", "[fiber]") {
    VirtualDriver driver(7);
    Scheduler s(driver);
    std::uint64_t x = 12345;
    const auto draw = [&] { return (x = x * 6364136223846793005ULL + 1) >> 33; };
    std::vector<Waiter*> waiters(200, nullptr);
    int timed = 0, signalled = 0;
    bool early = false;
    for (auto& slot : waiters) {
        s.spawn({}, [&] {
            for (int n = 0; n < 20; ++n) {
                Waiter w;
                slot = &w;
                const MonoTime due = s.now() + Duration{1 + draw() % 1000};
                const Wake wake = w.park({due});
                slot = nullptr;
                if (wake == Wake::timed_out) {
                    ++timed;
                    early = early || s.now() < due;
                } else {
                    ++signalled;
                }
            }
        });
    }
    s.spawn({}, [&] {
        for (int n = 0; n < 3000; ++n) {
            if (Waiter* w = waiters[draw() % waiters.size()]) w->wake();
            if (n % 8 == 0) s.sleep_until({s.now() + Duration{3}});
        }
    });
    s.run();
    CHECK(timed + signalled == 4000);
    CHECK(signalled > 100);
    CHECK_FALSE(early);
}

// Fibers and what they wait on, over both drivers.
#include <stdexcept>

#include "tests/env_contract/contract.h"

using namespace faultline;
using namespace faultline::contract;
using fiber::StopToken;

namespace {
void nap(Env& env, Duration d) { (void)env.fibers.sleep_until(env.clock.in(d)); }
}  // namespace

CONTRACT("fiber: time stands still while a fiber runs, and never goes back") {
    with_node(w, [](Env& env) {
        const MonoTime a = env.clock.now();
        EXPECT(pattern(100'000).size() == 100'000);  // takes a while
        EXPECT(env.clock.now() == a);
        MonoTime last = a;
        for (int i = 0; i < 100; ++i) {
            env.fibers.yield();
            EXPECT(env.clock.now() >= last);
            last = env.clock.now();
        }
        nap(env, 5ms);
        EXPECT(env.clock.now() - last >= 5ms);
    });
}

CONTRACT("fiber: the wall clock moves with time") {
    with_node(w, [](Env& env) {
        const WallTime a = env.clock.wall();
        EXPECT(a.ms > 1'700'000'000'000);  // after 2023
        nap(env, 50ms);
        const std::int64_t passed = env.clock.wall().ms - a.ms;
        EXPECT(passed >= 45 && passed < 10'000);
    });
}

CONTRACT("fiber: sleepers wake in the order of their deadlines") {
    with_node(w, [](Env& env) {
        std::vector<int> order;
        fiber::Group group(env.fibers);
        for (const int ms : {60, 20, 80, 40}) {
            group.spawn({.name = "sleeper"}, [&, ms](StopToken) {
                nap(env, std::chrono::milliseconds(ms));
                order.push_back(ms);
            });
        }
        group.join();
        EXPECT(order == std::vector<int>{20, 40, 60, 80});
    });
}

CONTRACT("fiber: equal deadlines pass together, none early") {
    with_node(w, [](Env& env) {
        const Deadline at = env.clock.in(30ms);
        int woken = 0;
        fiber::Group group(env.fibers);
        for (int i = 0; i < 20; ++i) {
            group.spawn({.name = "sleeper"}, [&](StopToken) {
                EXPECT(env.fibers.sleep_until(at) == fiber::Wake::timed_out);
                EXPECT(env.clock.now() >= at.at);
                ++woken;
            });
        }
        group.join();
        EXPECT(woken == 20);
        EXPECT(env.fibers.sleep_until(at) == fiber::Wake::timed_out);  // passed: at once
    });
}

CONTRACT("fiber: a stop wakes sleepers, and later waits return at once") {
    with_node(w, [](Env& env) {
        fiber::StopSource stop;
        EXPECT(!StopToken{}.stop_requested());
        EXPECT(!stop.token().stop_requested());
        int cancelled = 0;
        fiber::Group group(env.fibers);
        for (int i = 0; i < 5; ++i) {
            group.spawn({.name = "sleeper"}, [&](StopToken) {
                if (env.fibers.sleep_until(env.clock.in(1h), stop.token()) ==
                    fiber::Wake::cancelled) {
                    ++cancelled;
                }
            });
        }
        nap(env, 10ms);
        const MonoTime before = env.clock.now();
        stop.request_stop();
        stop.request_stop();
        group.join();
        EXPECT(cancelled == 5);
        EXPECT(env.clock.now() - before < 5s);
        EXPECT(stop.token().stop_requested());
        EXPECT(env.fibers.sleep_until(env.clock.in(1h), stop.token()) == fiber::Wake::cancelled);
    });
}

CONTRACT("fiber: a wake before the park is kept; the first reason counts") {
    with_node(w, [](Env& env) {
        fiber::Waiter early;
        early.wake();
        EXPECT(early.park(env.clock.in(1h)) == fiber::Wake::signalled);
        fiber::Waiter waiter;
        fiber::StopSource stop;
        fiber::Group group(env.fibers);
        group.spawn({.name = "waker"}, [&](StopToken) {
            nap(env, 5ms);
            waiter.wake();
            stop.request_stop();
        });
        EXPECT(waiter.park(env.clock.in(5s), stop.token()) == fiber::Wake::signalled);
        group.join();
    });
}

CONTRACT("fiber: a mutex goes to those who wait in their order") {
    with_node(w, [](Env& env) {
        fiber::Mutex mutex;
        std::vector<int> asked, got;
        fiber::Group group(env.fibers);
        {
            const auto guard = mutex.lock();
            for (int i = 0; i < 10; ++i) {
                group.spawn({.name = "locker"}, [&, i](StopToken) {
                    asked.push_back(i);
                    const auto mine = mutex.lock();
                    got.push_back(i);
                    nap(env, 1ms);
                });
            }
            nap(env, 20ms);
            EXPECT(got.empty());
            EXPECT(asked.size() == 10);
            EXPECT_CODE(Errc::timed_out, mutex.lock(env.clock.in(5ms)));
        }
        group.join();
        EXPECT(got == asked);
        EXPECT(!mutex.locked());
    });
}

CONTRACT("fiber: a condition waits for its predicate") {
    with_node(w, [](Env& env) {
        fiber::Condition condition;
        int value = 0, done = 0;
        fiber::Group group(env.fibers);
        for (int i = 1; i <= 5; ++i) {
            group.spawn({.name = "waiter"}, [&, i](StopToken) {
                EXPECT_OK(condition.wait(env.clock.in(10s), {}, [&] { return value >= i; }));
                EXPECT(value >= i);
                ++done;
            });
        }
        for (int i = 1; i <= 5; ++i) {
            nap(env, 2ms);
            value = i;
            condition.notify_all();
            nap(env, 2ms);
            EXPECT(done == i);
        }
        group.join();
        EXPECT_CODE(Errc::timed_out,
                    condition.wait(env.clock.in(5ms), {}, [&] { return value > 5; }));
    });
}

CONTRACT("fiber: a large request for units is not overtaken") {
    with_node(w, [](Env& env) {
        fiber::Semaphore units(10);
        std::vector<std::string> order;
        fiber::Group group(env.fibers);
        {
            GET(const auto held, units.acquire(8, env.clock.in(1s)));
            group.spawn({.name = "large"}, [&](StopToken) {
                GET(const auto mine, units.acquire(10, env.clock.in(10s)));
                order.emplace_back("large");
                nap(env, 5ms);
            });
            nap(env, 5ms);
            group.spawn({.name = "small"}, [&](StopToken) {
                GET(const auto mine, units.acquire(1, env.clock.in(10s)));
                order.emplace_back("small");
            });
            nap(env, 5ms);
            EXPECT(order.empty());
            EXPECT(!units.try_acquire(1).has_value());
            EXPECT_CODE(Errc::timed_out, units.acquire(1, env.clock.in(2ms)));
        }
        group.join();
        EXPECT(order == std::vector<std::string>{"large", "small"});
        EXPECT(units.available() == 10);
        GET(const auto all, units.acquire(1000, env.clock.in(1s)));
        EXPECT(all.count() == 10);
    });
}

CONTRACT("fiber: a gate drains who is inside and lets nobody in") {
    with_node(w, [](Env& env) {
        fiber::Gate gate;
        fiber::Group group(env.fibers);
        int left = 0;
        for (int i = 0; i < 3; ++i) {
            group.spawn({.name = "visitor"}, [&](StopToken) {
                const auto pass = gate.enter();
                NEED(pass.has_value());
                nap(env, 20ms);
                ++left;
            });
        }
        nap(env, 5ms);
        gate.close_and_drain();
        EXPECT(left == 3);
        EXPECT(!gate.enter().has_value());
        group.join();
    });
}

CONTRACT("fiber: a channel is bounded and keeps the order") {
    with_node(w, [](Env& env) {
        fiber::Channel<int> channel(4);
        int pushed = 0;
        fiber::Group group(env.fibers);
        group.spawn({.name = "producer"}, [&](StopToken) {
            for (; pushed < 100; ++pushed) EXPECT_OK(channel.push(pushed, env.clock.in(10s)));
        });
        nap(env, 5ms);
        EXPECT(pushed == 4);
        EXPECT(channel.size() == 4);
        int item = -1;
        EXPECT(!channel.try_push(item));
        for (int i = 0; i < 100; ++i) {
            GET(const int got, channel.pop(env.clock.in(5s)));
            EXPECT(got == i);
        }
        group.join();
        EXPECT_CODE(Errc::timed_out, channel.pop(env.clock.in(5ms)));
    });
}

CONTRACT("fiber: a closed channel is drained, then closed to all") {
    with_node(w, [](Env& env) {
        fiber::Channel<int> channel(2);
        EXPECT_OK(channel.push(1, env.clock.in(1s)));
        EXPECT_OK(channel.push(2, env.clock.in(1s)));
        std::optional<Errc> blocked;
        fiber::Group group(env.fibers);
        group.spawn({.name = "producer"},
                    [&](StopToken) { blocked = code_of(channel.push(3, env.clock.in(10s))); });
        nap(env, 5ms);
        channel.close();
        group.join();
        EXPECT(blocked == Errc::closed);
        GET(const int one, channel.pop(env.clock.in(1s)));
        GET(const int two, channel.pop(env.clock.in(1s)));
        EXPECT(one == 1 && two == 2);
        EXPECT_CODE(Errc::closed, channel.pop(env.clock.in(1s)));
        EXPECT_CODE(Errc::closed, channel.push(4, env.clock.in(1s)));
    });
}

CONTRACT("fiber: a group is joined when its last fiber has ended") {
    with_node(w, [](Env& env) {
        fiber::Group group(env.fibers);
        int ended = 0;
        for (int i = 0; i < 10; ++i) {
            group.spawn({.name = "member"}, [&, i](StopToken stop) {
                (void)env.fibers.sleep_until(i % 2 == 0 ? Deadline::never() : env.clock.in(5ms),
                                             stop);
                ++ended;
            });
        }
        EXPECT_CODE(Errc::timed_out, group.join(env.clock.in(30ms)));
        EXPECT(ended == 5);
        EXPECT(group.live() == 5);
        group.request_stop();
        group.join();
        EXPECT(ended == 10);
        group.join();  // nothing left: at once
    });
}

CONTRACT("fiber: everybody who is runnable gets a turn") {
    with_node(w, [](Env& env) {
        std::vector<int> turns(5, 0);
        bool over = false;
        fiber::Group group(env.fibers);
        for (int& mine : turns) {
            group.spawn({.name = "busy"}, [&](StopToken) {
                while (!over) {
                    ++mine;
                    env.fibers.yield();
                }
            });
        }
        for (int i = 0; i < 200; ++i) env.fibers.yield();
        over = true;
        group.join();
        for (const int n : turns) EXPECT(n > 20);
    });
}

CONTRACT("fiber: a fiber parked in a handler keeps its own exception") {
    with_node(w, [](Env& env) {
        int right = 0;
        fiber::Group group(env.fibers);
        for (int i = 0; i < 8; ++i) {
            group.spawn({.name = "thrower"}, [&, i](StopToken) {
                try {
                    throw std::runtime_error(std::to_string(i));
                } catch (const std::exception&) {
                    nap(env, std::chrono::milliseconds(8 - i));
                    try {
                        throw;
                    } catch (const std::exception& e) {
                        nap(env, 1ms);
                        if (e.what() == std::to_string(i)) ++right;
                    }
                }
                EXPECT(std::uncaught_exceptions() == 0);
            });
        }
        group.join();
        EXPECT(right == 8);
    });
}

CONTRACT("fiber: a kill unwinds fibers that are parked in handlers, youngest first") {
    std::vector<std::string> log;
    struct Note {
        std::vector<std::string>& log;
        const char* text;
        ~Note() { log.emplace_back(text); }
    };
    bool went_on = false;
    w.run_and_kill({.main =
                        [&](Env& env, StopToken) {
                            const Note note{log, "main"};
                            fiber::Group group(env.fibers);
                            group.spawn({.name = "child"}, [&](StopToken) {
                                const Note inner{log, "child"};
                                try {
                                    throw std::runtime_error("x");
                                } catch (const std::exception&) {
                                    const Note handler{log, "handler"};
                                    (void)env.fibers.sleep_until(Deadline::never());
                                    went_on = true;
                                }
                            });
                            group.join();
                            went_on = true;
                        }},
                   100ms);
    EXPECT(log == std::vector<std::string>{"handler", "child", "main"});
    EXPECT(!went_on);
}

CONTRACT("fiber: a kill reaches fibers parked in files, streams and calls") {
    int unwound = 0;
    struct Count {
        int& n;
        ~Count() { ++n; }
    };
    w.run_and_kill({.main =
                        [&](Env& env, StopToken) {
                            fiber::Group group(env.fibers);
                            const auto run = [&](std::function<void()> body) {
                                group.spawn({.name = "victim"}, [&unwound, body](StopToken) {
                                    const Count count{unwound};
                                    body();
                                });
                            };
                            GET(const auto listener, env.net.listen({w.host(0), 0}));
                            GET(const auto c, env.net.connect(listener->local(), env.clock.in(5s)));
                            run([&] {
                                (void)listener->accept({});
                                (void)listener->accept({});
                            });
                            run([&] {
                                IoBuf in;
                                (void)c->read_some(in, 10, Deadline::never());
                            });
                            run([&] { (void)write(env, *c, pattern(16 << 20)); });
                            run([&] {
                                auto file = env.disk.open("f", OpenMode::create);
                                while (file.ok() && (*file)->write(0, pattern(100)).ok() &&
                                       (*file)->sync(SyncMode::data).ok()) {
                                }
                            });
                            run([&] {
                                (void)env.shards.call(
                                    ShardId{1}, Deadline::never(), [](Env& there) {
                                        (void)there.fibers.sleep_until(Deadline::never());
                                        return 1;
                                    });
                            });
                            group.join();
                        },
                    .shards = 2},
                   300ms);
    EXPECT(unwound == 5);
}

CONTRACT("fiber: random streams differ between shards and not within a fork") {
    with_node(
        w,
        [](Env& env) {
            GET(const std::uint64_t theirs,
                env.shards.call(ShardId{1}, env.clock.in(5s),
                                [](Env& there) { return Rng(there.rng).next(); }));
            EXPECT(theirs != Rng(env.rng).next());
            EXPECT(env.rng.fork("a").next() == env.rng.fork("a").next());
        },
        2);
}

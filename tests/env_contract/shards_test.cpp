// Mail between the shards of a node.
#include <atomic>

#include "tests/env_contract/contract.h"

using namespace faultline;
using namespace faultline::contract;

// GET in a body that returns a Unit.
#define GET_UNIT(decl, ...) GET_UNIT_(FL_CAT(fl_get_, __LINE__), decl, __VA_ARGS__)
#define GET_UNIT_(tmp, decl, ...) \
    auto&& tmp = (__VA_ARGS__);   \
    EXPECT(tmp.ok());             \
    if (!tmp.ok()) return Unit{}; \
    decl = *std::move(tmp)

namespace {
// Until `done` is true, on this shard; ten seconds at most.
void wait_for(Env& env, const std::function<bool()>& done) {
    const Deadline deadline = env.clock.in(10s);
    while (!done() && env.clock.now() < deadline.at) {
        (void)env.fibers.sleep_until(env.clock.in(1ms));
    }
    EXPECT(done());
}
}  // namespace

CONTRACT("shards: each knows itself and the count") {
    with_node(
        w,
        [](Env& env) {
            EXPECT(env.shards.count() == 3);
            EXPECT(env.shards.self() == ShardId{0});
            EXPECT(env.shard == ShardId{0});
            for (std::uint16_t i = 0; i < 3; ++i) {
                GET(const std::uint16_t id,
                    env.shards.call(ShardId{i}, env.clock.in(5s), [](Env& there) {
                        EXPECT(there.shards.self() == there.shard);
                        EXPECT(&there.fibers == &fiber::Scheduler::current());
                        return there.shard.v;
                    }));
                EXPECT(id == i);
            }
        },
        3);
}

CONTRACT("shards: mail of one pair arrives in the order of posting") {
    std::vector<int> order;  // of shard 1
    std::atomic<int> arrived{0};
    with_node(
        w,
        [&](Env& env) {
            for (int i = 0; i < 5000; ++i) {
                EXPECT_OK(env.shards.post(ShardId{1}, [&, i](Env&) {
                    order.push_back(i);
                    ++arrived;
                }));
            }
            wait_for(env, [&] { return arrived == 5000; });
        },
        2);
    NEED(order.size() == 5000);
    for (int i = 0; i < 5000; ++i) {
        NEED(order[static_cast<std::size_t>(i)] == i);
    }
}

CONTRACT("shards: the order of a pair holds across senders and parked closures") {
    // Each sender's posts carry a number drawn at posting: the order in which they were posted.
    std::vector<int> order;  // of shard 1
    std::atomic<int> arrived{0};
    with_node(
        w,
        [&](Env& env) {
            int next = 0;
            fiber::Group group(env.fibers);
            for (int s = 0; s < 4; ++s) {
                group.spawn({.name = "sender"}, [&](fiber::StopToken) {
                    for (int i = 0; i < 200; ++i) {
                        const int mine = next++;
                        EXPECT_OK(env.shards.post(ShardId{1}, [&, mine](Env& there) {
                            order.push_back(mine);
                            if (mine % 3 == 0) there.fibers.yield();
                            ++arrived;
                        }));
                        if (i % 10 == 0) env.fibers.yield();
                    }
                });
            }
            group.join();
            wait_for(env, [&] { return arrived == 800; });
        },
        2);
    NEED(order.size() == 800);
    for (int i = 0; i < 800; ++i) NEED(order[static_cast<std::size_t>(i)] == i);
}

CONTRACT("shards: a call runs after what was posted before it") {
    std::atomic<int> value{0};  // the earlier one has started, and does not park
    with_node(
        w,
        [&](Env& env) {
            for (int i = 1; i <= 100; ++i) {
                EXPECT_OK(env.shards.post(ShardId{1}, [&, i](Env&) { value = i; }));
                GET(const int seen, env.shards.call(ShardId{1}, env.clock.in(5s), [&](Env& there) {
                    there.fibers.yield();  // the earlier one is runnable by now
                    (void)there.fibers.sleep_until(there.clock.in(Duration{1000}));
                    return value.load();
                }));
                EXPECT(seen == i);
            }
        },
        2);
}

CONTRACT("shards: a full mailbox parks the sender, and nothing is lost") {
    std::atomic<int> ran{0};
    with_node(
        w,
        [&](Env& env) {
            std::atomic<bool> held{false};
            EXPECT_OK(env.shards.post(ShardId{1}, [&](Env& there) {
                held = true;
                w.hold(there, 300ms);
            }));
            wait_for(env, [&] { return held.load(); });
            constexpr int kMany = 20'000;
            int posted = 0, seen_while_posting = 0;
            bool all = false;
            fiber::Group group(env.fibers);
            group.spawn({.name = "sender"}, [&](fiber::StopToken) {
                for (; posted < kMany; ++posted) {
                    EXPECT_OK(env.shards.post(ShardId{1}, [&](Env&) { ++ran; }));
                }
                all = true;
            });
            group.spawn({.name = "observer"}, [&](fiber::StopToken) {
                while (!all) {
                    if (posted > 0 && posted < kMany) ++seen_while_posting;
                    (void)env.fibers.sleep_until(env.clock.in(1us));
                }
            });
            group.join();
            EXPECT(seen_while_posting > 0);  // others ran: the sender was parked
            wait_for(env, [&] { return ran == kMany; });
        },
        2);
}

CONTRACT("shards: several senders of one shard share a full mailbox fairly") {
    std::atomic<int> ran{0};
    with_node(
        w,
        [&](Env& env) {
            fiber::Group group(env.fibers);
            for (int s = 0; s < 8; ++s) {
                group.spawn({.name = "sender"}, [&](fiber::StopToken) {
                    for (int i = 0; i < 1000; ++i) {
                        EXPECT_OK(env.shards.post(ShardId{1}, [&](Env&) { ++ran; }));
                    }
                });
            }
            group.join();
            wait_for(env, [&] { return ran == 8000; });
        },
        2);
}

CONTRACT("shards: a call carries bytes there and back without a copy") {
    with_node(
        w,
        [](Env& env) {
            const IoBuf data = pattern(100'000);
            const std::byte* where = data.parts()[0].bytes().data();
            GET(const IoBuf back, env.shards.call(ShardId{1}, env.clock.in(5s),
                                                  [data](Env&) { return data.sub(10, 1000); }));
            EXPECT(back == pattern(100'000).sub(10, 1000));
            EXPECT(back.parts()[0].bytes().data() == where + 10);
        },
        2);
}

CONTRACT("shards: a call returns the error of the other side") {
    with_node(
        w,
        [](Env& env) {
            GET(const auto r, env.shards.call(ShardId{1}, env.clock.in(5s), [](Env&) {
                return Result<int>(Error{Errc::fenced, 0, "test"});
            }));
            EXPECT_CODE(Errc::fenced, r);
        },
        2);
}

CONTRACT("shards: a call that takes too long is abandoned, its answer dropped") {
    with_node(
        w,
        [](Env& env) {
            const MonoTime start = env.clock.now();
            EXPECT_CODE(Errc::timed_out,
                        env.shards.call(ShardId{1}, env.clock.in(50ms), [](Env& there) {
                            (void)there.fibers.sleep_until(there.clock.in(200ms));
                            return 1;
                        }));
            EXPECT(env.clock.now() - start >= 50ms);
            (void)env.fibers.sleep_until(env.clock.in(300ms));  // the late answer does no harm
            GET(const int two,
                env.shards.call(ShardId{1}, env.clock.in(5s), [](Env&) { return 2; }));
            EXPECT(two == 2);
        },
        2);
}

CONTRACT("shards: a post to oneself runs in a fiber of its own") {
    with_node(w, [](Env& env) {
        bool ran = false;
        EXPECT_OK(env.shards.post(env.shard, [&](Env& there) {
            EXPECT(&there == &env);
            ran = true;
        }));
        EXPECT(!ran);
        wait_for(env, [&] { return ran; });
        GET(const int r, env.shards.call(env.shard, env.clock.in(5s), [](Env&) { return 7; }));
        EXPECT(r == 7);
    });
}

CONTRACT("shards: posted closures may park without holding up later ones") {
    std::atomic<int> ran{0};
    with_node(
        w,
        [&](Env& env) {
            for (int i = 0; i < 50; ++i) {
                EXPECT_OK(env.shards.post(ShardId{1}, [&](Env& there) {
                    (void)there.fibers.sleep_until(there.clock.in(100ms));
                    ++ran;
                }));
            }
            GET(const int before,
                env.shards.call(ShardId{1}, env.clock.in(5s), [&](Env&) { return ran.load(); }));
            EXPECT(before < 50);
            wait_for(env, [&] { return ran == 50; });
        },
        2);
}

CONTRACT("shards: closures post on, round all shards") {
    std::atomic<int> hops{0};
    struct Hop {
        std::atomic<int>& hops;
        void operator()(Env& env) const {
            if (++hops >= 300) return;
            const auto next = static_cast<std::uint16_t>((env.shard.v + 1) % env.shards.count());
            EXPECT_OK(env.shards.post(ShardId{next}, Hop{hops}));
        }
    };
    with_node(
        w,
        [&](Env& env) {
            EXPECT_OK(env.shards.post(ShardId{1}, Hop{hops}));
            wait_for(env, [&] { return hops == 300; });
        },
        3);
}

CONTRACT("shards: all of them call all others at once") {
    std::atomic<int> sum{0}, done{0};
    with_node(
        w,
        [&](Env& env) {
            for (std::uint16_t from = 0; from < 3; ++from) {
                EXPECT_OK(env.shards.post(ShardId{from}, [&](Env& here) {
                    fiber::Group group(here.fibers);
                    for (int n = 0; n < 60; ++n) {
                        group.spawn({.name = "caller"}, [&here, &sum, n](fiber::StopToken) {
                            const ShardId to{static_cast<std::uint16_t>(n % 3)};
                            GET(const int r,
                                here.shards.call(to, here.clock.in(10s), [n](Env&) { return n; }));
                            EXPECT(r == n);
                            sum += r;
                        });
                    }
                    group.join();
                    ++done;
                }));
            }
            wait_for(env, [&] { return done == 3; });
            EXPECT(sum == 3 * 59 * 60 / 2);
        },
        3);
}

CONTRACT("shards: each has its own disk view and network") {
    with_node(
        w,
        [&](Env& env) {
            EXPECT_OK(env.shards.call(ShardId{1}, env.clock.in(10s), [&](Env& there) {
                GET_UNIT(const FileRef file, there.disk.open("f", OpenMode::create));
                EXPECT_OK(file->write(0, text("from shard 1")));
                EXPECT_OK(file->sync(SyncMode::data));
                GET_UNIT(const auto listener, there.net.listen({w.host(0), 0}));
                GET_UNIT(const auto c, there.net.connect(listener->local(), there.clock.in(5s)));
                return Unit{};
            }));
            GET(const IoBuf got, read_file(env.disk, "f", 100));
            EXPECT(got == text("from shard 1"));
        },
        2);
}

// Connecting, listening, accepting.
#include "tests/env_contract/contract.h"

using namespace faultline;
using namespace faultline::contract;

namespace {
// Accepts until stopped; each connection is read to its end and answered with what came.
void echo(Env& env, Listener& listener, fiber::StopToken stop, int& accepted) {
    fiber::Group group(env.fibers);
    while (true) {
        auto c = listener.accept(stop);
        if (!c.ok()) break;
        ++accepted;
        group.spawn({.name = "echo"}, [&env, c = *std::move(c)](fiber::StopToken) {
            const auto got = read_to_end(env, *c);
            if (got.ok()) (void)write(env, *c, *got);
            c->shutdown_write();
        });
    }
    group.join();
}
}  // namespace

CONTRACT("network: nobody listens: unreachable") {
    with_node(w, [&](Env& env) {
        std::uint16_t port = 0;
        {
            GET(const auto listener, env.net.listen({w.host(0), 0}));
            port = listener->local().port;
        }
        EXPECT_CODE(Errc::unreachable, env.net.connect({w.host(0), port}, env.clock.in(5s)));
    });
}

CONTRACT("network: an unknown host is unreachable") {
    with_node(w, [&](Env& env) {
        EXPECT_CODE(Errc::unreachable,
                    env.net.connect({"no-such-host.invalid", 9}, env.clock.in(30s)));
    });
}

CONTRACT("network: connecting to silence times out") {
    with_node(w, [&](Env& env) {
        const Endpoint nobody = w.silent(env);
        const MonoTime start = env.clock.now();
        EXPECT_CODE(Errc::timed_out, env.net.connect(nobody, env.clock.in(150ms)));
        EXPECT(env.clock.now() - start >= 150ms);
        EXPECT(env.clock.now() - start < 5s);
    });
}

CONTRACT("network: connecting can be cancelled") {
    with_node(w, [&](Env& env) {
        const Endpoint nobody = w.silent(env);
        fiber::StopSource stop;
        fiber::Group group(env.fibers);
        group.spawn({.name = "stopper"}, [&](fiber::StopToken) {
            (void)env.fibers.sleep_until(env.clock.in(50ms));
            stop.request_stop();
        });
        EXPECT_CODE(Errc::cancelled, env.net.connect(nobody, env.clock.in(20s), stop.token()));
        group.join();
    });
}

CONTRACT("network: accepting can be cancelled, and goes on afterwards") {
    with_node(w, [&](Env& env) {
        GET(const auto listener, env.net.listen({w.host(0), 0}));
        fiber::StopSource stop;
        fiber::Group group(env.fibers);
        group.spawn({.name = "stopper"}, [&](fiber::StopToken) {
            (void)env.fibers.sleep_until(env.clock.in(30ms));
            stop.request_stop();
        });
        EXPECT_CODE(Errc::cancelled, listener->accept(stop.token()));
        group.join();
        group.spawn({.name = "client"}, [&](fiber::StopToken) {
            GET(const auto c, env.net.connect(listener->local(), env.clock.in(5s)));
            finish(env, *c);
        });
        GET(const auto c, listener->accept({}));
        finish(env, *c);
        group.join();
    });
}

CONTRACT("network: connections wait to be accepted, with what was written") {
    with_node(w, [&](Env& env) {
        GET(const auto listener, env.net.listen({w.host(0), 0}));
        GET(const auto a, env.net.connect(listener->local(), env.clock.in(5s)));
        EXPECT_OK(write(env, *a, text("early")));
        (void)env.fibers.sleep_until(env.clock.in(50ms));
        GET(const auto b, listener->accept({}));
        GET(const IoBuf got, read_exactly(env, *b, 5));
        EXPECT(got == text("early"));
    });
}

CONTRACT("network: closing a listener resets what is queued") {
    with_node(w, [&](Env& env) {
        GET(auto listener, env.net.listen({w.host(0), 0}));
        const Endpoint at = listener->local();
        GET(const auto c, env.net.connect(at, env.clock.in(5s)));
        (void)env.fibers.sleep_until(env.clock.in(20ms));
        listener.reset();
        IoBuf in;
        EXPECT_CODE(Errc::unreachable, c->read_some(in, 1, env.clock.in(5s)));
        EXPECT_CODE(Errc::unreachable, env.net.connect(at, env.clock.in(5s)));
    });
}

CONTRACT("network: port 0 asks for a free one") {
    with_node(w, [&](Env& env) {
        GET(const auto a, env.net.listen({w.host(0), 0}));
        GET(const auto b, env.net.listen({w.host(0), 0}));
        EXPECT(a->local().port != 0);
        EXPECT(b->local().port != 0);
        EXPECT(a->local().port != b->local().port);
    });
}

CONTRACT("network: a port can be listened on again after it was closed") {
    with_node(w, [&](Env& env) {
        GET(auto a, env.net.listen({w.host(0), 0}));
        const Endpoint at = a->local();
        a.reset();
        GET(const auto b, env.net.listen(at));
        EXPECT(b->local() == at);
        GET(const auto c, env.net.connect(at, env.clock.in(5s)));
        GET(const auto d, b->accept({}));
        EXPECT(d->peer() == c->local());
    });
}

CONTRACT("network: a node reaches itself as localhost") {
    with_node(w, [&](Env& env) {
        GET(const auto listener, env.net.listen({"localhost", 0}));
        GET(const auto c, env.net.connect({"localhost", listener->local().port}, env.clock.in(5s)));
        GET(const auto d, listener->accept({}));
        EXPECT_OK(write(env, *c, text("me")));
        GET(const IoBuf got, read_exactly(env, *d, 2));
        EXPECT(got == text("me"));
    });
}

CONTRACT("network: concurrent connections do not mix") {
    Slot<std::uint16_t> port;
    Slot<bool> done;
    constexpr std::uint64_t kClients = 20;
    w.run({{.main =
                [&](Env& env, fiber::StopToken) {
                    GET(const auto listener, env.net.listen({w.host(0), 0}));
                    port.put(listener->local().port);
                    int accepted = 0;
                    fiber::Group group(env.fibers);
                    group.spawn({.name = "accept"}, [&](fiber::StopToken stop) {
                        echo(env, *listener, stop, accepted);
                    });
                    EXPECT(done.wait(env).has_value());
                    group.request_stop();
                    group.join();
                    EXPECT(accepted == kClients);
                }},
           {.main = [&](Env& env, fiber::StopToken) {
               const auto p = port.wait(env);
               NEED(p.has_value());
               fiber::Group group(env.fibers);
               for (std::uint64_t i = 0; i < kClients; ++i) {
                   group.spawn({.name = "client"}, [&, i](fiber::StopToken) {
                       GET(const auto c, env.net.connect({w.host(0), *p}, env.clock.in(10s)));
                       EXPECT_OK(write(env, *c, pattern(10'000 + 17 * i, i)));
                       c->shutdown_write();
                       GET(const IoBuf got, read_to_end(env, *c));
                       EXPECT(got == pattern(10'000 + 17 * i, i));
                   });
               }
               group.join();
               done.put(true);
           }}});
}

CONTRACT("network: shards that listen on one port share its connections") {
    Slot<std::uint16_t> port;
    Slot<bool> done;
    constexpr int kClients = 12;
    constexpr unsigned kShards = 3;
    // Runs on each shard in turn; node 0 keeps what they own alive until the end.
    struct Share {
        std::unique_ptr<Listener> listener;
        int accepted = 0;
        fiber::StopSource stop;
    };
    std::vector<Share> shares(kShards);
    const auto serve = [&](Env& env, std::uint16_t at) {
        Share& share = shares[env.shard.v];
        GET(share.listener, env.net.listen({w.host(0), at}));
        if (at == 0) port.put(share.listener->local().port);
    };
    const auto node = [&](Env& env, fiber::StopToken) {
        serve(env, 0);
        NEED(shares[0].listener != nullptr);
        const std::uint16_t real = shares[0].listener->local().port;
        for (std::uint16_t i = 1; i < kShards; ++i) {
            EXPECT_OK(env.shards.call(ShardId{i}, env.clock.in(5s), [&, real](Env& there) {
                serve(there, real);
                return Unit{};
            }));
        }
        for (std::uint16_t i = 0; i < kShards; ++i) {
            EXPECT_OK(env.shards.post(ShardId{i}, [&](Env& there) {
                Share& share = shares[there.shard.v];
                echo(there, *share.listener, share.stop.token(), share.accepted);
                share.listener.reset();
            }));
        }
        EXPECT(done.wait(env).has_value());
        int total = 0;
        for (std::uint16_t i = 0; i < kShards; ++i) {
            EXPECT_OK(env.shards.call(ShardId{i}, env.clock.in(5s), [&](Env& there) {
                shares[there.shard.v].stop.request_stop();
                return Unit{};
            }));
            // Until the share's fiber has put its listener away.
            bool gone = false;
            for (int n = 0; n < 1000 && !gone; ++n) {
                const auto r = env.shards.call(ShardId{i}, env.clock.in(5s), [&](Env& there) {
                    return shares[there.shard.v].listener == nullptr
                               ? shares[there.shard.v].accepted
                               : -1;
                });
                NEED(r.ok());
                gone = *r >= 0;
                if (gone) {
                    EXPECT(*r == kClients / static_cast<int>(kShards));
                    total += *r;
                } else {
                    (void)env.fibers.sleep_until(env.clock.in(1ms));
                }
            }
            EXPECT(gone);
        }
        EXPECT(total == kClients);
    };
    w.run({{.main = node, .shards = kShards}, {.main = [&](Env& env, fiber::StopToken) {
               // Signals the end also when something fails.
               struct Done {
                   Slot<bool>& slot;
                   ~Done() { slot.put(true); }
               } signal{done};
               const auto p = port.wait(env);
               NEED(p.has_value());
               (void)env.fibers.sleep_until(env.clock.in(200ms));
               std::vector<ConnectionPtr> open;
               for (int i = 0; i < kClients; ++i) {
                   GET(auto c, env.net.connect({w.host(0), *p}, env.clock.in(10s)));
                   open.push_back(std::move(c));
               }
               for (const auto& c : open) {
                   EXPECT_OK(write(env, *c, text("x")));
                   c->shutdown_write();
                   GET(const IoBuf got, read_to_end(env, *c));
                   EXPECT(got == text("x"));
               }
           }}});
}

// Connections: order, ends, resets, back-pressure, deadlines, cancellation.
#include "tests/env_contract/contract.h"

using namespace faultline;
using namespace faultline::contract;

CONTRACT("stream: bytes arrive in order, both ways") {
    with_pair(
        w,
        [](Env& env, Connection& c) {
            GET(const IoBuf got, read_exactly(env, c, 100'000));
            EXPECT(got == pattern(100'000));
            EXPECT_OK(write(env, c, pattern(50'000, 2)));
            finish(env, c);
        },
        [](Env& env, Connection& c) {
            EXPECT_OK(write(env, c, pattern(100'000)));
            GET(const IoBuf got, read_exactly(env, c, 50'000));
            EXPECT(got == pattern(50'000, 2));
            finish(env, c);
        });
}

CONTRACT("stream: half close ends one direction and leaves the other") {
    with_pair(
        w,
        [](Env& env, Connection& c) {
            GET(const IoBuf got, read_to_end(env, c));
            EXPECT(got == text("request"));
            EXPECT_OK(write(env, c, pattern(300'000)));
            c.shutdown_write();
        },
        [](Env& env, Connection& c) {
            EXPECT_OK(write(env, c, text("request")));
            c.shutdown_write();
            GET(const IoBuf got, read_to_end(env, c));
            EXPECT(got == pattern(300'000));
        });
}

CONTRACT("stream: the end is read again and again") {
    with_pair(
        w, [](Env& env, Connection& c) { finish(env, c); },
        [](Env& env, Connection& c) {
            IoBuf in;
            for (int i = 0; i < 3; ++i) {
                EXPECT_CODE(Errc::closed, c.read_some(in, 10, env.clock.in(5s)));
            }
            EXPECT(in.empty());
            c.shutdown_write();
            c.shutdown_write();  // twice does no harm
        });
}

CONTRACT("stream: a reset is not an end") {
    with_pair(
        w, [](Env&, Connection& c) { c.abort(); },
        [](Env& env, Connection& c) {
            IoBuf in;
            EXPECT_CODE(Errc::unreachable, c.read_some(in, 10, env.clock.in(5s)));
            EXPECT_CODE(Errc::unreachable, c.read_some(in, 10, env.clock.in(5s)));
        });
}

CONTRACT("stream: destroying an open connection resets it") {
    with_pair(
        w, [](Env& env, Connection& c) { EXPECT_OK(read_exactly(env, c, 1)); },
        [](Env& env, Connection& c) {
            EXPECT_OK(write(env, c, text("x")));
            IoBuf in;
            EXPECT_CODE(Errc::unreachable, c.read_some(in, 10, env.clock.in(5s)));
        });
}

CONTRACT("stream: after both ends were shut nothing is lost by destroying") {
    with_pair(
        w,
        [](Env& env, Connection& c) {
            EXPECT_OK(read_to_end(env, c));
            EXPECT_OK(write(env, c, pattern(100'000)));
            c.shutdown_write();  // and destroyed at once
        },
        [](Env& env, Connection& c) {
            c.shutdown_write();
            (void)env.fibers.sleep_until(env.clock.in(50ms));
            GET(const IoBuf got, read_to_end(env, c));
            EXPECT(got == pattern(100'000));
        });
}

CONTRACT("stream: writing to a peer that is gone fails as unreachable") {
    with_pair(
        w,
        // Gone only when the other side is surely connected.
        [](Env& env, Connection& c) { NEED(read_exactly(env, c, 5).ok()); },
        [](Env& env, Connection& c) {
            Result<void> last;
            for (int i = 0; i < 200 && last.ok(); ++i) {
                last = write(env, c, text("hello"));
                (void)env.fibers.sleep_until(env.clock.in(2ms));
            }
            EXPECT_CODE(Errc::unreachable, last);
            EXPECT(!write(env, c, text("again")).ok());
        });
}

CONTRACT("stream: a writer parks while the peer does not read") {
    Slot<bool> parked;
    constexpr std::size_t kSize = 16 << 20;
    with_pair(
        w,
        [&](Env& env, Connection& c) {
            NEED(parked.wait(env).has_value());
            GET(const IoBuf got, read_exactly(env, c, kSize));
            EXPECT(got == pattern(kSize));
            finish(env, c);
        },
        [&](Env& env, Connection& c) {
            bool written = false;
            fiber::Group group(env.fibers);
            group.spawn({.name = "writer"}, [&](fiber::StopToken) {
                EXPECT_OK(write(env, c, pattern(kSize)));
                written = true;
            });
            (void)env.fibers.sleep_until(env.clock.in(200ms));
            EXPECT(!written);
            parked.put(true);
            group.join();
            EXPECT(written);
            finish(env, c);
        });
}

CONTRACT("stream: a write that times out leaves the stream unusable") {
    Slot<bool> done;
    with_pair(
        w, [&](Env& env, Connection&) { EXPECT(done.wait(env).has_value()); },
        [&](Env& env, Connection& c) {
            EXPECT_CODE(Errc::timed_out, c.write(OutBuf(pattern(16 << 20)), env.clock.in(100ms)));
            EXPECT(!write(env, c, text("more")).ok());
            done.put(true);
        });
}

CONTRACT("stream: a cancelled write leaves the stream unusable") {
    Slot<bool> done;
    with_pair(
        w, [&](Env& env, Connection&) { EXPECT(done.wait(env).has_value()); },
        [&](Env& env, Connection& c) {
            fiber::StopSource stop;
            std::optional<Errc> code;
            fiber::Group group(env.fibers);
            group.spawn({.name = "writer"}, [&](fiber::StopToken) {
                code = code_of(c.write(OutBuf(pattern(16 << 20)), env.clock.in(20s), stop.token()));
            });
            (void)env.fibers.sleep_until(env.clock.in(100ms));
            EXPECT(!code.has_value());
            stop.request_stop();
            group.join();
            EXPECT(code == Errc::cancelled);
            EXPECT(!write(env, c, text("more")).ok());
            done.put(true);
        });
}

CONTRACT("stream: a read that times out or is cancelled loses nothing") {
    Slot<bool> go;
    with_pair(
        w,
        [&](Env& env, Connection& c) {
            NEED(go.wait(env).has_value());
            EXPECT_OK(write(env, c, text("late")));
            finish(env, c);
        },
        [&](Env& env, Connection& c) {
            IoBuf in;
            const MonoTime start = env.clock.now();
            EXPECT_CODE(Errc::timed_out, c.read_some(in, 10, env.clock.in(30ms)));
            EXPECT(env.clock.now() - start >= 30ms);
            fiber::StopSource stop;
            fiber::Group group(env.fibers);
            group.spawn({.name = "stopper"}, [&](fiber::StopToken) {
                (void)env.fibers.sleep_until(env.clock.in(20ms));
                stop.request_stop();
            });
            EXPECT_CODE(Errc::cancelled, c.read_some(in, 10, env.clock.in(5s), stop.token()));
            EXPECT_CODE(Errc::cancelled, c.read_some(in, 10, env.clock.in(5s), stop.token()));
            group.join();
            EXPECT(in.empty());
            go.put(true);
            GET(const IoBuf got, read_exactly(env, c, 4));
            EXPECT(got == text("late"));
            finish(env, c);
        });
}

CONTRACT("stream: a deadline at completion loses and doubles nothing") {
    constexpr int kRounds = 60;
    with_pair(
        w,
        [](Env& env, Connection& c) {
            for (int i = 0; i < kRounds; ++i) {
                EXPECT_OK(write(env, c, pattern(8, static_cast<std::uint64_t>(i))));
                (void)env.fibers.sleep_until(env.clock.in(1ms));
            }
            finish(env, c);
        },
        [](Env& env, Connection& c) {
            IoBuf all;
            bool ended = false;
            for (int i = 0; i < 20'000 && !ended; ++i) {
                // Around the instants at which something arrives.
                const auto got = c.read_some(all, 3, env.clock.in(Duration{i % 20 * 100'000}));
                ended = !got.ok() && got.code() == Errc::closed;
                EXPECT(got.ok() || ended || got.code() == Errc::timed_out);
            }
            EXPECT(ended);
            IoBuf expected;
            for (int i = 0; i < kRounds; ++i) {
                expected.append(pattern(8, static_cast<std::uint64_t>(i)));
            }
            EXPECT(all == expected);
            c.shutdown_write();
        });
}

CONTRACT("stream: what has arrived is read also when the deadline has passed") {
    with_pair(
        w,
        [](Env& env, Connection& c) {
            EXPECT_OK(write(env, c, text("there")));
            finish(env, c);
        },
        [](Env& env, Connection& c) {
            (void)env.fibers.sleep_until(env.clock.in(100ms));
            IoBuf in;
            EXPECT_OK(c.read_some(in, 3, Deadline{env.clock.now()}));
            EXPECT(in.size() == 3);
            EXPECT_OK(c.read_some(in, 3, Deadline{env.clock.now()}));
            EXPECT(in == text("there"));
            finish(env, c);
        });
}

CONTRACT("stream: reads respect their limit, down to one byte") {
    with_pair(
        w,
        [](Env& env, Connection& c) {
            EXPECT_OK(write(env, c, pattern(1000)));
            finish(env, c);
        },
        [](Env& env, Connection& c) {
            IoBuf in;
            for (std::size_t i = 0; i < 1000;) {
                GET(const std::size_t n, c.read_some(in, 1 + i % 3, env.clock.in(5s)));
                NEED(n >= 1 && n <= 1 + i % 3);
                i += n;
            }
            EXPECT(in == pattern(1000));
            finish(env, c);
        });
}

CONTRACT("stream: a write of thousands of slices arrives as one sequence") {
    IoBuf all;
    for (std::uint64_t i = 0; i < 3000; ++i) all.append(pattern(1 + i * 7 % 1900, i));
    with_pair(
        w,
        [&](Env& env, Connection& c) {
            GET(const IoBuf got, read_to_end(env, c));
            EXPECT(got == all);
            c.shutdown_write();
        },
        [&](Env& env, Connection& c) {
            EXPECT_OK(write(env, c, all));
            finish(env, c);
        });
}

CONTRACT("stream: file slices are sent between memory slices") {
    with_pair(
        w,
        [](Env& env, Connection& c) {
            GET(const FileRef file, env.disk.open("log", OpenMode::create));
            EXPECT_OK(file->write(0, pattern(3'000'000)));
            OutBuf out(text("head"));
            out.add(FileSlice{file, 1000, 2'500'000});
            out.add(text("middle"));
            out.add(FileSlice{file, 0, 10});
            out.add(text("tail"));
            EXPECT(out.size() == 4 + 2'500'000 + 6 + 10 + 4);
            EXPECT_OK(c.write(std::move(out), env.clock.in(20s)));
            finish(env, c);
        },
        [](Env& env, Connection& c) {
            IoBuf expected = text("head");
            const IoBuf file = pattern(3'000'000);
            expected.append(file.sub(1000, 2'500'000));
            expected.append(text("middle"));
            expected.append(file.sub(0, 10));
            expected.append(text("tail"));
            GET(const IoBuf got, read_to_end(env, c));
            EXPECT(got == expected);
            c.shutdown_write();
        });
}

CONTRACT("stream: a file that is removed meanwhile is still sent") {
    with_pair(
        w,
        [](Env& env, Connection& c) {
            GET(FileRef file, env.disk.open("log", OpenMode::create));
            EXPECT_OK(file->write(0, pattern(100'000)));
            OutBuf out;
            out.add(FileSlice{std::move(file), 0, 100'000});
            EXPECT_OK(env.disk.remove("log"));
            EXPECT_OK(c.write(std::move(out), env.clock.in(20s)));
            finish(env, c);
        },
        [](Env& env, Connection& c) {
            GET(const IoBuf got, read_to_end(env, c));
            EXPECT(got == pattern(100'000));
            c.shutdown_write();
        });
}

CONTRACT("stream: a file slice beyond the file's end is an error, and the stream unusable") {
    with_pair(
        w,
        [](Env& env, Connection& c) {
            GET(FileRef file, env.disk.open("log", OpenMode::create));
            EXPECT_OK(file->write(0, pattern(1000)));
            OutBuf out;
            out.add(FileSlice{std::move(file), 0, 2000});
            EXPECT_CODE(Errc::io, c.write(std::move(out), env.clock.in(20s)));
            EXPECT(!write(env, c, text("x")).ok());
        },
        [](Env& env, Connection& c) { EXPECT_CODE(Errc::unreachable, read_to_end(env, c)); });
}

CONTRACT("stream: an empty write is nothing") {
    with_pair(
        w,
        [](Env& env, Connection& c) {
            EXPECT_OK(write(env, c, {}));
            EXPECT_OK(write(env, c, text("a")));
            finish(env, c);
        },
        [](Env& env, Connection& c) {
            GET(const IoBuf got, read_to_end(env, c));
            EXPECT(got == text("a"));
            c.shutdown_write();
        });
}

CONTRACT("stream: abort wakes this side's own reader and writer") {
    Slot<bool> done;
    with_pair(
        w, [&](Env& env, Connection&) { EXPECT(done.wait(env).has_value()); },
        [&](Env& env, Connection& c) {
            std::optional<bool> read_ok, write_ok;
            fiber::Group group(env.fibers);
            group.spawn({.name = "reader"}, [&](fiber::StopToken) {
                IoBuf in;
                read_ok = c.read_some(in, 10, env.clock.in(20s)).ok();
            });
            group.spawn({.name = "writer"}, [&](fiber::StopToken) {
                write_ok = write(env, c, pattern(16 << 20)).ok();
            });
            (void)env.fibers.sleep_until(env.clock.in(100ms));
            EXPECT(!read_ok.has_value());
            EXPECT(!write_ok.has_value());
            const MonoTime start = env.clock.now();
            c.abort();
            group.join();
            EXPECT(env.clock.now() - start < 5s);
            EXPECT(read_ok == false);
            EXPECT(write_ok == false);
            done.put(true);
        });
}

CONTRACT("stream: each end names the other") {
    Slot<Endpoint> seen;
    with_pair(
        w,
        [&](Env& env, Connection& c) {
            EXPECT(c.local().port != 0);
            seen.put(c.peer());
            finish(env, c);
        },
        [&](Env& env, Connection& c) {
            const auto peer = seen.wait(env);
            NEED(peer.has_value());
            EXPECT(*peer == c.local());
            EXPECT(c.peer().port != c.local().port);
            finish(env, c);
        });
}

CONTRACT("stream: a long stream survives any cutting into reads") {
    constexpr std::size_t kSize = 8 << 20;
    with_pair(
        w,
        [](Env& env, Connection& c) {
            IoBuf in;
            while (in.size() < kSize) {
                const auto max = static_cast<std::size_t>(env.rng.between(1, 700'000));
                GET(const std::size_t n, c.read_some(in, max, env.clock.in(20s)));
                NEED(n <= max);
            }
            EXPECT(in == pattern(kSize));
            finish(env, c);
        },
        [](Env& env, Connection& c) {
            const IoBuf all = pattern(kSize);
            for (std::size_t at = 0; at < kSize;) {
                const std::size_t n = std::min<std::size_t>(
                    kSize - at, static_cast<std::size_t>(env.rng.between(1, 500'000)));
                NEED(write(env, c, all.sub(at, n)).ok());
                at += n;
            }
            finish(env, c);
        });
}

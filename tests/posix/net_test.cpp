#include "tests/posix/rig.h"

using namespace faultline;
using namespace faultline::test;

namespace {
std::string read_all(Env& env, Connection& c) {
    IoBuf in;
    while (c.read_some(in, 1 << 16, env.clock.in(10s)).ok()) {
    }
    return in.copy_string();
}
}  // namespace

TEST_CASE("net: running out of descriptors is an answer of accept, and passes", "[posix]") {
    TestSys sys;
    run_node({.sys = &sys}, [&](Env& env, fiber::StopToken) {
        auto listener = env.net.listen({"127.0.0.1", 0});
        REQUIRE(listener.ok());
        sys.accepts_without_descriptors = 1;
        auto c = env.net.connect((*listener)->local(), env.clock.in(5s));
        REQUIRE(c.ok());
        auto none = (*listener)->accept({});
        REQUIRE_FALSE(none.ok());
        CHECK(none.code() == Errc::no_space);
        auto d = (*listener)->accept({});
        CHECK(d.ok());
    });
}

TEST_CASE("net: IPv6", "[posix]") {
    run_node({}, [&](Env& env, fiber::StopToken) {
        auto listener = env.net.listen({"::1", 0});
        if (!listener.ok()) {
            WARN("no IPv6 here: " << to_string(listener.error()));
            return;
        }
        auto c = env.net.connect((*listener)->local(), env.clock.in(5s));
        REQUIRE(c.ok());
        auto d = (*listener)->accept({});
        REQUIRE(d.ok());
        CHECK((*d)->peer().host == "::1");
        CHECK((*c)->local() == (*d)->peer());
        REQUIRE((*c)->write(OutBuf(Slice::copy_of(as_bytes("six"))), env.clock.in(5s)).ok());
        (*c)->shutdown_write();
        CHECK(read_all(env, **d) == "six");
    });
}

TEST_CASE("net: what cannot be listened on is told apart", "[posix]") {
    run_node({}, [&](Env& env, fiber::StopToken) {
        auto listener = env.net.listen({"127.0.0.1", 0});
        REQUIRE(listener.ok());
        CHECK(env.net.listen((*listener)->local()).code() ==
              Errc::busy);  // this shard does already
        CHECK(env.net.listen({"0.0.0.0", (*listener)->local().port}).code() == Errc::busy);
        CHECK(env.net.listen({"192.0.2.1", 0}).code() == Errc::invalid);  // not ours (RFC 5737)
        auto all = env.net.listen({"", 0});
        REQUIRE(all.ok());
        CHECK(env.net.connect({"127.0.0.1", (*all)->local().port}, env.clock.in(5s)).ok());
    });
}

TEST_CASE("net: a file that is not in the page cache is read by the pool, then sent", "[posix]") {
    TestSys sys;
    run_node({.sys = &sys}, [&](Env& env, fiber::StopToken) {
        auto file = env.disk.open("f", OpenMode::create);
        REQUIRE(file.ok());
        const std::string content(700'000, 'c');
        REQUIRE((*file)->write(0, IoBuf::copy_of(as_bytes(content))).ok());
        auto listener = env.net.listen({"127.0.0.1", 0});
        REQUIRE(listener.ok());
        auto c = env.net.connect((*listener)->local(), env.clock.in(5s));
        REQUIRE(c.ok());
        auto d = (*listener)->accept({});
        REQUIRE(d.ok());
        sys.nowait_errno = EAGAIN;
        fiber::Group group(env.fibers);
        group.spawn({.name = "sender"}, [&](fiber::StopToken) {
            OutBuf out;
            out.add(FileSlice{*file, 0, content.size()});
            CHECK((*d)->write(std::move(out), env.clock.in(10s)).ok());
            (*d)->shutdown_write();
        });
        CHECK(read_all(env, **c) == content);
        group.join();
        CHECK(sys.waiting_reads > 0);
    });
}

TEST_CASE("net: a busy shard does not keep another one's connections", "[posix]") {
    std::atomic<bool> busy{false}, release{false};
    std::atomic<int> served{0};
    run_node({.shards = 2, .stall_report = 0ms}, [&](Env& env, fiber::StopToken) {
        auto mine = env.net.listen({"127.0.0.1", 0});
        REQUIRE(mine.ok());
        const Endpoint at = (*mine)->local();
        std::atomic<bool> done{false};
        REQUIRE(env.shards
                    .post(ShardId{1},
                          [&](Env& there) {
                              auto theirs = there.net.listen(at);
                              if (!theirs.ok()) return;
                              // Shard 0 runs without parking from here on.
                              busy = true;
                              std::vector<ConnectionPtr> keep;
                              for (int i = 0; i < 2; ++i) {
                                  auto c = there.net.connect(at, there.clock.in(5s));
                                  if (!c.ok()) break;
                                  keep.push_back(*std::move(c));
                              }
                              auto got = (*theirs)->accept({});  // one of the two is for us
                              if (got.ok()) ++served;
                              release = true;
                              done = true;
                          })
                    .ok());
        while (!busy) (void)env.fibers.sleep_until(env.clock.in(1ms));
        const auto end = std::chrono::steady_clock::now() + 10s;
        while (!release && std::chrono::steady_clock::now() < end) {
        }
        while (!done) (void)env.fibers.sleep_until(env.clock.in(1ms));
    });
    CHECK(served == 1);
}

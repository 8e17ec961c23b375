#include "runtime/posix/posix_disk.h"
#include "tests/posix/rig.h"

using namespace faultline;
using namespace faultline::test;

namespace {
IoBuf bytes(std::size_t n) { return IoBuf::copy_of(as_bytes(std::string(n, 'b'))); }
}  // namespace

TEST_CASE("disk: small writes run on the shard's thread, large ones in the pool", "[posix]") {
    TestSys sys;
    run_node({.sys = &sys}, [&](Env& env, fiber::StopToken) {
        auto file = env.disk.open("f", OpenMode::create);
        REQUIRE(file.ok());
        REQUIRE((*file)->write(0, bytes(100)).ok());
        CHECK(sys.last_writer == this_thread_id());
        REQUIRE((*file)->write(0, bytes(posix::InlineGate::kMaxBytes + 1)).ok());
        CHECK(sys.last_writer != this_thread_id());
    });
}

TEST_CASE("disk: after two slow writes the pool takes over for a while", "[posix]") {
    TestSys sys;
    run_node({.sys = &sys}, [&](Env& env, fiber::StopToken) {
        auto file = env.disk.open("f", OpenMode::create);
        REQUIRE(file.ok());
        sys.slow_write_ms = 5;
        for (int i = 0; i < 2; ++i) {
            REQUIRE((*file)->write(0, bytes(100)).ok());
            CHECK(sys.last_writer == this_thread_id());
        }
        for (int i = 0; i < 5; ++i) {
            REQUIRE((*file)->write(0, bytes(100)).ok());
            CHECK(sys.last_writer != this_thread_id());
        }
        sys.slow_write_ms = 0;
        (void)env.fibers.sleep_until(env.clock.in(1100ms));
        REQUIRE((*file)->write(0, bytes(100)).ok());
        CHECK(sys.last_writer == this_thread_id());
    });
}

TEST_CASE("disk: a writer that is busy or loses its processor keeps the pool out", "[posix]") {
    TestSys sys;
    run_node({.stall_report = 0ms, .sys = &sys}, [&](Env& env, fiber::StopToken) {
        auto file = env.disk.open("f", OpenMode::create);
        REQUIRE(file.ok());
        sys.busy_write_ms = 5;
        for (int i = 0; i < 6; ++i) {
            REQUIRE((*file)->write(0, bytes(100)).ok());
            CHECK(sys.last_writer == this_thread_id());
        }
    });
}

TEST_CASE("disk: a read takes what is cached at once and asks the pool for the rest", "[posix]") {
    TestSys sys;
    run_node({.sys = &sys}, [&](Env& env, fiber::StopToken) {
        auto file = env.disk.open("f", OpenMode::create);
        REQUIRE(file.ok());
        REQUIRE((*file)->write(0, bytes(10'000)).ok());
        auto cached = (*file)->read(0, 10'000);
        REQUIRE(cached.ok());
        CHECK(*cached == bytes(10'000));
        CHECK(sys.waiting_reads == 0);
        sys.nowait_errno = EAGAIN;
        auto cold = (*file)->read(100, 20'000);
        REQUIRE(cold.ok());
        CHECK(*cold == bytes(9'900));
        CHECK(sys.waiting_reads > 0);
    });
}

TEST_CASE("disk: a file system without RWF_NOWAIT is asked once", "[posix]") {
    TestSys sys;
    sys.nowait_errno = EOPNOTSUPP;
    run_node({.sys = &sys}, [&](Env& env, fiber::StopToken) {
        auto file = env.disk.open("f", OpenMode::create);
        REQUIRE(file.ok());
        REQUIRE((*file)->write(0, bytes(100)).ok());
        for (int i = 0; i < 3; ++i) {
            auto got = (*file)->read(0, 100);
            REQUIRE(got.ok());
            CHECK(*got == bytes(100));
        }
        CHECK(sys.nowait_reads == 1);
    });
}

TEST_CASE("disk: paths may not leave their root", "[posix]") {
    run_node({}, [&](Env& env, fiber::StopToken) {
        CHECK(env.disk.open("../f", OpenMode::create).code() == Errc::invalid);
        CHECK(env.disk.open("a/../f", OpenMode::create).code() == Errc::invalid);
        CHECK(env.disk.open("", OpenMode::create).code() == Errc::invalid);
        CHECK(env.disk.open("..f", OpenMode::create).ok());
        const TempDir other;  // an operator's absolute path is as good
        CHECK(env.disk.open(other.path() + "/f", OpenMode::create).ok());
        CHECK(std::filesystem::exists(other.path() + "/f"));
    });
}

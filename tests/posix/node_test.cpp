#include "runtime/posix/node.h"

#include <atomic>
#include <filesystem>
#include <mutex>
#include <signal.h>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>

#include "core/base/sanitizers.h"
#include "tests/posix/rig.h"

using namespace faultline;
using namespace faultline::test;

namespace {
// Keeps the lines of all shards.
class Lines {
public:
    std::function<std::unique_ptr<Logger>(ShardId)> maker() {
        return [this](ShardId) { return std::make_unique<Sink>(*this); };
    }
    std::string all() {
        const std::lock_guard lock(mutex_);
        return text_;
    }

private:
    struct Sink final : Logger {
        explicit Sink(Lines& l) : lines(l) {}
        void write(LogLevel, std::string_view line) override {
            const std::lock_guard lock(lines.mutex_);
            lines.text_ += std::string(line) + "\n";
        }
        Lines& lines;
    };
    std::mutex mutex_;
    std::string text_;
};

// Uses the processor without parking.
[[maybe_unused]] void burn(Duration d) {
    const auto end = std::chrono::steady_clock::now() + d;
    while (std::chrono::steady_clock::now() < end) {
    }
}
}  // namespace

TEST_CASE("node: SIGTERM requests the stop of main", "[posix]") {
    bool cancelled = false;
    run_node({.handle_signals = true}, [&](Env& env, fiber::StopToken stop) {
        ::kill(::getpid(), SIGTERM);
        cancelled = env.fibers.sleep_until(env.clock.in(10s), stop) == fiber::Wake::cancelled;
    });
    CHECK(cancelled);
}

TEST_CASE("node: a signal that another thread of the process takes stops main too", "[posix]") {
    bool cancelled = false;
    std::atomic<bool> over{false};
    // Started before the node, as a logger's thread is: it blocks nothing.
    std::thread other([&] {
        while (!over) std::this_thread::sleep_for(1ms);
    });
    run_node({.handle_signals = true}, [&](Env& env, fiber::StopToken stop) {
        ::pthread_kill(other.native_handle(), SIGINT);
        cancelled = env.fibers.sleep_until(env.clock.in(10s), stop) == fiber::Wake::cancelled;
    });
    over = true;
    other.join();
    CHECK(cancelled);
}

TEST_CASE("node: SIGHUP calls back in a fiber and stops nothing", "[posix]") {
    std::atomic<int> hangups{0};
    bool stopped = true;
    posix::NodeOptions options{.handle_signals = true};
    options.on_hangup = [&](Env& env) {
        env.fibers.yield();
        ++hangups;
    };
    run_node(std::move(options), [&](Env& env, fiber::StopToken stop) {
        ::kill(::getpid(), SIGHUP);
        for (int i = 0; i < 1000 && hangups == 0; ++i) {
            (void)env.fibers.sleep_until(env.clock.in(1ms));
        }
        stopped = stop.stop_requested();
    });
    CHECK(hangups == 1);
    CHECK_FALSE(stopped);
}

TEST_CASE("node: a stop before the run is not lost", "[posix]") {
    posix::Node node({.shards = 2, .pin_threads = false, .handle_signals = false});
    node.request_stop();
    bool cancelled = false;
    node.run([&](Env& env, fiber::StopToken stop) {
        cancelled = env.fibers.sleep_until(env.clock.in(10s), stop) == fiber::Wake::cancelled;
    });
    CHECK(cancelled);
}

TEST_CASE("node: posted closures that outlive main get their grace, then are unwound", "[posix]") {
    struct Note {
        std::atomic<int>& n;
        ~Note() { ++n; }
    };
    std::atomic<int> unwound{0}, finished{0};
    const auto start = std::chrono::steady_clock::now();
    run_node({.shards = 2, .grace = 100ms}, [&](Env& env, fiber::StopToken) {
        (void)env.shards.post(ShardId{1}, [&](Env& there) {
            const Note note{unwound};
            (void)there.fibers.sleep_until(Deadline::never());
            finished = 100;
        });
        (void)env.shards.post(ShardId{1}, [&](Env& there) {
            (void)there.fibers.sleep_until(there.clock.in(20ms));
            ++finished;
        });
    });
    CHECK(unwound == 1);
    CHECK(finished == 1);
    CHECK(std::chrono::steady_clock::now() - start >= 100ms);
}

TEST_CASE("node: what was posted before main returned is run, with what it posts", "[posix]") {
    std::atomic<int> hops{0};
    struct Hop {
        std::atomic<int>& hops;
        void operator()(Env& env) const {
            if (++hops >= 500) return;
            const ShardId other{static_cast<std::uint16_t>(1 - env.shard.v)};
            (void)env.shards.post(other, Hop{hops});
        }
    };
    run_node({.shards = 2}, [&](Env& env, fiber::StopToken) {
        CHECK(env.shards.post(ShardId{1}, Hop{hops}).ok());
    });
    CHECK(hops == 500);
}

TEST_CASE("node: closures that post for ever are ended by the grace", "[posix]") {
    std::atomic<int> hops{0};
    struct Hop {
        std::atomic<int>& hops;
        void operator()(Env& env) const {
            ++hops;
            const ShardId other{static_cast<std::uint16_t>(1 - env.shard.v)};
            (void)env.shards.post(other, Hop{hops});
        }
    };
    run_node({.shards = 2, .grace = 50ms}, [&](Env& env, fiber::StopToken) {
        CHECK(env.shards.post(ShardId{1}, Hop{hops}).ok());
    });
    CHECK(hops > 10);
}

TEST_CASE("node: a client runs with one shard and returns a status", "[posix]") {
    CHECK(posix::run_client(
              [](Env& env, fiber::StopToken) { return env.shards.count() == 1 ? 42 : 1; }) == 42);
}

#if !defined(FL_ASAN) && !defined(FL_TSAN)
// On a busy machine this takes longer than `d`, and the watch looks at the running thread alone.
void burn_processor(Duration d) {
    const auto used = [] {
        timespec t{};
        REQUIRE(::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == 0);
        return Duration{t.tv_sec * 1'000'000'000LL + t.tv_nsec};
    };
    const Duration end = used() + d;
    while (used() < end) {
    }
}

// How often this thread has given its processor up to wait.
long waits() {
    rusage usage{};
    REQUIRE(::getrusage(RUSAGE_THREAD, &usage) == 0);
    return usage.ru_nvcsw;
}

TEST_CASE("stalls: the watch does not wake a shard that sleeps", "[posix]") {
    long woken = 0;
    run_node({.pin_threads = false, .stall_report = 2ms}, [&](Env& env, fiber::StopToken) {
        const long before = waits();
        (void)env.fibers.sleep_until(env.clock.in(400ms));
        woken = waits() - before;
    });
    INFO(woken);
    CHECK(woken >= 1);
    CHECK(woken < 20);  // a watch that is armed again by its own signal: 200
}

TEST_CASE("stalls: a fiber that keeps its shard busy is reported by name", "[posix]") {
    Lines lines;
    posix::NodeOptions options{.pin_threads = false, .stall_report = 5ms};
    options.make_log = lines.maker();
    run_node(std::move(options), [&](Env& env, fiber::StopToken) {
        fiber::Group group(env.fibers);
        group.spawn({.name = "sleepy"},
                    [&](fiber::StopToken) { (void)env.fibers.sleep_until(env.clock.in(60ms)); });
        group.spawn({.name = "greedy"}, [&](fiber::StopToken) { burn_processor(40ms); });
        group.join();
        (void)env.fibers.sleep_until(env.clock.in(5ms));
    });
    INFO(lines.all());
    CHECK(lines.all().find("'greedy'") != std::string::npos);
    CHECK(lines.all().find("'sleepy'") == std::string::npos);
}

TEST_CASE("stalls: short turns are not reported", "[posix]") {
    Lines lines;
    posix::NodeOptions options{.pin_threads = false, .stall_report = 50ms};
    options.make_log = lines.maker();
    run_node(std::move(options), [&](Env& env, fiber::StopToken) {
        for (int i = 0; i < 100; ++i) {
            burn(1ms);
            env.fibers.yield();
        }
    });
    INFO(lines.all());
    CHECK(lines.all().find("without parking") == std::string::npos);
}
#endif

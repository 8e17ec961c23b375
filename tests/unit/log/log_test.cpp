#include "runtime/log/log.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <unistd.h>

#include "runtime/log/repeat_limit.h"
#include "tests/support/catch.h"

using namespace faultline;
using namespace std::chrono_literals;

namespace {

std::string content(const std::filesystem::path& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
}

struct TempDir {
    std::filesystem::path path;
    TempDir() {
        std::string name = std::filesystem::temp_directory_path() / "fl-log-XXXXXX";
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path = name;
    }
    ~TempDir() { std::filesystem::remove_all(path); }
};
}  // namespace

TEST_CASE("repeat limit: a burst passes, the rest is counted into the next window", "[log]") {
    log::RepeatLimit limit({.burst = 2, .window = 10s});
    const log::RepeatLimit::Time start{};
    CHECK(limit.admit("slow sync 12 ms", start) == 0u);
    CHECK(limit.admit("slow sync 7 ms", start + 1s) == 0u);
    CHECK_FALSE(limit.admit("slow sync 900 ms", start + 2s).has_value());
    CHECK_FALSE(limit.admit("slow sync 1 ms", start + 9s).has_value());
    // Another text has a budget of its own.
    CHECK(limit.admit("other", start + 9s) == 0u);
    CHECK(limit.admit("slow sync 5 ms", start + 10s) == 2u);
    CHECK(limit.admit("slow sync 5 ms", start + 10s) == 0u);
}

TEST_CASE("repeat limit: memory is bounded, the oldest window goes first", "[log]") {
    log::RepeatLimit limit({.burst = 1, .window = 10s, .max_kinds = 2});
    const log::RepeatLimit::Time start{};
    CHECK(limit.admit("a", start).has_value());
    CHECK(limit.admit("b", start + 1s).has_value());
    CHECK(limit.admit("c", start + 2s).has_value());
    CHECK(limit.admit("a", start + 3s).has_value());
    CHECK_FALSE(limit.admit("c", start + 3s).has_value());
}

TEST_CASE("log: lines carry time, level, node and shard; below the level nothing", "[log]") {
    const TempDir dir;
    const auto file = dir.path / "f.log";
    {
        auto log = log::Log::open({.file = file, .level = LogLevel::info});
        REQUIRE(log.ok());
        auto shard = (*log)->logger(NodeId{1}, ShardId{3});
        shard->debug("not {}", "this");
        shard->warn("disk {} is slow", "/a");
    }
    const std::string text = content(file);
    CHECK(text.find("Z warn  [n1 s3] disk /a is slow\n") != std::string::npos);
    CHECK(text.find("not this") == std::string::npos);
    CHECK(text.find('\x1b') == std::string::npos);
}

TEST_CASE("log: a repeated warning is limited, a repeated error is not", "[log]") {
    const TempDir dir;
    const auto file = dir.path / "f.log";
    {
        auto log = log::Log::open({.file = file});
        REQUIRE(log.ok());
        auto shard = (*log)->logger(NodeId{1}, ShardId{0});
        for (int i = 0; i < 100; ++i) shard->warn("again {}", i);
        for (int i = 0; i < 20; ++i) shard->error("broken {}", i);
    }
    const std::string text = content(file);
    const auto count = [&](std::string_view what) {
        std::size_t n = 0;
        for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
        return n;
    };
    CHECK(count("again") == 5);
    CHECK(count("broken") == 20);
}

TEST_CASE("log: after reopen lines go to a new file", "[log]") {
    const TempDir dir;
    const auto file = dir.path / "f.log";
    auto log = log::Log::open({.file = file});
    REQUIRE(log.ok());
    std::filesystem::rename(file, dir.path / "old.log");
    REQUIRE((*log)->reopen().ok());
    (*log)->logger()->info("after");
    log->reset();
    CHECK(content(file).find("after") != std::string::npos);
    CHECK(content(dir.path / "old.log").empty());
}

TEST_CASE("log: a file that cannot be opened is an error", "[log]") {
    CHECK(log::Log::open({.file = "/nonexistent-directory/f.log"}).code() == Errc::io);
}

#include "runtime/events/event_rings.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <unistd.h>

#include "runtime/events/ring_reader.h"
#include "tests/support/catch.h"

using namespace faultline;
using namespace faultline::events;

namespace {
struct Directory {
    Directory() : path("/tmp/unit-events-" + std::to_string(::getpid())) {
        std::filesystem::remove_all(path);
    }
    ~Directory() { std::filesystem::remove_all(path); }
    std::string path;
    std::string file(const std::string& name = "events.ring") const { return path + "/" + name; }
};

RingOptions options(const std::string& path, std::uint32_t events = 64, unsigned shards = 1) {
    return {.path = path,
            .node = NodeId{7},
            .name = "n7",
            .role = "broker",
            .shards = shards,
            .events = events};
}

void put(probe::Sink& sink, std::int64_t at, const probe::Event& event) {
    sink.on(MonoTime{at}, NodeId{7}, event);
}

void overwrite(const std::string& path, std::streamoff at, const std::string& bytes) {
    std::fstream f(path, std::ios::in | std::ios::out | std::ios::binary);
    f.seekp(at);
    f.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}
}  // namespace

TEST_CASE("event rings: what was written is read, by shard and time, with its partitions") {
    const Directory dir;
    auto rings = EventRings::open(options(dir.file(), 64, 2));
    REQUIRE(rings.ok());
    probe::Sink& first = *(*rings)->sink(ShardId{0});
    probe::Sink& second = *(*rings)->sink(ShardId{1});
    const auto key = second.intern("orders", PartitionIndex{3});
    CHECK(second.intern("orders", PartitionIndex{3}) == key);
    CHECK(second.intern("orders", PartitionIndex{4}) != key);
    put(first, 10, probe::BrokerReady{9092});
    put(second, 30, probe::LeaderChanged{key, Epoch{5}, NodeId{7}});
    put(second, 20, probe::BatchAppended{key, Epoch{5}, Offset{1}, Offset{2}, 99});
    const auto read = read_ring_file(dir.file());
    REQUIRE(read.has_value());
    CHECK(read->alive);
    CHECK(read->header.node == 7);
    CHECK(std::string(read->header.name) == "n7");
    REQUIRE(read->shards.size() == 2);
    REQUIRE(read->shards[0].entries.size() == 1);
    CHECK(std::get<probe::BrokerReady>(read->shards[0].entries[0].event).port == 9092);
    const auto& entries = read->shards[1].entries;
    REQUIRE(entries.size() == 2);
    CHECK(entries[0].at.ns == 20);
    CHECK(std::get<probe::BatchAppended>(entries[0].event).last == Offset{2});
    const auto& leader = std::get<probe::LeaderChanged>(entries[1].event);
    CHECK(leader.epoch == Epoch{5});
    REQUIRE(leader.partition == 1);
    CHECK(read->shards[1].partitions[0].topic == "orders");
    CHECK(read->shards[1].partitions[0].index == 3);
}

TEST_CASE("event rings: the newest are kept, and routine does not push out what is rare") {
    const Directory dir;
    auto rings = EventRings::open(options(dir.file(), 64));
    REQUIRE(rings.ok());
    probe::Sink& sink = *(*rings)->sink(ShardId{0});
    put(sink, 1, probe::ControllerActive{Epoch{1}});
    for (std::int64_t i = 0; i < 1000; ++i) put(sink, 10 + i, probe::LogFlushed{0, Offset{i}});
    const auto read = read_ring_file(dir.file());
    REQUIRE(read.has_value());
    const auto& shard = read->shards[0];
    CHECK(shard.forgotten == 1000 - 63);
    REQUIRE(shard.entries.size() == 64);
    CHECK(std::holds_alternative<probe::ControllerActive>(shard.entries[0].event));
    CHECK(std::get<probe::LogFlushed>(shard.entries[1].event).durable_end == Offset{937});
    CHECK(std::get<probe::LogFlushed>(shard.entries[63].event).durable_end == Offset{999});
}

TEST_CASE("event rings: the file outlives its process, and the next one's stands beside it") {
    const Directory dir;
    {
        auto rings = EventRings::open(options(dir.file()));
        REQUIRE(rings.ok());
        put(*(*rings)->sink(ShardId{0}), 1, probe::BrokerReady{1});
        // While it lives nobody takes its file.
        const auto taken = EventRings::open(options(dir.file()));
        REQUIRE(!taken.ok());
        CHECK(taken.code() == Errc::busy);
    }
    auto next = EventRings::open(options(dir.file()));
    REQUIRE(next.ok());
    const auto old = read_ring_file(dir.file("events.ring.old"));
    REQUIRE(old.has_value());
    CHECK(!old->alive);
    REQUIRE(old->shards[0].entries.size() == 1);
    const auto now = read_ring_file(dir.file());
    REQUIRE(now.has_value());
    CHECK(now->shards[0].entries.empty());
}

TEST_CASE(
    "event rings: a file that is none, of another version, cut or damaged is told, not read") {
    const Directory dir;
    { REQUIRE(EventRings::open(options(dir.file())).ok()); }
    const auto told = [&] {
        const auto read = read_ring_file(dir.file());
        return read ? std::string() : read.error();
    };
    CHECK(told().empty());
    CHECK(!is_ring_file(dir.file("none")));
    overwrite(dir.file(), offsetof(Header, event_bytes), std::string(4, '\x01'));
    CHECK(told().find("another version") != std::string::npos);
    { REQUIRE(EventRings::open(options(dir.file())).ok()); }
    overwrite(dir.file(), offsetof(Header, events), std::string(4, '\x7f'));
    CHECK(told().find("damaged") != std::string::npos);
    { REQUIRE(EventRings::open(options(dir.file())).ok()); }
    std::filesystem::resize_file(dir.file(), 5000);
    CHECK(told().find("ends before") != std::string::npos);
    overwrite(dir.file(), 0, "not ours");
    CHECK(told().find("no file of event rings") != std::string::npos);
}

TEST_CASE("event rings: an entry that is half written, or of no known kind, is left out") {
    const Directory dir;
    {
        auto rings = EventRings::open(options(dir.file()));
        REQUIRE(rings.ok());
        for (std::int64_t i = 0; i < 3; ++i)
            put(*(*rings)->sink(ShardId{0}), i, probe::BrokerReady{static_cast<std::uint32_t>(i)});
    }
    const auto entry = [](std::size_t n) {
        return static_cast<std::streamoff>(page_up(sizeof(Header)) + sizeof(Section) +
                                           sizeof(Entry) * (64 + n));
    };
    overwrite(dir.file(), entry(1) + static_cast<std::streamoff>(offsetof(Entry, number)),
              std::string(8, '\0'));
    overwrite(dir.file(), entry(2) + static_cast<std::streamoff>(offsetof(Entry, event)),
              std::string(sizeof(probe::Event), '\x7e'));
    const auto read = read_ring_file(dir.file());
    REQUIRE(read.has_value());
    REQUIRE(read->shards[0].entries.size() == 1);
    CHECK(std::get<probe::BrokerReady>(read->shards[0].entries[0].event).port == 0);
}

TEST_CASE("event rings: the place that is written next is not read, whatever its number says") {
    const Directory dir;
    const auto entry = [](std::size_t n) {
        return static_cast<std::streamoff>(page_up(sizeof(Header)) + sizeof(Section) +
                                           sizeof(Entry) * n);
    };
    for (const std::int64_t written : {63, 64, 65, 150}) {
        {
            auto rings = EventRings::open(options(dir.file(), 64));
            REQUIRE(rings.ok());
            for (std::int64_t i = 0; i < written; ++i)
                put(*(*rings)->sink(ShardId{0}), 100 + i, probe::LogFlushed{0, Offset{i}});
        }
        // As a reader finds it who copied the number before the writer took the place, and the rest
        // while the writer was at it.
        const auto next = static_cast<std::size_t>(written % 64);
        overwrite(dir.file(), entry(next) + static_cast<std::streamoff>(offsetof(Entry, at)),
                  std::string(8, '\0'));
        const auto read = read_ring_file(dir.file());
        REQUIRE(read.has_value());
        const auto& entries = read->shards[0].entries;
        CHECK(entries.size() == 63);
        CHECK(read->shards[0].forgotten == static_cast<std::uint64_t>(written - 63));
        for (const Entry& e : entries) CHECK(e.at.ns >= 100);
    }
}

// What --check tells between processes, and how it finds where two runs part.
#include "sim/run/event_log.h"

#include "sim/trace/describe.h"
#include "tests/support/catch.h"

using namespace faultline;
using namespace faultline::sim;

namespace {

// Marks as a run would leave them, one per event; from event `parted` on another run.
std::vector<Mark> marks(std::uint64_t count, std::uint64_t parted) {
    std::vector<Mark> all;
    for (std::uint64_t i = 1; i <= count; ++i)
        all.push_back({i, mix64(i) ^ (i >= parted ? 1U : 0U), 7});
    return all;
}

TEST_CASE("the first differing mark is found wherever it is") {
    for (const std::uint64_t count : {1U, 2U, 3U, 64U, 1000U}) {
        const auto ours = marks(count, UINT64_MAX);
        for (std::uint64_t parted = 1; parted <= count; ++parted) {
            REQUIRE(first_difference(ours, marks(count, parted)) == parted - 1);
        }
        CHECK(first_difference(ours, ours) == count);
        CHECK(first_difference(ours, marks(count - 1, UINT64_MAX)) == count - 1);
    }
    CHECK(first_difference({}, {}) == 0);
    // A schedule that differs counts, although no event does yet.
    auto other = marks(10, UINT64_MAX);
    for (std::size_t i = 4; i < 10; ++i) other[i].schedule = 8;
    CHECK(first_difference(marks(10, UINT64_MAX), other) == 4);
}

TEST_CASE("checkpoints are many enough, few enough and the same in two runs") {
    const auto run = [](std::uint64_t events) {
        Recorder recorder;
        World world(1, recorder);
        Checkpoints checkpoints;
        checkpoints.begin({}, world);
        recorder.add_listener(checkpoints);
        for (std::uint64_t i = 0; i < events; ++i)
            recorder.record(MonoTime{} + 1ms, MessageDropped{i});
        return checkpoints.marks();
    };
    const auto few = run(100);
    REQUIRE(few.size() == 100);
    CHECK(few[41].events == 42);
    const auto many = run(100'000), more = run(120'000);
    CHECK(many.size() > Checkpoints::kMost / 2);
    CHECK(many.size() < Checkpoints::kMost);
    CHECK(many.back().events > 99'900);
    REQUIRE(first_difference(many, more) == many.size());
}

TEST_CASE("an event goes through its line unchanged") {
    const LoggedEvent event{{12, 0xdeadbeef, 0xf00}, -5, 3, 11, "n1 said: event 1 2\n3"};
    std::string line = to_line(event);
    REQUIRE(line.back() == '\n');
    line.pop_back();
    const auto read = event_of(line);
    REQUIRE(read.has_value());
    CHECK(read->mark == event.mark);
    CHECK(read->at_ns == -5);
    CHECK(read->node == 3);
    CHECK(read->cause == 11);
    CHECK(read->sentence == "n1 said: event 1 2 3");
    CHECK(!event_of("event 1 2"));
    CHECK(!event_of("verdict=holds seed=1"));
    CHECK(!mark_of(line));
    line = to_line(Mark{5, 6, 7});
    line.pop_back();
    CHECK(mark_of(line) == Mark{5, 6, 7});
}

TEST_CASE("a sentence holds every field") {
    Recorder recorder;
    TraceHead head;
    head.nodes = {{NodeId{1}, "n1", NodeRole::broker}};
    const auto key = recorder.intern("orders", PartitionIndex{2});
    CHECK(describe(NodeId{1}, probe::BatchAppended{key, Epoch{4}, Offset{10}, Offset{12}, 99}, head,
                   recorder) == "n1 appended offsets 10 to 12 to orders-2 (epoch 4, crc 99)");
    // Nodes, not the bits that stand for them.
    CHECK(describe(NodeId{1}, probe::IsrChanged{key, Epoch{4}, 7, 0b1110}, head, recorder) ==
          "n1 has the ISR {1,2,3} of orders-2 in epoch 4 (partition_epoch 7)");
    CHECK(
        describe(NodeId{1}, probe::VotersChanged{key, Epoch{4}, Offset{9}, 0, 1}, head, recorder) ==
        "at offset 9 of orders-2 on n1 the voters {} become {0} in epoch 4");
    const Label path = recorder.intern("data/x.log");
    CHECK(describe(DiskDone{NodeId{1}, DiskOp::sync, path, 0, 512, 5}, head, recorder) ==
          "the disk of n1 finished sync of data/x.log at 0, 512 bytes (sys 5)");
    CHECK(actor_of(MessageSent{.from = NodeId{4}, .to = NodeId{1}}) == NodeId{4});
    CHECK(actor_of(ConnClosed{.conn = 1, .by = NodeId{2}}) == NodeId{2});
    CHECK(actor_of(MessageDropped{1}) == NodeId{});
}
}  // namespace

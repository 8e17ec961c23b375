#include <map>

#include "core/logic/client/aborted_transactions.h"
#include "core/logic/client/metadata_view.h"
#include "core/logic/client/partitioner.h"
#include "core/logic/client/retry_policy.h"
#include "tests/support/catch.h"

namespace faultline::client {
namespace {
TEST_CASE("keys go where Kafka's clients send them") {
    Partitioner p(1000);
    Rng rng(1);
    // murmur2("21") & 0x7fffffff, as in Kafka's own test of its murmur2: -973932308.
    const auto expected =
        static_cast<std::int32_t>((static_cast<std::uint32_t>(-973932308) & 0x7fffffffU) % 7);
    REQUIRE(p.choose(as_bytes("21"), 10, 7, rng) == expected);
    REQUIRE(p.choose(as_bytes("21"), 10, 7, rng) == expected);
}

TEST_CASE("without a key a partition is kept until its bytes are full, and all get their share") {
    Partitioner p(1000);
    Rng rng(2);
    std::map<std::int32_t, int> rounds;
    for (int round = 0; round < 4000; ++round) {
        const std::int32_t first = p.choose(std::nullopt, 100, 4, rng);
        for (int i = 1; i < 10; ++i) REQUIRE(p.choose(std::nullopt, 100, 4, rng) == first);
        ++rounds[first];
    }
    for (std::int32_t i = 0; i < 4; ++i) {
        REQUIRE(rounds[i] > 850);
        REQUIRE(rounds[i] < 1150);
    }
    // A partition that is gone is left at once.
    Partitioner shrink(1'000'000);
    for (int i = 0; i < 50; ++i) {
        (void)shrink.choose(std::nullopt, 1, 50, rng);
        REQUIRE(shrink.choose(std::nullopt, 1, 1, rng) == 0);
    }
}

wire::BatchHeader batch_of(std::int64_t producer, std::int64_t first, std::int64_t last,
                           std::int16_t attributes) {
    wire::BatchHeader h;
    h.base_offset = first;
    h.last_offset_delta = static_cast<std::int32_t>(last - first);
    h.producer_id = producer;
    h.attributes = attributes;
    return h;
}

TEST_CASE("aborted transactions are hidden from their first record to their marker") {
    constexpr std::int16_t kPlain = 0, kIn = 16, kMarker = 16 | 32;
    constexpr std::byte kAbort[] = {std::byte{0}, std::byte{0}, std::byte{0}, std::byte{0}};
    constexpr std::byte kCommit[] = {std::byte{0}, std::byte{0}, std::byte{0}, std::byte{1}};
    // Producer 7 aborts 10..13 and again 30..31, producer 8 aborts 12..20; 9 aborts nothing.
    AbortedTransactions t({{8, 12}, {7, 30}, {7, 10}});
    REQUIRE(!t.hides(batch_of(7, 5, 9, kIn)));  // an earlier transaction, committed
    REQUIRE(t.hides(batch_of(7, 10, 11, kIn)));
    REQUIRE(t.hides(batch_of(8, 12, 12, kIn)));
    REQUIRE(!t.hides(batch_of(9, 13, 13, kIn)));
    REQUIRE(!t.hides(batch_of(7, 13, 13, kPlain)));  // not in a transaction
    REQUIRE(!t.hides(batch_of(7, 14, 14, kMarker)));
    t.marker(batch_of(7, 14, 14, kMarker), kCommit);  // of no aborted one: changes nothing
    REQUIRE(t.hides(batch_of(7, 14, 14, kIn)));
    t.marker(batch_of(7, 15, 15, kMarker), Bytes{});
    REQUIRE(t.hides(batch_of(7, 15, 15, kIn)));
    t.marker(batch_of(7, 16, 16, kMarker), kAbort);
    REQUIRE(!t.hides(batch_of(7, 17, 17, kIn)));
    REQUIRE(t.hides(batch_of(8, 18, 18, kIn)));
    REQUIRE(t.hides(batch_of(7, 30, 31, kIn)));
}

TEST_CASE("back-off doubles up to its bound, within a fifth") {
    const RetryPolicy policy{.first = 100ms, .most = 1s};
    Rng rng(3);
    Duration middle = 100ms;
    for (std::uint32_t attempt = 1; attempt < 40; ++attempt) {
        for (int i = 0; i < 20; ++i) {
            const Duration d = policy.wait(attempt, rng);
            REQUIRE(d >= middle * 4 / 5);
            REQUIRE(d <= middle * 6 / 5);
        }
        middle = std::min<Duration>(middle * 2, 1s);
    }
}

wire::MetadataResponse metadata(std::int32_t leader, std::int32_t epoch, Uuid id) {
    wire::MetadataResponse r;
    auto& b = r.brokers.emplace_back();
    b.node_id = 4;
    b.host = "h";
    b.port = 9092;
    auto& t = r.topics.emplace_back();
    t.name = "t";
    t.topic_id = id;
    auto& p = t.partitions.emplace_back();
    p.partition_index = 0;
    p.leader_id = leader;
    p.leader_epoch = epoch;
    return r;
}

TEST_CASE("an answer with an older leader epoch does not replace a newer one") {
    MetadataView view;
    const Uuid id{1, 1};
    view.apply(metadata(4, 7, id));
    view.apply(metadata(5, 6, id));
    REQUIRE(view.partition("t", 0)->leader == 4);
    view.apply(metadata(5, 8, id));
    REQUIRE(view.partition("t", 0)->leader == 5);
    // The topic was deleted and made again: its epochs begin anew.
    view.apply(metadata(4, 0, Uuid{2, 2}));
    REQUIRE(view.partition("t", 0)->leader == 4);
    REQUIRE(view.name_of(Uuid{2, 2}) == "t");
    REQUIRE(view.name_of(id).empty());
    REQUIRE(view.partition("t", 1) == nullptr);
    REQUIRE(view.partition("t", -1) == nullptr);
    REQUIRE(view.broker(4)->host == "h");
    REQUIRE(view.broker(5) == nullptr);
}
}  // namespace
}  // namespace faultline::client

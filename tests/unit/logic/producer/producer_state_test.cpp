#include <cstdio>
#include <cstdlib>
#include <zlib.h>

#include <nlohmann/json.hpp>

#include "core/base/crc32c.h"
#include "core/logic/producer/producer_snapshot.h"
#include "tests/support/catch.h"

using namespace faultline;
using namespace faultline::logic;

namespace {

std::string_view name_of(ProducerCheck c) {
    switch (c) {
        case ProducerCheck::append:
        case ProducerCheck::duplicate: return "ok";
        case ProducerCheck::out_of_order_sequence: return "OUT_OF_ORDER_SEQUENCE_NUMBER";
        case ProducerCheck::invalid_producer_epoch: return "INVALID_PRODUCER_EPOCH";
    }
    return "";
}

// Kafka's answers to batches one after the other, into one log that starts at 500.
void replay(const nlohmann::json& vector) {
    ProducerStates states;
    std::int64_t end = 500;
    for (const auto& step : vector["steps"]) {
        const ProducerBatch batch{step["producerId"], step["producerEpoch"], step["baseSequence"],
                                  step["count"]};
        const ProducerVerdict verdict = states.check(batch);
        CAPTURE(vector.dump());
        CAPTURE(step.dump());
        REQUIRE(name_of(verdict.check) == step["result"].get<std::string>());
        if (verdict.check == ProducerCheck::append) {
            states.appended(batch, Offset{end}, Offset{end + batch.count - 1}, step["maxTimestamp"],
                            WallTime{0});
            REQUIRE(step["baseOffset"] == end);
            end += batch.count;
        } else if (verdict.check == ProducerCheck::duplicate) {
            REQUIRE(verdict.first.v == step["baseOffset"].get<std::int64_t>());
            REQUIRE(verdict.last.v == step["lastOffset"].get<std::int64_t>());
        }
        REQUIRE(end == step["logEndOffset"].get<std::int64_t>());
    }
}

int replay_file(const std::string& path) {
    gzFile file = gzopen(path.c_str(), "rb");  // reads plain text too
    if (file == nullptr) return -1;
    std::string text;
    char buffer[65536];
    for (int n = 0; (n = gzread(file, buffer, sizeof buffer)) > 0;) {
        text.append(buffer, static_cast<std::size_t>(n));
    }
    gzclose(file);
    int lines = 0;
    for (std::size_t at = 0; at < text.size(); ++lines) {
        const std::size_t newline = std::min(text.find('\n', at), text.size());
        replay(nlohmann::json::parse(text.substr(at, newline - at)));
        at = newline + 1;
    }
    return lines;
}
}  // namespace

TEST_CASE("producer state: answers as Kafka does", "[producer]") {
    CHECK(replay_file(FL_GOLDEN "/producer-state.jsonl.gz") > 300);
}

TEST_CASE("producer state: a producer that is cut away may start anew", "[producer]") {
    ProducerStates states;
    for (std::int32_t i = 0; i < 3; ++i) {
        states.appended({7, 0, i, 1}, Offset{i}, Offset{i}, 5, WallTime{10});
    }
    states.truncate(Offset{2});
    CHECK(states.check({7, 0, 2, 1}).check == ProducerCheck::append);
    CHECK(states.check({7, 0, 1, 1}).check == ProducerCheck::duplicate);
    states.truncate(Offset{0});
    CHECK(states.size() == 0);
    CHECK(states.check({7, 0, 99, 1}).check == ProducerCheck::append);
}

TEST_CASE("producer state: expires by idleness, not earlier", "[producer]") {
    ProducerStates states;
    states.appended({7, 0, 0, 1}, Offset{0}, Offset{0}, 5, WallTime{1000});
    states.expire(WallTime{2000}, 1s);
    CHECK(states.size() == 1);
    states.expire(WallTime{2001}, 1s);
    CHECK(states.size() == 0);
}

TEST_CASE("producer state: a snapshot keeps the newest batch, through the wrap too", "[producer]") {
    ProducerStates states;
    states.appended({7, 3, 2147483646, 4}, Offset{100}, Offset{103}, 5, WallTime{0});
    ProducerStates other;
    for (const auto& [id, state] : states.states()) other.restore(id, state);
    CHECK(other.check({7, 3, 2147483646, 4}).check == ProducerCheck::duplicate);
    CHECK(other.check({7, 3, 2147483646, 4}).first == Offset{100});
    CHECK(other.check({7, 3, 2, 1}).check == ProducerCheck::append);
    CHECK(other.check({7, 3, 3, 1}).check == ProducerCheck::out_of_order_sequence);
    CHECK(other.check({7, 2, 0, 1}).check == ProducerCheck::invalid_producer_epoch);
    CHECK(other.check({-1, -1, -1, 1}).check == ProducerCheck::append);
}

namespace {
std::string of_hex(std::string_view hex) {
    std::string out;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
        out += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
    return out;
}

ProducerStates three_producers() {
    ProducerStates states;
    for (std::int32_t i = 0; i < 7; ++i)
        states.appended({4000, 2, i * 3, 3}, Offset{500 + i * 3}, Offset{502 + i * 3}, 1000 + i,
                        WallTime{50 + i});
    states.appended({4001, 0, 2147483647, 2}, Offset{521}, Offset{522}, 1007, WallTime{60});
    states.appended({9, 1, 0, 1}, Offset{523}, Offset{523}, -1, WallTime{61});
    return states;
}

LogMark some_mark() {
    LogMark mark{.segment = Offset{500}, .position = 7000, .last_entry = 4100};
    mark.first_timestamp = 1000;
    mark.largest_timestamp = 1007;
    mark.largest_at = Offset{522};
    mark.offsets = {8, 0xdeadbeefU};
    mark.times = {24, 1};
    mark.epochs = {12, 99};
    mark.first = Offset{300};
    mark.dense_from = Offset{400};
    return mark;
}
}  // namespace

TEST_CASE("producer snapshot: what is printed is read back, whole", "[producer]") {
    const ProducerStates states = three_producers();
    const std::string bytes = print_producer_snapshot(states, some_mark());
    const auto read = parse_producer_snapshot(as_bytes(bytes), WallTime{1000});
    REQUIRE(read);
    REQUIRE(read->mark);
    CHECK(*read->mark == some_mark());
    CHECK(print_producer_snapshot(read->producers, *read->mark) == bytes);
    for (std::int32_t i = 2; i < 7; ++i)
        CHECK(read->producers.check({4000, 2, i * 3, 3}).first == Offset{500 + i * 3});
    CHECK(read->producers.check({4000, 2, 3, 3}).check == ProducerCheck::out_of_order_sequence);
    CHECK(read->producers.check({4001, 0, 2147483647, 2}).first == Offset{521});
    CHECK(read->producers.check({4001, 0, 1, 1}).check == ProducerCheck::append);
    CHECK(read->producers.states().at(9).touched == WallTime{61});
    // Nobody was heard of later than now.
    const auto early = parse_producer_snapshot(as_bytes(bytes), WallTime{55});
    REQUIRE(early);
    CHECK(early->producers.states().at(9).touched == WallTime{55});
}

TEST_CASE("producer snapshot: Kafka's bytes are read, of each producer the newest batch",
          "[producer]") {
    // Version, CRC, one entry: id 4000, epoch 2, last sequence 20, last offset 520, delta 2,
    // timestamp 1006, coordinator epoch -1, no open transaction.
    const std::string covered = of_hex(
        "00000001"
        "0000000000000fa0"
        "0002"
        "00000014"
        "0000000000000208"
        "00000002"
        "00000000000003ee"
        "ffffffff"
        "ffffffffffffffff");
    const std::string ours = print_producer_snapshot(
        [] {
            ProducerStates one;
            one.appended({4000, 2, 18, 3}, Offset{518}, Offset{520}, 1006, WallTime{0});
            return one;
        }(),
        LogMark{});
    CHECK(ours.substr(6, covered.size()) == covered);
    const std::uint32_t crc = crc32c(as_bytes(covered));
    std::string kafka = of_hex("0001");
    for (int shift = 24; shift >= 0; shift -= 8) kafka += static_cast<char>(crc >> shift & 0xffU);
    kafka += covered;
    const auto read = parse_producer_snapshot(as_bytes(kafka), WallTime{77});
    REQUIRE(read);
    CHECK_FALSE(read->mark);
    CHECK(read->producers.check({4000, 2, 18, 3}).first == Offset{518});
    CHECK(read->producers.check({4000, 2, 21, 1}).check == ProducerCheck::append);
    CHECK(read->producers.check({4000, 2, 15, 3}).check == ProducerCheck::out_of_order_sequence);
    CHECK(read->producers.states().at(4000).touched == WallTime{77});
}

TEST_CASE("producer snapshot: damage anywhere is noticed", "[producer]") {
    const std::string good = print_producer_snapshot(three_producers(), some_mark());
    for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
        std::string bad = good;
        bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
        REQUIRE_FALSE(parse_producer_snapshot(as_bytes(bad), WallTime{}));
    }
    for (std::size_t size = 0; size < good.size(); ++size)
        REQUIRE_FALSE(parse_producer_snapshot(as_bytes(good).first(size), WallTime{}));
    REQUIRE_FALSE(parse_producer_snapshot(as_bytes(good + '\0'), WallTime{}));
}

TEST_CASE("producer state: what has to come before a batch") {
    ProducerStates states;
    CHECK_FALSE(states.gap_before({7, 0, 0, 1}));  // its first
    CHECK(states.gap_before({7, 0, 3, 1}));
    CHECK_FALSE(states.gap_before({-1, -1, -1, 1}));
    states.appended({7, 1, INT32_MAX - 1, 2}, Offset{0}, Offset{1}, 0, {});
    CHECK_FALSE(states.gap_before({7, 1, 0, 1}));  // the next, round the end
    CHECK(states.gap_before({7, 1, 1, 1}));
    CHECK_FALSE(states.gap_before({7, 1, INT32_MAX - 2, 1}));  // old
    CHECK_FALSE(states.gap_before({7, 0, 5, 1}));              // fenced
    CHECK_FALSE(states.gap_before({7, 2, 0, 1}));
    CHECK(states.gap_before({7, 2, 1, 1}));  // the first of a new epoch is missing
}

#include "core/logic/producer/producer_state.h"

#include <cstdio>
#include <cstdlib>
#include <zlib.h>

#include <nlohmann/json.hpp>

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
    for (const auto& e : states.entries()) other.restore(e, WallTime{0});
    CHECK(other.check({7, 3, 2147483646, 4}).check == ProducerCheck::duplicate);
    CHECK(other.check({7, 3, 2147483646, 4}).first == Offset{100});
    CHECK(other.check({7, 3, 2, 1}).check == ProducerCheck::append);
    CHECK(other.check({7, 3, 3, 1}).check == ProducerCheck::out_of_order_sequence);
    CHECK(other.check({7, 2, 0, 1}).check == ProducerCheck::invalid_producer_epoch);
    CHECK(other.check({-1, -1, -1, 1}).check == ProducerCheck::append);
}

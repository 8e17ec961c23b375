// Each anomaly once, by hand, beside a good neighbour (as Jepsen's kafka_test does for its
// checker).
#include "sim/oracle/history.h"

#include <algorithm>

#include "tests/support/catch.h"
#include "tests/unit/oracle/made_history.h"

using namespace faultline::sim;

namespace {
SendOp acked(std::int64_t record, std::int64_t offset) {
    return {.client = 0,
            .record = record,
            .partition = 1,
            .offset = offset,
            .outcome = SendOutcome::acked};
}
PollOp polled(std::int64_t offset, std::int64_t record, std::int32_t consumer = 0) {
    return {.consumer = consumer, .partition = 1, .offset = offset, .client = 0, .record = record};
}
// Three records, sent, acknowledged and read by two consumers.
History good() {
    History h;
    h.exactly_once = {0};
    for (std::int64_t i = 0; i < 3; ++i) h.sends.push_back(acked(i, i));
    for (std::int64_t i = 0; i < 3; ++i) h.polls.push_back(polled(i, i, 0));
    for (std::int64_t i = 0; i < 3; ++i) h.polls.push_back(polled(i, i, 1));
    return h;
}
// Which checks find something.
std::string found(const History& h) {
    std::string names;
    for (const HistoryCheck& c : history_checks()) {
        if (c.check(h).found()) names += (names.empty() ? "" : " ") + std::string(c.name);
    }
    return names;
}
}  // namespace

TEST_CASE("history: a good one passes, and every check had something to check") {
    History h = good();
    for (PollOp& p : h.polls) p.read_committed = true;
    CHECK(found(h).empty());
    for (const HistoryCheck& c : history_checks()) {
        INFO(c.name);

        if (c.name != "poll-skip") CHECK(c.check(h).checked > 0);
    }
}

TEST_CASE("history: lost write") {
    History h = good();
    h.polls = {polled(0, 0), polled(2, 2)};
    CHECK(lost_write(h).found());
    h.polls = {polled(0, 0), polled(1, 1)};  // offset 2 may still come
    CHECK_FALSE(lost_write(h).found());
    h.polls = {polled(0, 0), polled(2, 2)};
    h.shortened = {1};
    CHECK_FALSE(lost_write(h).found());
}

TEST_CASE("history: duplicate") {
    History h = good();
    h.polls.push_back(polled(3, 2));
    CHECK(found(h) == "duplicate");
    h.trimmed = {1};  // what retention took of a producer is remembered in snapshots
    CHECK(found(h) == "duplicate");
    h.begun_anew = {1};  // but not by a replica that never had it
    CHECK(found(h).empty());
    h.trimmed.clear();
    h.begun_anew.clear();
    h.exactly_once.clear();  // without idempotence a retry may write twice
    CHECK(found(h).empty());
}

TEST_CASE("history: inconsistent offsets") {
    History h = good();
    h.sends.push_back(acked(3, 3));
    h.polls.push_back(polled(3, 7, 0));
    CHECK(inconsistent_offsets(h).found());
    h.polls.back() = polled(3, 3, 0);
    CHECK_FALSE(inconsistent_offsets(h).found());
}

TEST_CASE("history: unseen") {
    History h = good();
    h.sends.push_back(acked(3, 3));
    CHECK(found(h) == "unseen");
    h.sends.back().outcome = SendOutcome::unknown;
    CHECK(found(h).empty());
}

TEST_CASE("history: poll skip") {
    History h = good();
    h.polls = {polled(0, 0, 0), polled(2, 2, 0), polled(0, 0, 1), polled(1, 1, 1), polled(2, 2, 1)};
    CHECK(found(h) == "poll-skip");
    h.trimmed = {1};
    CHECK(found(h).empty());
}

TEST_CASE("history: polls that go back") {
    History h = good();
    h.polls.push_back(polled(1, 1, 0));
    CHECK(found(h) == "nonmonotonic-poll");
    h.polls.back().consumer = 2;
    CHECK(found(h).empty());
}

TEST_CASE("history: sends that overtake each other") {
    History h = good();
    std::swap(h.sends[1].offset, h.sends[2].offset);
    for (PollOp& p : h.polls) {
        if (p.offset > 0) p.record = p.offset == 1 ? 2 : 1;
    }
    CHECK(found(h) == "nonmonotonic-send");
    h.exactly_once.clear();
    CHECK(found(h).empty());
}

TEST_CASE("history: aborted read") {
    History h = good();
    h.sends[1].aborted = true;
    CHECK(found(h).empty());  // these consumers read everything
    for (PollOp& p : h.polls) p.read_committed = true;
    CHECK(found(h) == "aborted-read");
    h.sends[1].aborted = false;
    h.sends[1].outcome = SendOutcome::failed;
    CHECK(aborted_read(h).found());
}

TEST_CASE("history: of a long one the beginning is judged, and the verdict says so", "[oracle]") {
    for (const bool twice : {false, true}) {
        for (const bool longer : {false, true}) {
            MadeHistory h;
            h.acked(0, 0, 0).acked(0, 1, 1).delivered(kConsumer, 0, 0, 0);
            h.probe(faultline::probe::ProduceSent{h.p, 0, 2, 1});
            h.written(2).delivered(kConsumer, 1, 0, 1).delivered(kConsumer, 2, 0, twice ? 1 : 2);
            h.delivered(kAuditor, 0, 0, 0).delivered(kAuditor, 1, 0, 1);
            if (longer) h.probe(faultline::probe::ProduceSent{h.p, 0, 3, 100'000});
            CHECK(h.verdict() == (twice ? 96 : 0));
            const auto oracle = [&](std::int32_t invariant) -> const Oracle& {
                return **std::ranges::find_if(
                    h.oracles, [&](const auto& o) { return o->invariant() == invariant; });
            };
            CHECK(oracle(96).premises() > 0);
            CHECK((oracle(98).premises() == 0) == longer);
            CHECK(oracle(95).remark().starts_with("history of clients: longer than 100,000") ==
                  longer);
        }
    }
}

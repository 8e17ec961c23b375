#include "core/logic/fetch/fetch_sessions.h"

#include <functional>

#include "tests/support/catch.h"

namespace faultline::logic {
namespace {
using wire::KafkaError;
using Kind = FetchPlan::Kind;

struct Part {
    std::string topic;
    std::int32_t partition;
    std::int64_t offset = 0;
};

wire::FetchRequest request(std::int32_t session, std::int32_t epoch,
                           const std::vector<Part>& parts = {},
                           const std::vector<Part>& forgotten = {}) {
    wire::FetchRequest r;
    r.session_id = session;
    r.session_epoch = epoch;
    for (const Part& p : parts) {
        auto& topic = r.topics.emplace_back();
        topic.topic = p.topic;
        auto& asked = topic.partitions.emplace_back();
        asked.partition = p.partition;
        asked.fetch_offset = p.offset;
    }
    for (const Part& p : forgotten) {
        auto& topic = r.forgotten_topics_data.emplace_back();
        topic.topic = p.topic;
        topic.partitions = {p.partition};
    }
    return r;
}

// "a0@0 a1@5": partitions with their offsets, in order.
std::string text(const FetchSession::Topics& topics) {
    std::string out;
    for (const auto& t : topics) {
        for (const auto& p : t.partitions) {
            out += (out.empty() ? "" : " ") + t.topic + std::to_string(p.partition) + "@" +
                   std::to_string(p.fetch_offset);
        }
    }
    return out;
}

// What is found where nothing is new, for every partition of a plan.
std::vector<FetchFound> quiet(const FetchPlan& plan) {
    std::vector<FetchFound> found;
    for (const auto& t : plan.topics) {
        for (const auto& p : t.partitions) {
            FetchFound& f = found.emplace_back();
            f.key = {t.topic, t.topic_id, p.partition};
            f.high_watermark = 10;
            f.log_start = 0;
        }
    }
    return found;
}

struct Desk {
    explicit Desk(std::size_t slots = 10) : sessions({.slots = slots}) {}

    FetchPlan begin(wire::FetchRequest r, bool by_id = false) {
        return sessions.begin(r, by_id, now);
    }
    FetchVerdict finish(const FetchPlan& plan, const std::vector<FetchFound>& found) {
        return sessions.finish(plan, found, now, rng);
    }
    // A new session of these partitions; 0 when it got none.
    std::int32_t open(const std::vector<Part>& parts, bool follower = false) {
        auto r = request(0, 0, parts);
        if (follower) r.replica_state.replica_id = 2;
        const auto plan = begin(r);
        CHECK(plan.kind == Kind::full);
        const auto verdict = finish(plan, quiet(plan));
        CHECK(verdict.error == KafkaError::none);
        CHECK(verdict.everything);
        return verdict.session;
    }
    KafkaError refusal(std::int32_t session, std::int32_t epoch, bool by_id = false) {
        const auto plan = begin(request(session, epoch), by_id);
        CHECK((plan.kind == Kind::refused) == (plan.error != KafkaError::none));
        return plan.error;
    }
    FetchSessions sessions;
    MonoTime now{1};
    Rng rng{7};
};

std::vector<Part> many(int count) {
    std::vector<Part> parts;
    for (int i = 0; i < count; ++i) parts.push_back({"t", i});
    return parts;
}
}  // namespace

TEST_CASE("fetch sessions: a request names only what changed") {
    Desk desk;
    const std::int32_t id = desk.open({{"a", 0}, {"a", 1}, {"b", 0}});
    REQUIRE(id > 0);
    auto plan = desk.begin(request(id, 1));
    CHECK(plan.kind == Kind::incremental);
    CHECK(text(plan.topics) == "a0@0 a1@0 b0@0");
    plan = desk.begin(request(id, 2, {{"a", 1, 5}, {"c", 0}}));
    CHECK(text(plan.topics) == "a0@0 a1@5 b0@0 c0@0");
    plan = desk.begin(request(id, 3, {}, {{"a", 0}, {"none", 0}}));
    CHECK(text(plan.topics) == "a1@5 b0@0 c0@0");
    // What is added and forgotten at once is forgotten.
    plan = desk.begin(request(id, 4, {{"d", 0}}, {{"d", 0}}));
    CHECK(text(plan.topics) == "a1@5 b0@0 c0@0");
    plan = desk.begin(request(id, 5, {{"a", 0, 9}}));
    CHECK(text(plan.topics) == "a1@5 b0@0 c0@0 a0@9");
    CHECK(plan.topics.size() == 4);
}

TEST_CASE("fetch sessions: an answer has what is new, and what is wrong each time") {
    Desk desk;
    const std::int32_t id = desk.open({{"a", 0}, {"a", 1}, {"b", 0}});
    std::int32_t epoch = 1;
    const auto look = [&](const std::function<void(std::vector<FetchFound>&)>& change) {
        const auto plan = desk.begin(request(id, epoch++));
        auto found = quiet(plan);
        change(found);
        const auto verdict = desk.finish(plan, found);
        CHECK(verdict.error == KafkaError::none);
        CHECK(verdict.session == id);
        CHECK(!verdict.everything);
        std::string told;
        for (std::size_t i = 0; i < found.size(); ++i) {
            if (verdict.told[i])
                told += found[i].key.topic + std::to_string(found[i].key.partition) + " ";
        }
        return told;
    };
    const auto nothing = [](auto&) {};
    CHECK(look(nothing).empty());
    CHECK(look([](auto& f) { f[1].high_watermark = 11; }) == "a1 ");
    // It has fallen back: that is a change again.
    CHECK(look(nothing) == "a1 ");
    CHECK(look([](auto& f) { f[2].log_start = 3; }) == "b0 ");
    CHECK(look([](auto& f) { f[2].log_start = 3; }).empty());
    CHECK(look([](auto& f) {
              f[2].log_start = 3;
              f[0].must_tell = true;
          }) == "a0 ");
    const auto wrong = [](auto& f) {
        f[2].log_start = 3;
        f[1].error = KafkaError::offset_out_of_range;
        f[1].high_watermark = f[1].log_start = -1;
    };
    CHECK(look(wrong) == "a1 ");
    CHECK(look(wrong) == "a1 ");
    // The error is over: the client is told how things are.
    CHECK(look([](auto& f) { f[2].log_start = 3; }) == "a1 ");
    CHECK(look([](auto& f) { f[2].log_start = 3; }).empty());
}

TEST_CASE("fetch sessions: who gave data comes last the next time") {
    Desk desk;
    const std::int32_t id = desk.open({{"a", 0}, {"a", 1}, {"b", 0}});
    const std::string orders[] = {"a0@0 a1@0 b0@0", "a1@0 b0@0 a0@0", "b0@0 a0@0 a1@0",
                                  "a0@0 a1@0 b0@0"};
    std::int32_t epoch = 1;
    for (const std::string& order : orders) {
        const auto plan = desk.begin(request(id, epoch++));
        CHECK(text(plan.topics) == order);
        auto found = quiet(plan);
        found[0].bytes = 100;
        const auto verdict = desk.finish(plan, found);
        CHECK(verdict.told == std::vector<bool>{true, false, false});
    }
}

TEST_CASE("fetch sessions: ids and epochs that are wrong") {
    Desk desk;
    const std::int32_t id = desk.open({{"a", 0}});
    CHECK(desk.refusal(id + 1, 1) == KafkaError::fetch_session_id_not_found);
    CHECK(desk.refusal(-5, 1) == KafkaError::fetch_session_id_not_found);
    CHECK(desk.refusal(0, 1) == KafkaError::fetch_session_id_not_found);
    CHECK(desk.refusal(0, -2) == KafkaError::fetch_session_id_not_found);
    CHECK(desk.refusal(id, 2) == KafkaError::invalid_fetch_session_epoch);
    CHECK(desk.refusal(id, -2) == KafkaError::invalid_fetch_session_epoch);
    CHECK(desk.refusal(id, 1, true) == KafkaError::fetch_session_topic_id_error);
    // None of them has used up the epoch.
    CHECK(desk.refusal(id, 1) == KafkaError::none);
    CHECK(desk.refusal(id, 1) == KafkaError::invalid_fetch_session_epoch);
    CHECK(desk.refusal(id, 2) == KafkaError::none);
}

TEST_CASE("fetch sessions: a full request ends the session that it names") {
    Desk desk;
    const std::int32_t first = desk.open({{"a", 0}});
    auto plan = desk.begin(request(first, -1, {{"a", 0}}));
    CHECK(plan.kind == Kind::sessionless);
    CHECK(text(plan.topics) == "a0@0");
    const auto verdict = desk.finish(plan, quiet(plan));
    CHECK(verdict.session == 0);
    CHECK(verdict.everything);
    CHECK(desk.sessions.size() == 0);
    CHECK(desk.refusal(first, 1) == KafkaError::fetch_session_id_not_found);

    const std::int32_t second = desk.open({{"a", 0}});
    plan = desk.begin(request(second, 0, {{"b", 0}}));
    CHECK(plan.kind == Kind::full);
    CHECK(desk.sessions.size() == 0);
    CHECK(desk.finish(plan, quiet(plan)).session != second);
    CHECK(desk.sessions.size() == 1);
    // Of a session that is not there it is as good.
    CHECK(desk.begin(request(4711, -1, {{"a", 0}})).kind == Kind::sessionless);
    CHECK(desk.begin(request(4711, 0, {{"a", 0}})).kind == Kind::full);
}

TEST_CASE("fetch sessions: one that has forgotten everything ends") {
    Desk desk;
    const std::int32_t id = desk.open({{"a", 0}});
    const auto plan = desk.begin(request(id, 1, {{"b", 0}}, {{"a", 0}, {"b", 0}}));
    CHECK(plan.kind == Kind::sessionless);
    CHECK(text(plan.topics) == "b0@0");
    CHECK(desk.finish(plan, quiet(plan)).session == 0);
    CHECK(desk.refusal(id, 2) == KafkaError::fetch_session_id_not_found);
    // One without partitions may begin all the same.
    CHECK(desk.open({}) > 0);
}

TEST_CASE("fetch sessions: what happens between request and answer") {
    Desk desk;
    const std::int32_t id = desk.open({{"a", 0}});
    const auto slow = desk.begin(request(id, 1));
    const auto quick = desk.begin(request(id, 2));
    CHECK(desk.finish(slow, quiet(slow)).error == KafkaError::invalid_fetch_session_epoch);
    CHECK(desk.finish(slow, quiet(slow)).session == 0);
    CHECK(desk.finish(quick, quiet(quick)).error == KafkaError::none);
    const auto last = desk.begin(request(id, 3));
    (void)desk.begin(request(id, -1));
    CHECK(desk.finish(last, quiet(last)).error == KafkaError::fetch_session_id_not_found);
}

TEST_CASE("fetch sessions: the epoch after the largest is 1") {
    CHECK(epoch_after(0) == 1);
    CHECK(epoch_after(1) == 2);
    CHECK(epoch_after(INT32_MAX) == 1);
}

TEST_CASE("fetch sessions: a partition that is named twice counts once, as asked for last") {
    Desk desk;
    const std::vector<Part> twice{{"a", 0}, {"a", 1}, {"b", 0}, {"a", 0, 7}};
    for (const std::int32_t epoch : {0, -1})
        CHECK(text(desk.begin(request(0, epoch, twice)).topics) == "a0@7 a1@0 b0@0");
    CHECK(!names_twice(request(0, 0, {{"a", 0}, {"a", 1}, {"b", 0}}).topics));
}

TEST_CASE("fetch sessions: topics are known by their ids where requests have ids") {
    Desk desk;
    wire::FetchRequest r = request(0, 0);
    for (const std::uint64_t id : {5, 6}) {
        auto& topic = r.topics.emplace_back();
        topic.topic_id = Uuid{id, id};
        topic.partitions.emplace_back();
    }
    auto plan = desk.begin(r, true);
    const std::int32_t id = desk.finish(plan, quiet(plan)).session;
    wire::FetchRequest change = request(id, 1);
    auto& gone = change.forgotten_topics_data.emplace_back();
    gone.topic_id = Uuid{5, 5};
    gone.partitions = {0};
    plan = desk.begin(change, true);
    REQUIRE(plan.topics.size() == 1);
    CHECK(plan.topics[0].topic_id == Uuid{6, 6});
    CHECK(desk.refusal(id, 2, false) == KafkaError::fetch_session_topic_id_error);
}

TEST_CASE("fetch sessions: without room a consumer's session begins where another is idle") {
    Desk desk(2);
    const std::int32_t first = desk.open(many(3));
    const std::int32_t second = desk.open(many(1));
    CHECK(desk.open(many(100)) == 0);
    desk.now = desk.now + 2min;
    CHECK(desk.refusal(second, 1) == KafkaError::none);
    CHECK(desk.open(many(1)) == 0);  // exactly two minutes are not too long
    desk.now = desk.now + 1ns;
    CHECK(desk.open(many(1)) > 0);
    CHECK(desk.refusal(first, 1) == KafkaError::fetch_session_id_not_found);
    CHECK(desk.refusal(second, 2) == KafkaError::none);
    CHECK(desk.sessions.size() == 2);
}

TEST_CASE("fetch sessions: an old session that is used goes for a larger one") {
    Desk desk(2);
    const std::int32_t small = desk.open(many(2));
    const std::int32_t large = desk.open(many(5));
    for (std::int32_t epoch = 1; epoch <= 3; ++epoch) {
        desk.now = desk.now + 1min;
        CHECK(desk.refusal(small, epoch) == KafkaError::none);
        CHECK(desk.refusal(large, epoch) == KafkaError::none);
    }
    CHECK(desk.open(many(2)) == 0);  // not larger than the smallest
    const std::int32_t third = desk.open(many(3));
    CHECK(third > 0);
    CHECK(desk.refusal(small, 4) == KafkaError::fetch_session_id_not_found);
    CHECK(desk.refusal(large, 4) == KafkaError::none);
    // The new one is too young to go.
    CHECK(desk.open(many(4)) == 0);
}

TEST_CASE("fetch sessions: a follower's takes the place of a consumer's, never the other way") {
    Desk desk(2);
    const std::int32_t consumer = desk.open(many(50));
    CHECK(desk.open(many(1), true) > 0);
    const std::int32_t second = desk.open(many(1), true);
    CHECK(second > 0);
    CHECK(desk.refusal(consumer, 1) == KafkaError::fetch_session_id_not_found);
    CHECK(desk.open(many(1), true) == 0);
    CHECK(desk.open(many(50)) == 0);
    CHECK(desk.sessions.size() == 2);
}

TEST_CASE("fetch sessions: with no slots every fetch is whole") {
    Desk desk(0);
    CHECK(desk.open(many(1)) == 0);
    desk.now = desk.now + 10min;
    CHECK(desk.open(many(1), true) == 0);
}

TEST_CASE("fetch sessions: an id says which shard keeps it") {
    Rng rng(3);
    for (std::int32_t shard = 0; shard < 3; ++shard) {
        FetchSessions sessions({.divisor = 3, .remainder = shard});
        for (int i = 0; i < 100; ++i) {
            auto r = request(0, 0, many(1));
            const auto plan = sessions.begin(r, false, {});
            const auto id = sessions.finish(plan, quiet(plan), {}, rng).session;
            CHECK(id > 0);
            CHECK(id % 3 == shard);
        }
        CHECK(sessions.size() == 100);
    }
}
}  // namespace faultline::logic

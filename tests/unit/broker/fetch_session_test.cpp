// Fetch sessions (KIP-227) as a client sees them; the rules are in tests/unit/logic/fetch.
#include "gen/wire/delete_records_request.h"
#include "gen/wire/delete_records_response.h"
#include "tests/unit/broker/calls.h"

namespace faultline::broker::test {
namespace {
struct Part {
    std::string topic;
    std::int32_t partition;
    std::int64_t offset = 0;
};

wire::FetchRequest asking(std::int32_t session, std::int32_t epoch,
                          const std::vector<Part>& parts = {}) {
    wire::FetchRequest request;
    request.min_bytes = 1;
    request.max_wait_ms = 0;
    request.max_bytes = 1 << 20;
    request.session_id = session;
    request.session_epoch = epoch;
    for (const Part& p : parts) {
        auto& topic = request.topics.emplace_back();
        topic.topic = p.topic;
        auto& asked = topic.partitions.emplace_back();
        asked.partition = p.partition;
        asked.fetch_offset = p.offset;
        asked.partition_max_bytes = 1 << 20;
    }
    return request;
}

// "t0:2 none0:E3": the partitions that are told, with the number of their records or the error.
std::string text(const wire::FetchResponse& response) {
    std::string out;
    if (response.error_code != KafkaError::none)
        out = "E" + std::to_string(static_cast<int>(response.error_code));
    for (const auto& t : response.responses) {
        for (const auto& p : t.partitions) {
            out += (out.empty() ? "" : " ") + t.topic + std::to_string(p.partition_index) + ":";
            out += p.error_code != KafkaError::none
                       ? "E" + std::to_string(static_cast<int>(p.error_code))
                       : std::to_string(values_of(p.records).size());
        }
    }
    return out;
}

struct Fetcher {
    Client& c;
    std::int32_t session = 0, epoch = 0;

    std::string next(const std::vector<Part>& parts = {}, const std::vector<Part>& forgotten = {}) {
        auto request = asking(session, epoch, parts);
        for (const Part& p : forgotten) {
            auto& topic = request.forgotten_topics_data.emplace_back();
            topic.topic = p.topic;
            topic.partitions = {p.partition};
        }
        const auto answer = c.call<wire::FetchResponse>(12, request);
        session = answer.session_id;
        ++epoch;
        return text(answer);
    }
};
}  // namespace

TEST_CASE("fetch session: the client sends and is told what changed") {
    for (const unsigned shards : {1U, 3U}) {
        Bench b({}, shards);
        b.run([](Env& env) {
            Client c(env);
            create(c, "t", 2);
            create(c, "u", 1);
            produce(c, "t", 0, batch(env, {"a", "b"}));
            Fetcher f{c};
            CHECK(f.next({{"t", 0}, {"t", 1}, {"u", 0}}) == "t0:2 t1:0 u0:0");
            REQUIRE(f.session > 0);
            CHECK(f.next() == "t0:2");  // not told that it was read
            CHECK(f.next({{"t", 0, 2}}).empty());
            produce(c, "t", 1, batch(env, {"c"}));
            CHECK(f.next() == "t1:1");
            CHECK(f.next({{"t", 1, 1}}).empty());
            CHECK(f.next({{"none", 0}, {"t", 9}}) == "none0:E3 t9:E3");
            CHECK(f.next() == "none0:E3 t9:E3");
            CHECK(f.next({{"t", 0, 99}}) == "t0:E1 none0:E3 t9:E3");
            CHECK(f.next({{"t", 0, 2}}, {{"none", 0}, {"t", 9}}) == "t0:0");
            CHECK(f.next().empty());
            produce(c, "u", 0, batch(env, {"d"}));
            CHECK(f.next({}, {{"u", 0}}).empty());
            CHECK(f.session > 0);
            CHECK(f.next({}, {{"t", 0}, {"t", 1}}).empty());
            CHECK(f.session == 0);
        });
    }
}

TEST_CASE("fetch session: a log start that moved is told") {
    Bench b;
    b.run([](Env& env) {
        Client c(env);
        create(c, "t", 1);
        produce(c, "t", 0, batch(env, {"a"}));
        Fetcher f{c};
        CHECK(f.next({{"t", 0, 1}}) == "t0:0");
        CHECK(f.next().empty());
        wire::DeleteRecordsRequest request;
        auto& topic = request.topics.emplace_back();
        topic.name = "t";
        topic.partitions.push_back({0, -1, {}});
        (void)c.call<wire::DeleteRecordsResponse>(2, request);
        const auto answer = c.call<wire::FetchResponse>(12, asking(f.session, f.epoch));
        REQUIRE(text(answer) == "t0:0");
        CHECK(answer.responses[0].partitions[0].log_start_offset == 1);
    });
}

TEST_CASE("fetch session: any connection of any shard may go on with it, with Kafka's errors") {
    Bench b({}, 3);
    b.run([](Env& env) {
        Client c(env);
        create(c, "t", 1);
        produce(c, "t", 0, batch(env, {"a"}));
        Fetcher f{c};
        CHECK(f.next({{"t", 0}}) == "t0:1");
        const std::int32_t id = f.session;
        std::vector<std::unique_ptr<Client>> others;  // the connections go round the shards
        for (std::int32_t i = 1; i <= 6; ++i) {
            others.push_back(std::make_unique<Client>(env));
            const auto ask = [&](const wire::FetchRequest& request, std::int16_t version = 12) {
                return others.back()->call<wire::FetchResponse>(version, request);
            };
            CHECK(text(ask(asking(id, i + 1))) == "E71");
            CHECK(text(ask(asking(id, i), 13)) == "E106");
            const auto good = ask(asking(id, i));
            CHECK(text(good) == "t0:1");
            CHECK(good.session_id == id);
            CHECK(text(ask(asking(id, i))) == "E71");
            CHECK(text(ask(asking(id + 1, i))) == "E70");
            CHECK(text(ask(asking(0, i))) == "E70");
            // Full requests with the id of a session that is not there.
            CHECK(ask(asking(id + 1, 0, {{"t", 0}})).session_id > 0);
            CHECK(ask(asking(id + 1, -1, {{"t", 0}})).session_id == 0);
        }
        // Another connection ends it, and begins one of its own.
        const auto fresh = others[1]->call<wire::FetchResponse>(12, asking(id, 0, {{"t", 0}}));
        CHECK(text(fresh) == "t0:1");
        CHECK(fresh.session_id != id);
        CHECK(text(c.call<wire::FetchResponse>(12, asking(id, 7))) == "E70");
        CHECK(text(c.call<wire::FetchResponse>(12, asking(fresh.session_id, 1))) == "t0:1");
        CHECK(text(c.call<wire::FetchResponse>(12, asking(fresh.session_id, -1))).empty());
        CHECK(text(c.call<wire::FetchResponse>(12, asking(fresh.session_id, 2))) == "E70");
    });
}

TEST_CASE("fetch session: topics by id, and one that is deleted") {
    Bench b;
    b.run([](Env& env) {
        Client c(env);
        const Uuid id = create(c, "t", 1);
        produce(c, "t", 0, batch(env, {"a"}));
        for (std::int16_t v = 13; v <= 18; ++v) {
            auto request = asking(0, 0, {{"", 0}});
            request.topics[0].topic_id = id;
            const auto first = c.call<wire::FetchResponse>(v, request);
            CHECK(first.session_id > 0);
            CHECK(text(first) == "0:1");
            CHECK(first.responses[0].topic_id == id);
            CHECK(text(c.call<wire::FetchResponse>(v, asking(first.session_id, 1))) == "0:1");
        }
        auto request = asking(0, 0, {{"", 0}});
        request.topics[0].topic_id = id;
        const std::int32_t session = c.call<wire::FetchResponse>(13, request).session_id;
        CHECK(remove(c, "t") == KafkaError::none);
        CHECK(text(c.call<wire::FetchResponse>(13, asking(session, 1))) == "0:E100");
        // A new topic of that name is another one.
        create(c, "t", 1);
        CHECK(text(c.call<wire::FetchResponse>(13, asking(session, 2))) == "0:E100");
    });
}

TEST_CASE(
    "fetch session: a wait ends with data, and is not ended by a partition that is not there") {
    Bench b([](BrokerConfig& config) { config.fetch_session_slots = 0; });
    b.run([](Env& env) {
        Client c(env);
        create(c, "t", 1);
        const auto waited = [&](const std::vector<Part>& parts) {
            auto request = asking(0, 0, parts);
            request.max_wait_ms = 1'000;
            const auto before = env.clock.now();
            CHECK(c.call<wire::FetchResponse>(12, request).session_id == 0);  // there are no slots
            return env.clock.now() - before;
        };
        CHECK(waited({{"t", 0}}) >= 1s);
        CHECK(waited({{"t", 0}, {"none", 0}}) >= 1s);
        CHECK(waited({{"none", 0}}) < 1s);
        CHECK(waited({{"t", 0, 7}}) < 1s);
        CHECK(waited({}) < 1s);
    });
}
}  // namespace faultline::broker::test

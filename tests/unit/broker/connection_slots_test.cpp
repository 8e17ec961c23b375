// max.connections and its relatives.
#include "core/broker/connection_slots.h"

#include "gen/wire/metadata_request.h"
#include "gen/wire/metadata_response.h"
#include "tests/support/catch.h"
#include "tests/unit/broker/calls.h"

namespace faultline::broker::test {
namespace {
using namespace std::chrono_literals;
using Answer = ConnectionSlots::Answer;

TEST_CASE("connection_slots: the bound may change, and what is over it stays") {
    const BrokerConfig config;
    ConnectionSlots slots(config);
    for (int i = 0; i < 3; ++i) CHECK(slots.take("10.0.0.1", {}) == Answer::granted);
    slots.allow(2);
    CHECK(slots.take("10.0.0.1", {}) == Answer::full);
    for (int i = 0; i < 2; ++i) slots.give_back("10.0.0.1");
    CHECK(slots.take("10.0.0.1", {}) == Answer::granted);
    CHECK(slots.take("10.0.0.1", {}) == Answer::full);
}

TEST_CASE("connection_slots: new ones come at the rate that is set, a second's worth at once") {
    const BrokerConfig config;
    ConnectionSlots slots(config);
    MonoTime now = MonoTime{} + 100s;
    const auto granted = [&](int tries) {
        int n = 0;
        for (int i = 0; i < tries; ++i) n += slots.take("10.0.0.1", now) == Answer::granted;
        return n;
    };
    CHECK(granted(50) == 50);  // no rate is set
    slots.allow_per_second(10);
    CHECK(granted(50) == 10);
    CHECK(slots.take("10.0.0.1", now) == Answer::too_fast);
    now = now + 100ms;
    CHECK(granted(50) == 1);
    now = now + 350ms;
    CHECK(granted(50) == 3);
    now = now + 1h;
    CHECK(granted(50) == 10);
    slots.allow_per_second(0);
    now = now + 1h;
    CHECK(granted(1) == 0);
    slots.allow_per_second(INT32_MAX);
    CHECK(granted(50) == 50);
}

TEST_CASE("connection_slots: a place in all, a share for each address, overrides first") {
    BrokerConfig config;
    config.max_connections = 4;
    config.max_connections_per_ip = 2;
    config.max_connections_of = {{"10.0.0.1", 3}, {"10.0.0.9", 0}};
    ConnectionSlots slots(config);
    CHECK(slots.take("10.0.0.9", {}) == Answer::too_many_of);
    CHECK(slots.take("10.0.0.2", {}) == Answer::granted);
    CHECK(slots.take("10.0.0.2", {}) == Answer::granted);
    CHECK(slots.take("10.0.0.2", {}) == Answer::too_many_of);
    CHECK(slots.take("10.0.0.1", {}) == Answer::granted);
    CHECK(slots.take("10.0.0.1", {}) == Answer::granted);
    CHECK(slots.take("10.0.0.1", {}) == Answer::full);
    slots.give_back("10.0.0.2");
    CHECK(slots.take("10.0.0.1", {}) == Answer::granted);
    CHECK(slots.take("10.0.0.2", {}) == Answer::full);
    slots.give_back("10.0.0.1");
    CHECK(slots.take("10.0.0.2", {}) == Answer::granted);
}

TEST_CASE("max.connections: the one too many waits, on every shard, and is served in the end") {
    for (const unsigned shards : {1U, 2U}) {
        Bench b([](BrokerConfig& c) { c.max_connections = 2; }, shards);
        b.run([](Env& env) {
            auto first = std::make_unique<Client>(env), second = std::make_unique<Client>(env);
            CHECK(!(first->call<wire::MetadataResponse>(12, all_topics())).brokers.empty());
            CHECK(!(second->call<wire::MetadataResponse>(12, all_topics())).brokers.empty());
            Client third(env);
            third.send(12, all_topics());
            CHECK(!third.closed(5s));
            first.reset();
            CHECK(!third.receive<wire::MetadataResponse>(12).brokers.empty());
        });
        b.stop();
    }
}

TEST_CASE("max.connections.per.ip: the one too many is closed, and no other") {
    Bench b([](BrokerConfig& c) { c.max_connections_per_ip = 1; });
    b.run([](Env& env) {
        Client first(env);
        CHECK(!(first.call<wire::MetadataResponse>(12, all_topics())).brokers.empty());
        CHECK(Client(env).closed());
        CHECK(!(first.call<wire::MetadataResponse>(12, all_topics())).brokers.empty());
    });
    b.stop();
}
}  // namespace
}  // namespace faultline::broker::test

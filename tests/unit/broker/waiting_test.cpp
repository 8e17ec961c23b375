// Long polls, order under pipelining, and what waits for the disk.
#include "gen/wire/metadata_request.h"
#include "gen/wire/metadata_response.h"
#include "tests/unit/broker/calls.h"

namespace faultline::broker::test {
namespace {

wire::FetchRequest long_poll(std::int64_t offset, std::int32_t wait_ms,
                             std::int32_t min_bytes = 1) {
    auto request = fetch_request("t", 0, offset);
    request.max_wait_ms = wait_ms;
    request.min_bytes = min_bytes;
    return request;
}
}  // namespace

TEST_CASE("waiting: a long poll ends when its time is over, with nothing") {
    Bench b;
    b.run([](Env& env) {
        Client c(env);
        create(c, "t", 1);
        const MonoTime start = env.clock.now();
        const auto answer = c.call<wire::FetchResponse>(12, long_poll(0, 700));
        CHECK(answer.responses.at(0).partitions.at(0).records.size() == 0);
        CHECK(env.clock.now() - start >= 700ms);
        CHECK(env.clock.now() - start < 900ms);
    });
}

TEST_CASE("waiting: a long poll ends as soon as there is something, from any shard") {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        Bench b({}, 1 + seed % 3, seed);
        b.run([](Env& env) {
            Client reader(env), writer(env);
            create(writer, "t", 1);
            const MonoTime start = env.clock.now();
            reader.send(12, long_poll(0, 60'000));
            env.fibers.sleep_until(env.clock.in(2s));
            CHECK(produce(writer, "t", 0, batch(env, {"a"})).error_code == KafkaError::none);
            const auto answer = reader.receive<wire::FetchResponse>(12);
            CHECK(values_of(answer.responses.at(0).partitions.at(0).records).size() == 1);
            CHECK(env.clock.now() - start < 3s);
        });
    }
}

TEST_CASE("waiting: a long poll collects min_bytes") {
    Bench b;
    b.run([](Env& env) {
        Client reader(env), writer(env);
        create(writer, "t", 1);
        reader.send(12, long_poll(0, 60'000, 1000));
        for (int i = 0; i < 3; ++i) {
            env.fibers.sleep_until(env.clock.in(1s));
            produce(writer, "t", 0, batch(env, {std::string(400, 'x')}));
        }
        const auto answer = reader.receive<wire::FetchResponse>(12);
        CHECK(values_of(answer.responses.at(0).partitions.at(0).records).size() == 3);
    });
}

TEST_CASE("waiting: answers keep the order of requests behind a long poll") {
    Bench b;
    b.run([](Env& env) {
        Client c(env);
        create(c, "t", 1);
        c.send(12, long_poll(0, 1000));
        c.send(9, produce_request("t", 0, batch(env, {"a"})));
        c.send(12, all_topics());
        // The produce behind it wakes the poll.
        const auto polled = c.receive<wire::FetchResponse>(12);
        CHECK(values_of(polled.responses.at(0).partitions.at(0).records).size() == 1);
        CHECK(c.receive<wire::ProduceResponse>(9).responses.size() == 1);
        CHECK(c.receive<wire::MetadataResponse>(12).topics.size() == 1);
    });
}

TEST_CASE("waiting: pipelined produces of one connection are written in their order") {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        Bench b({}, 1 + seed % 3, seed);
        b.run([](Env& env) {
            Client c(env);
            create(c, "t", 1);
            for (int i = 0; i < 30; ++i) {
                c.send(9, produce_request("t", 0, batch(env, {std::to_string(i)})));
            }
            for (int i = 0; i < 30; ++i) {
                const auto p =
                    c.receive<wire::ProduceResponse>(9).responses.at(0).partition_responses.at(0);
                CHECK(p.base_offset == i);
            }
            const auto all = values_of(fetch(c, "t", 0, 0).records);
            REQUIRE(all.size() == 30);
            for (int i = 0; i < 30; ++i) CHECK(all[i] == std::to_string(i));
        });
    }
}

TEST_CASE("waiting: a stop answers what is under way, marks the logs clean, and frees the port") {
    Bench b({}, 2);
    b.run([](Env& env) {
        Client c(env);
        create(c, "t", 2);
        produce(c, "t", 0, batch(env, {"a"}));
        c.send(12, long_poll(1, 600'000));
        env.fibers.sleep_until(env.clock.in(1s));
    });
    b.stop();
    b.world.start(b.server);
    b.run([](Env& env) {
        Client c(env);
        CHECK(values_of(fetch(c, "t", 0, 0).records).size() == 1);
    });
    b.stop();
}

TEST_CASE("waiting: deleting a topic under load leaves no loose ends") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        Bench b({}, 1 + seed % 2, seed);
        b.run([](Env& env) {
            Client writer(env), admin(env), reader(env);
            create(admin, "t", 2);
            reader.send(12, long_poll(0, 3000, 1 << 20));
            for (int i = 0; i < 20; ++i) {
                writer.send(9, produce_request("t", i % 2, batch(env, {"x"})));
            }
            remove(admin, "t");
            for (int i = 0; i < 20; ++i) writer.receive<wire::ProduceResponse>(9);
            reader.receive<wire::FetchResponse>(12);
        });
        b.stop();
    }
}
}  // namespace faultline::broker::test

// A full disk refuses writes and nothing else, until there is room; a failed sync ends the
// directory.
#include "gen/wire/metadata_response.h"
#include "tests/unit/broker/calls.h"

namespace faultline::broker::test {

TEST_CASE("storage errors: a full disk refuses produces, serves fetches, and recovers by itself") {
    Bench b;
    b.run([](Env& env) {
        Client c(env);
        create(c, "t", 1);
        CHECK(produce(c, "t", 0, batch(env, {"before"})).error_code == KafkaError::none);
    });
    b.world.disk(b.server).set_capacity(1, sim::kNoFault);
    b.run([](Env& env) {
        Client c(env);
        for (int i = 0; i < 3; ++i) {
            CHECK(produce(c, "t", 0, batch(env, {std::string(10'000, 'x')})).error_code ==
                  KafkaError::kafka_storage_error);
        }
        CHECK(values_of(fetch(c, "t", 0, 0).records) == std::vector<std::string>{"before"});
        CHECK(list(c, "t", 0, -1).offset == 1);
        // Neither can the controller write; the connection lives on.
        wire::CreateTopicsRequest request;
        request.topics.resize(1);
        request.topics[0].name = "u";
        request.topics[0].num_partitions = 1;
        request.topics[0].replication_factor = 1;
        // The quorum waits for space; whether the topic comes to be is not known.
        CHECK(c.call<wire::CreateTopicsResponse>(7, request).topics.at(0).error_code ==
              KafkaError::request_timed_out);
    });
    b.world.disk(b.server).set_capacity(std::uint64_t{1} << 40, sim::kNoFault);
    b.run([](Env& env) {
        Client c(env);
        CHECK(produce(c, "t", 0, batch(env, {"after"})).base_offset == 1);
        CHECK(values_of(fetch(c, "t", 0, 0).records) ==
              std::vector<std::string>{"before", "after"});
        create(c, "u", 1);
        CHECK(produce(c, "u", 0, batch(env, {"a"})).error_code == KafkaError::none);
    });
    b.stop();
}

TEST_CASE("storage errors: a repeat after a full disk is written once") {
    Bench b;
    b.run([](Env& env) {
        Client c(env);
        create(c, "t", 1);
        CHECK(produce(c, "t", 0, batch(env, {"r0"}, 7, 0)).error_code == KafkaError::none);
    });
    b.world.disk(b.server).set_capacity(1, sim::kNoFault);
    b.run([](Env& env) {
        Client c(env);
        CHECK(produce(c, "t", 0, batch(env, {std::string(10'000, 'x')}, 7, 1)).error_code ==
              KafkaError::kafka_storage_error);
    });
    b.world.disk(b.server).set_capacity(std::uint64_t{1} << 40, sim::kNoFault);
    b.run([](Env& env) {
        Client c(env);
        for (int again = 0; again < 2; ++again) {
            CHECK(produce(c, "t", 0, batch(env, {std::string(10'000, 'x')}, 7, 1)).base_offset ==
                  1);
        }
        CHECK(list(c, "t", 0, -1).offset == 2);
    });
}

// With several requests in flight: librdkafka takes OUT_OF_ORDER_SEQUENCE_NUMBER here as word that
// nothing of them was written, and sends all again under a new epoch.
TEST_CASE("storage errors: what comes behind a refused batch is refused alike, not out of order") {
    Bench b;
    const std::string big(10'000, 'x');
    b.run([](Env& env) {
        Client c(env);
        create(c, "t", 1);
        CHECK(produce(c, "t", 0, batch(env, {"r0"}, 7, 0)).error_code == KafkaError::none);
    });
    b.world.disk(b.server).set_capacity(1, sim::kNoFault);
    b.run([&](Env& env) {
        Client c(env);
        CHECK(produce(c, "t", 0, batch(env, {big}, 7, 1)).error_code ==
              KafkaError::kafka_storage_error);
        CHECK(produce(c, "t", 0, batch(env, {big}, 8, 0)).error_code ==
              KafkaError::kafka_storage_error);
    });
    b.world.disk(b.server).set_capacity(std::uint64_t{1} << 40, sim::kNoFault);
    b.run([&](Env& env) {
        Client c(env);
        CHECK(produce(c, "t", 0, batch(env, {big}, 7, 2)).error_code ==
              KafkaError::kafka_storage_error);
        // Nobody knows this producer yet: any sequence could be its first.
        CHECK(produce(c, "t", 0, batch(env, {big}, 8, 1)).error_code ==
              KafkaError::kafka_storage_error);
        CHECK(produce(c, "t", 0, batch(env, {big}, 7, 1)).base_offset == 1);
        CHECK(produce(c, "t", 0, batch(env, {big}, 7, 2)).base_offset == 2);
        CHECK(produce(c, "t", 0, batch(env, {big}, 8, 0)).base_offset == 3);
        CHECK(produce(c, "t", 0, batch(env, {big}, 8, 1)).base_offset == 4);
        CHECK(produce(c, "t", 0, batch(env, {big}, 7, 9)).error_code ==
              KafkaError::out_of_order_sequence_number);
    });
}

TEST_CASE("storage errors: a failed sync acknowledges nothing, then or later, until a restart") {
    Bench b;
    b.run([](Env& env) {
        Client c(env);
        create(c, "t", 1);
        CHECK(produce(c, "t", 0, batch(env, {"safe"})).error_code == KafkaError::none);
    });
    b.world.disk(b.server).fail_syncs("*.log", 1, sim::kNoFault);
    b.run([](Env& env) {
        Client c(env);
        const MonoTime start = env.clock.now();
        CHECK(produce(c, "t", 0, batch(env, {"lost"})).error_code ==
              KafkaError::kafka_storage_error);
        CHECK(env.clock.now() - start < 5s);
        CHECK(produce(c, "t", 0, batch(env, {"also"})).error_code ==
              KafkaError::kafka_storage_error);
        // What is durable is served, and no more.
        const auto got = fetch(c, "t", 0, 0);
        CHECK(got.high_watermark == 1);
        CHECK(values_of(got.records) == std::vector<std::string>{"safe"});
    });
    b.world.crash(b.server);
    b.world.start(b.server);
    b.run([](Env& env) {
        Client c(env);
        const auto all = values_of(fetch(c, "t", 0, 0).records);
        REQUIRE(!all.empty());
        CHECK(all[0] == "safe");
        CHECK(produce(c, "t", 0, batch(env, {"again"})).error_code == KafkaError::none);
    });
}

TEST_CASE("storage errors: partitions that found no room are made when there is some") {
    Bench b;
    b.run([](Env& env) { Client c(env); });
    auto& disk = b.world.disk(b.server);
    // Room for the topic's records, not for the first files of its partitions.
    disk.on_operation(sim::DiskOp::write, "*__cluster_metadata-0/*.log", 1,
                      [&] { disk.set_capacity(disk.used(), sim::kNoFault); });
    b.run([](Env& env) {
        Client c(env);
        create(c, "t", 1);
        CHECK(produce(c, "t", 0, batch(env, {"a"})).error_code == KafkaError::kafka_storage_error);
    });
    disk.set_capacity(std::uint64_t{1} << 40, sim::kNoFault);
    b.run([](Env& env) {
        Client c(env);
        env.fibers.sleep_until(env.clock.in(3s));
        CHECK(produce(c, "t", 0, batch(env, {"a"})).base_offset == 0);
    });
    b.stop();
}

TEST_CASE("storage errors: a start on a full disk waits for room, and then serves") {
    Bench b;
    b.run([](Env& env) {
        Client c(env);
        create(c, "t", 1);
        CHECK(produce(c, "t", 0, batch(env, {"before"})).base_offset == 0);
    });
    b.stop();
    auto& disk = b.world.disk(b.server);
    disk.set_capacity(disk.used(), sim::kNoFault);
    b.world.start(b.server);
    b.world.run_until(b.world.now() + 3s);
    disk.set_capacity(std::uint64_t{1} << 40, sim::kNoFault);
    b.run([](Env& env) {
        Client c(env);
        CHECK(values_of(fetch(c, "t", 0, 0).records) == std::vector<std::string>{"before"});
        CHECK(
            c.call<wire::MetadataResponse>(12, all_topics()).topics[0].partitions[0].leader_epoch ==
            2);
        CHECK(produce(c, "t", 0, batch(env, {"a"})).base_offset == 1);
        CHECK(epoch_end(c, "t", 0).end_offset == 1);
    });
    b.stop();
}

TEST_CASE("storage errors: flush.before.ack=false acknowledges from the page cache") {
    Bench b([](BrokerConfig& c) { c.topic_defaults.flush_before_ack = false; });
    b.run([](Env& env) {
        Client c(env);
        create(c, "t", 1);
    });
    b.world.disk(b.server).fail_syncs("*.log", 1000, sim::kNoFault);
    b.run([](Env& env) {
        Client c(env);
        CHECK(produce(c, "t", 0, batch(env, {"a"})).error_code == KafkaError::none);
        CHECK(fetch(c, "t", 0, 0).high_watermark == 1);
    });
}
}  // namespace faultline::broker::test

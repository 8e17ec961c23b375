// The client against a broker in memory, in the simulated world.
#include <set>

#include "core/client/admin.h"
#include "core/client/consumer.h"
#include "core/client/producer.h"
#include "tests/unit/client/rig.h"

namespace faultline::client {
namespace {
// Sends `n` records, each a batch of its own, and waits for them.
void send_each(Rig& rig, Env& env, fiber::StopToken stop, int n) {
    Producer producer(env, rig.config(), {}, [](const Delivery&) {});
    for (int i = 0; i < n; ++i) {
        OutRecord record;
        record.topic = "t";
        record.partition = 0;
        record.value = as_bytes("v");
        REQUIRE(producer.send(record, env.clock.in(10s), stop).ok());
        REQUIRE(producer.flush(env.clock.in(10s), stop).ok());
    }
    producer.close(env.clock.in(10s));
}

TEST_CASE("what is produced with each codec is consumed, in order") {
    for (const auto codec : {wire::Codec::none, wire::Codec::gzip, wire::Codec::snappy,
                             wire::Codec::lz4, wire::Codec::zstd}) {
        Rig rig;
        const auto answers = produce(rig, 1000, {.codec = codec, .batch_bytes = 4096});
        for (std::size_t i = 0; i < answers.size(); ++i) {
            REQUIRE(answers[i].error == KafkaError::none);
            REQUIRE(answers[i].offset == static_cast<std::int64_t>(i));
        }
        REQUIRE(rig.broker.log.size() > 5);
        std::vector<std::string> got;
        rig.run([&](Env& env, fiber::StopToken stop) {
            Consumer consumer(env, rig.config());
            consumer.assign("t", 0, Position::beginning());
            while (got.size() < 1000) {
                const auto n = consumer.poll(env.clock.in(10s), stop, [&](const InRecord& r) {
                    CHECK(r.record.offset == static_cast<std::int64_t>(got.size()));
                    got.emplace_back(as_text(*r.record.value));
                });
                REQUIRE(n.ok());
                REQUIRE(*n > 0);
            }
            CHECK(consumer.position("t", 0) == 1000);
            CHECK(consumer.high_watermark("t", 0) == 1000);
            consumer.close();
        });
        REQUIRE(got == rig.broker.values(0));
        REQUIRE(got[999] == "v999");
    }
}

TEST_CASE("retriable errors are retried, and the order stays") {
    Rig rig;
    rig.broker.produce_errors = {KafkaError::not_leader_or_follower, KafkaError::none,
                                 KafkaError::not_enough_replicas, KafkaError::none};
    const auto answers = produce(rig, 400, {.batch_bytes = 2048});
    for (const Delivery& d : answers) REQUIRE(d.error == KafkaError::none);
    std::vector<std::string> want;
    for (int i = 0; i < 400; ++i) want.push_back("v" + std::to_string(i));
    REQUIRE(rig.broker.values(0) == want);
    REQUIRE(rig.broker.metadatas >= 3);  // each of the two asked again
}

TEST_CASE("a lost answer is retried: a duplicate without idempotence, the same numbers with it") {
    Rig plain;
    plain.broker.swallow_produce = 1;
    REQUIRE(produce(plain, 1)[0].error == KafkaError::none);
    REQUIRE(plain.broker.values(0) == std::vector<std::string>{"v0", "v0"});
    REQUIRE(plain.broker.sequences == std::vector<std::int32_t>{-1, -1});

    Rig numbered;
    numbered.broker.serves_init_producer_id = true;
    numbered.broker.swallow_produce = 1;
    REQUIRE(produce(numbered, 1)[0].error == KafkaError::none);
    REQUIRE(numbered.broker.sequences == std::vector<std::int32_t>{0, 0});
}

TEST_CASE("a duplicate that the broker knows is a success without an offset") {
    Rig rig;
    rig.broker.produce_errors = {KafkaError::duplicate_sequence_number};
    const auto answers = produce(rig, 1);
    REQUIRE(answers[0].error == KafkaError::none);
    REQUIRE(answers[0].offset == -1);
}

TEST_CASE("an error that retrying does not heal is told at once, and is surely not written") {
    Rig rig;
    rig.broker.produce_errors = {KafkaError::message_too_large};
    const auto answers = produce(rig, 1);
    REQUIRE(answers[0].error == KafkaError::message_too_large);
    REQUIRE(!answers[0].maybe_written);
    REQUIRE(rig.broker.produces == 1);
}

TEST_CASE("a batch that is too large is split, in order and under the numbers that it had") {
    Rig rig;
    rig.broker.serves_init_producer_id = true;
    rig.broker.largest_batch = 150;
    const auto answers = produce(rig, 20);
    std::vector<std::string> want;
    for (int i = 0; i < 20; ++i) want.push_back("v" + std::to_string(i));
    REQUIRE(rig.broker.values(0) == want);
    for (std::size_t i = 0; i < answers.size(); ++i) {
        REQUIRE(answers[i].error == KafkaError::none);
        REQUIRE(answers[i].offset == static_cast<std::int64_t>(i));
    }
    REQUIRE(rig.broker.sequences == std::vector<std::int32_t>{0, 5, 10, 15});
}

TEST_CASE("no answer until the delivery time-out: failed, but maybe written") {
    Rig rig;
    rig.broker.produce_delay = 100s;
    const auto answers = produce(rig, 1, {.delivery_timeout = 5s});
    REQUIRE(answers[0].error == KafkaError::request_timed_out);
    REQUIRE(answers[0].maybe_written);
}

TEST_CASE("acks=0 is answered without an offset when it is sent") {
    Rig rig;
    const auto answers = produce(rig, 3, {.acks = 0});
    for (const Delivery& d : answers) {
        REQUIRE(d.error == KafkaError::none);
        REQUIRE(d.offset == -1);
    }
}

TEST_CASE("a broker that knows only ApiVersions 0 is spoken to") {
    Rig rig;
    rig.broker.newest_api_versions = 0;
    REQUIRE(produce(rig, 1)[0].error == KafkaError::none);
    REQUIRE(rig.broker.api_versions_asked == std::vector<std::int16_t>{4, 0});
}

TEST_CASE("records without a partition go to all of them, those with a key to its own") {
    Rig rig;
    rig.broker.partitions = 4;
    const auto answers = produce(rig, 500, {.batch_bytes = 512}, std::nullopt);
    std::set<std::int32_t> used;
    for (const Delivery& d : answers) used.insert(d.partition);
    REQUIRE(used.size() == 4);
}

TEST_CASE("partitions that are added are found after metadata_max_age, and not asked for before") {
    Rig rig;
    rig.run([&](Env& env, fiber::StopToken stop) {
        auto config = rig.config();
        config.metadata_max_age = 60s;
        Cluster cluster(env, config);
        CHECK(*cluster.partitions("t", env.clock.in(5s), stop) == 1);
        rig.broker.partitions = 3;
        env.fibers.sleep_until(env.clock.in(50s));
        CHECK(*cluster.partitions("t", env.clock.in(5s), stop) == 1);
        CHECK(rig.broker.metadatas == 1);
        env.fibers.sleep_until(env.clock.in(20s));
        CHECK(*cluster.partitions("t", env.clock.in(5s), stop) == 3);
        CHECK(*cluster.partitions("t", env.clock.in(5s), stop) == 3);
        CHECK(rig.broker.metadatas == 2);
        cluster.close();
    });
}

TEST_CASE("a topic that is not there is not_found when the time is up") {
    Rig rig;
    rig.run([&](Env& env, fiber::StopToken stop) {
        Producer producer(env, rig.config(), {});
        OutRecord record;
        record.topic = "nope";
        CHECK(producer.send(record, env.clock.in(2s), stop).code() == Errc::not_found);
        record.topic = "t";
        record.partition = 7;
        CHECK(producer.send(record, env.clock.in(2s), stop).code() == Errc::not_found);
        producer.close(env.clock.in(1s));
        CHECK(producer.send(record, env.clock.in(2s), stop).code() == Errc::closed);
    });
}

TEST_CASE("send() parks while the buffer is full") {
    Rig rig;
    rig.broker.produce_delay = 1s;
    rig.run([&](Env& env, fiber::StopToken stop) {
        Producer producer(env, rig.config(), {.batch_bytes = 512, .buffer_bytes = 1000});
        const std::string value(400, 'x');
        OutRecord record;
        record.topic = "t";
        record.partition = 0;
        record.value = as_bytes(value);
        REQUIRE(producer.send(record, env.clock.in(10s), stop).ok());
        REQUIRE(producer.send(record, env.clock.in(10s), stop).ok());
        CHECK(producer.send(record, env.clock.in(100ms), stop).code() == Errc::timed_out);
        const MonoTime before = env.clock.now();
        CHECK(producer.send(record, env.clock.in(10s), stop).ok());
        CHECK(env.clock.now() - before > 500ms);
        const std::string huge(2000, 'y');
        record.value = as_bytes(huge);
        CHECK(producer.send(record, env.clock.in(10s), stop).code() == Errc::too_large);
        producer.close(env.clock.in(30s));
    });
    REQUIRE(rig.broker.values(0).size() == 3);
}

TEST_CASE("a broker that restarts is found again") {
    Rig rig;
    const NodeId node = rig.broker_node;
    rig.world.at(MonoTime{} + 2s, [&] { rig.world.crash(node); });
    rig.world.at(MonoTime{} + 5s, [&] { rig.world.start(node); });
    rig.run([&](Env& env, fiber::StopToken stop) {
        int good = 0;
        Producer producer(env, rig.config(), {},
                          [&](const Delivery& d) { good += d.error == KafkaError::none; });
        for (int i = 0; i < 100; ++i) {
            OutRecord record;
            record.topic = "t";
            record.partition = 0;
            record.value = as_bytes("x");
            REQUIRE(producer.send(record, env.clock.in(10s), stop).ok());
            env.fibers.sleep_until(env.clock.in(100ms), stop);
        }
        CHECK(producer.flush(env.clock.in(60s), stop).ok());
        CHECK(good == 100);
        producer.close(env.clock.in(1s));
    });
    REQUIRE(rig.broker.connections >= 2);
}

TEST_CASE("positions: offset, end, a time after the last record") {
    Rig rig;
    produce(rig, 10);
    rig.run([&](Env& env, fiber::StopToken stop) {
        Consumer consumer(env, rig.config());
        std::vector<std::int64_t> got;
        const auto take = [&](const InRecord& r) { got.push_back(r.record.offset); };
        consumer.assign("t", 0, Position::at(7));  // inside the batch
        REQUIRE(consumer.poll(env.clock.in(5s), stop, take).ok());
        CHECK(got == std::vector<std::int64_t>{7, 8, 9});
        const MonoTime before = env.clock.now();
        const auto none = consumer.poll(env.clock.in(3s), stop, take);
        REQUIRE(none.ok());
        CHECK(*none == 0);
        CHECK(env.clock.now() - before >= 3s);
        const auto end = consumer.find_offset("t", 0, Position::end(), env.clock.in(5s), stop);
        REQUIRE(end.ok());
        CHECK(*end == 10);
        const auto late = consumer.find_offset("t", 0, Position::timestamp(INT64_MAX - 1),
                                               env.clock.in(5s), stop);
        REQUIRE(late.ok());
        CHECK(*late == 10);
        consumer.close();
    });
}

TEST_CASE("a paused partition gives nothing and stays where it is; seek keeps it paused") {
    Rig rig;
    produce(rig, 10);
    rig.run([&](Env& env, fiber::StopToken stop) {
        Consumer consumer(env, rig.config());
        std::vector<std::int64_t> got;
        const auto take = [&](const InRecord& r) {
            got.push_back(r.record.offset);
            if (r.record.offset == 4) CHECK(consumer.pause("t", 0));
        };
        CHECK(!consumer.pause("t", 0));
        CHECK(!consumer.seek("t", 0, Position::at(2)));
        consumer.assign("t", 0, Position::at(3));
        REQUIRE(consumer.poll(env.clock.in(5s), stop, take).ok());
        CHECK(got == std::vector<std::int64_t>{3, 4});
        CHECK(consumer.position("t", 0) == 5);
        const auto none = consumer.poll(env.clock.in(3s), stop, take);
        REQUIRE(none.ok());
        CHECK(*none == 0);
        CHECK(consumer.seek("t", 0, Position::at(8)));
        CHECK(*consumer.poll(env.clock.in(1s), stop, take) == 0);
        CHECK(consumer.resume("t", 0));
        REQUIRE(consumer.poll(env.clock.in(5s), stop, take).ok());
        CHECK(got == std::vector<std::int64_t>{3, 4, 8, 9});
        consumer.close();
    });
}

TEST_CASE("read_committed shows no record of an aborted transaction; otherwise all but markers") {
    constexpr std::int16_t kIn = 16, kMarker = 16 | 32;
    for (const bool committed : {false, true}) {
        Rig rig;
        const auto put = [&](std::int64_t producer, std::int16_t bits, std::string key,
                             std::string value) {
            const auto at = static_cast<std::int64_t>(rig.broker.log.size());
            wire::BatchBuilder b;
            b.add(1, as_bytes(key), as_bytes(value));
            if (producer >= 0) b.set_producer(producer, 0, 0);
            b.set_attributes(bits);
            b.set_base_offset(at);
            rig.broker.log.push_back({0, at, b.finish(wire::Codec::none)});
            rig.broker.ends = {at + 1};
        };
        const std::string abort(4, '\0'), commit("\0\0\0\1", 4);
        put(-1, 0, "", "plain");
        put(7, kIn, "", "aborted");
        put(8, kIn, "", "committed");
        put(7, kMarker, abort, "");
        put(8, kMarker, commit, "");
        put(7, kIn, "", "later");
        put(7, kMarker, commit, "");
        rig.broker.aborted = {{7, 1}};
        std::vector<std::string> got;
        rig.run([&](Env& env, fiber::StopToken stop) {
            Consumer consumer(env, rig.config(), {.read_committed = committed});
            consumer.assign("t", 0, Position::beginning());
            REQUIRE(
                consumer
                    .poll(env.clock.in(5s), stop,
                          [&](const InRecord& r) { got.emplace_back(as_text(*r.record.value)); })
                    .ok());
            CHECK(consumer.position("t", 0) == 7);
            consumer.close();
        });
        if (committed) {
            CHECK(got == std::vector<std::string>{"plain", "committed", "later"});
        } else {
            CHECK(got == std::vector<std::string>{"plain", "aborted", "committed", "later"});
        }
    }
}

TEST_CASE("a position out of range follows the policy") {
    Rig rig;
    produce(rig, 3);
    rig.run([&](Env& env, fiber::StopToken stop) {
        for (const OffsetReset policy : {OffsetReset::beginning, OffsetReset::fail}) {
            Consumer consumer(env, rig.config(), {.out_of_range = policy});
            std::vector<std::int64_t> got;
            rig.broker.fetch_out_of_range = 1;
            consumer.assign("t", 0, Position::at(99));
            const auto n = consumer.poll(
                env.clock.in(5s), stop, [&](const InRecord& r) { got.push_back(r.record.offset); });
            if (policy == OffsetReset::fail) {
                CHECK(n.code() == Errc::not_found);
            } else {
                REQUIRE(n.ok());
                CHECK(got == std::vector<std::int64_t>{0, 1, 2});
            }
            consumer.close();
        }
    });
}

TEST_CASE("a new leader's shorter log is noticed, though it has grown again (KIP-320)") {
    for (const OffsetReset policy : {OffsetReset::beginning, OffsetReset::fail}) {
        Rig rig;
        rig.broker.leader_epoch = 3;
        rig.run([&](Env& env, fiber::StopToken stop) {
            send_each(rig, env, stop, 6);
            Consumer consumer(env, rig.config(), {.out_of_range = policy});
            std::vector<std::int64_t> got;
            const auto take = [&](const InRecord& r) { got.push_back(r.record.offset); };
            consumer.assign("t", 0, Position::beginning());
            REQUIRE(consumer.poll(env.clock.in(5s), stop, take).ok());
            CHECK(got.size() == 6);
            rig.broker.elect(4);
            send_each(rig, env, stop, 5);  // offsets 4 to 8
            got.clear();
            const auto n = consumer.poll(env.clock.in(5s), stop, take);
            CHECK(rig.broker.epochs_asked == 1);
            if (policy == OffsetReset::fail) {
                CHECK(n.code() == Errc::not_found);
            } else {
                REQUIRE(n.ok());
                CHECK(got == std::vector<std::int64_t>{4, 5, 6, 7, 8});
            }
            consumer.close();
        });
    }
}

TEST_CASE("a new leader that has everything is read on") {
    Rig rig;
    rig.broker.leader_epoch = 3;
    rig.run([&](Env& env, fiber::StopToken stop) {
        send_each(rig, env, stop, 3);
        Consumer consumer(env, rig.config(), {.out_of_range = OffsetReset::fail});
        std::vector<std::int64_t> got;
        const auto take = [&](const InRecord& r) { got.push_back(r.record.offset); };
        consumer.assign("t", 0, Position::at(1));
        REQUIRE(consumer.poll(env.clock.in(5s), stop, take).ok());
        rig.broker.elect(3);
        send_each(rig, env, stop, 1);
        REQUIRE(consumer.poll(env.clock.in(5s), stop, take).ok());
        CHECK(got == std::vector<std::int64_t>{1, 2, 3});
        CHECK(rig.broker.epochs_asked == 1);
        consumer.close();
    });
}

TEST_CASE("a damaged batch is corrupt, never delivered, and the position stays") {
    Rig rig;
    produce(rig, 3);
    rig.broker.corrupt_fetch = true;
    rig.run([&](Env& env, fiber::StopToken stop) {
        Consumer consumer(env, rig.config());
        consumer.assign("t", 0, Position::at(0));
        int got = 0;
        CHECK(consumer.poll(env.clock.in(5s), stop, [&](const InRecord&) { ++got; }).code() ==
              Errc::corrupt);
        CHECK(got == 0);
        CHECK(consumer.position("t", 0) == 0);
        rig.broker.corrupt_fetch = false;
        REQUIRE(consumer.poll(env.clock.in(5s), stop, [&](const InRecord&) { ++got; }).ok());
        CHECK(got == 3);
        consumer.close();
    });
}

TEST_CASE("nobody listens: timed_out at the deadline, not before, not much later") {
    sim::Recorder recorder;
    sim::World world(3, recorder);
    bool done = false;
    const NodeId node = world.add_node("client", 1, [&](Env& env, fiber::StopToken stop) {
        ClientConfig config;
        config.bootstrap = {{"client", 1}};
        Admin admin(env, config);
        const MonoTime before = env.clock.now();
        CHECK(admin.describe(env.clock.in(2s), stop).code() == Errc::timed_out);
        CHECK(env.clock.now() - before >= 2s);
        CHECK(env.clock.now() - before < 3s);
        admin.close();
        done = true;
    });
    world.start(node);
    world.run_until(MonoTime{} + 10s);
    REQUIRE(done);
}

TEST_CASE("killed anywhere, the client's fibers end without a word") {
    for (int ms = 0; ms < 400; ms += 7) {
        Rig rig;
        rig.broker.produce_delay = 3ms;
        const NodeId victim = rig.world.add_node("victim", 1, [&](Env& env, fiber::StopToken stop) {
            Producer producer(env, rig.config(), {.linger = 1ms});
            OutRecord record;
            record.topic = "t";
            record.value = as_bytes("x");
            while (producer.send(record, env.clock.in(10s), stop).ok()) {
                env.fibers.sleep_until(env.clock.in(1ms), stop);
            }
            producer.close(env.clock.in(1s));
        });
        rig.world.start(rig.broker_node);
        rig.world.start(victim);
        rig.world.run_until(MonoTime{} + std::chrono::milliseconds(ms));
        rig.world.crash(victim);
        rig.world.run_until(MonoTime{} + 1s);
        REQUIRE(!rig.world.running(victim));
    }
}
}  // namespace
}  // namespace faultline::client

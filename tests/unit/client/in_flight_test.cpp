// A producer with several batches under way.
#include "tests/unit/client/rig.h"

namespace faultline::client {
namespace {

std::vector<std::string> values_up_to(int n) {
    std::vector<std::string> all;
    for (int i = 0; i < n; ++i) all.push_back("v" + std::to_string(i));
    return all;
}

// One record a batch: the answers, and how long all of it took.
struct Outcome {
    std::vector<Delivery> answers;
    Duration took{};
};
Outcome produce_each(Rig& rig, int n, ProducerConfig config) {
    config.batch_bytes = 1;
    config.linger = Duration{0};
    const MonoTime before = rig.world.now();
    Outcome out;
    out.answers = produce(rig, n, config);
    out.took = rig.world.now() - before;
    return out;
}

TEST_CASE("five are under way: a fifth of the waiting") {
    const auto took = [](std::size_t in_flight) {
        // The broker of this test takes requests one by one, so it is the wire that is slow.
        sim::WorldOptions far;
        far.network.distances.same_rack.latency = {
            .shape = sim::Latency::Shape::constant, .min = 50ms, .max = 50ms};
        Rig rig(far);
        rig.broker.serves_init_producer_id = rig.broker.keeps_numbers = true;
        const auto out = produce_each(rig, 50, {.in_flight = in_flight});
        REQUIRE(rig.broker.values(0) == values_up_to(50));
        return out.took;
    };
    const Duration one = took(1), five = took(5);
    REQUIRE(one > 50 * 100ms);
    REQUIRE(five < one / 3);
}

TEST_CASE(
    "a refusal in the middle: those behind it are refused for their numbers, and all go again") {
    Rig rig;
    rig.broker.serves_init_producer_id = rig.broker.keeps_numbers = true;
    rig.broker.produce_errors = {KafkaError::none, KafkaError::none,
                                 KafkaError::not_enough_replicas, KafkaError::none,
                                 KafkaError::not_leader_or_follower};
    const auto out = produce_each(rig, 30, {});
    for (const Delivery& d : out.answers) REQUIRE(d.error == KafkaError::none);
    REQUIRE(rig.broker.values(0) == values_up_to(30));
    REQUIRE(rig.broker.epochs.back() == 0);
}

TEST_CASE("a connection that breaks with five under way loses nothing and doubles nothing") {
    Rig rig;
    rig.broker.serves_init_producer_id = rig.broker.keeps_numbers = true;
    rig.broker.swallow_produce = 3;
    const auto out = produce_each(rig, 30, {});
    for (std::size_t i = 0; i < out.answers.size(); ++i) {
        REQUIRE(out.answers[i].error == KafkaError::none);
        REQUIRE(out.answers[i].offset == static_cast<std::int64_t>(i));
    }
    REQUIRE(rig.broker.values(0) == values_up_to(30));
}

TEST_CASE("a broker that has forgotten the numbers: the epoch rises, and the order stays") {
    Rig rig;
    rig.broker.serves_init_producer_id = rig.broker.keeps_numbers = true;
    rig.broker.produce_errors = {KafkaError::none, KafkaError::unknown_producer_id};
    const auto out = produce_each(rig, 20, {});
    for (const Delivery& d : out.answers) REQUIRE(d.error == KafkaError::none);
    REQUIRE(rig.broker.values(0) == values_up_to(20));
    REQUIRE(rig.broker.epochs.front() == 0);
    REQUIRE(rig.broker.epochs.back() == 1);
}

TEST_CASE("an error for good fails its own batch; the others are numbered anew and written") {
    Rig rig;
    rig.broker.serves_init_producer_id = rig.broker.keeps_numbers = true;
    rig.broker.produce_errors = {KafkaError::none, KafkaError::invalid_record};
    const auto out = produce_each(rig, 10, {});
    REQUIRE(out.answers[1].error == KafkaError::invalid_record);
    REQUIRE(!out.answers[1].maybe_written);
    auto want = values_up_to(10);
    want.erase(want.begin() + 1);
    REQUIRE(rig.broker.values(0) == want);
}

TEST_CASE("a record alone leaves after its linger, whatever was there before") {
    Rig rig;
    rig.broker.serves_init_producer_id = rig.broker.keeps_numbers = true;
    std::vector<Duration> took;
    rig.run([&](Env& env, fiber::StopToken stop) {
        MonoTime sent{};
        Producer producer(env, rig.config(), {.linger = 20ms}, [&](const Delivery& d) {
            REQUIRE(d.error == KafkaError::none);
            took.push_back(env.clock.now() - sent);
        });
        for (std::size_t i = 0; i < 4; ++i) {
            OutRecord record;
            record.topic = "t";
            record.partition = 0;
            record.value = as_bytes("v");
            sent = env.clock.now();
            REQUIRE(producer.send(record, env.clock.in(10s), stop).ok());
            env.fibers.sleep_until(env.clock.in(1s), stop);
            REQUIRE(took.size() == i + 1);
        }
        producer.close(env.clock.in(10s));
    });
    for (std::size_t i = 1; i < took.size(); ++i) CHECK(took[i] < 40ms);
}

TEST_CASE("a batch over the segment's size is split, with others under way behind it") {
    Rig rig;
    rig.broker.serves_init_producer_id = rig.broker.keeps_numbers = true;
    rig.broker.largest_batch = 150;
    rig.broker.refusal_of_size = KafkaError::record_list_too_large;
    const auto answers = produce(rig, 100, {.batch_bytes = 400});
    for (const Delivery& d : answers) REQUIRE(d.error == KafkaError::none);
    REQUIRE(rig.broker.values(0) == values_up_to(100));
    REQUIRE(rig.broker.epochs.back() == 0);
}
}  // namespace
}  // namespace faultline::client

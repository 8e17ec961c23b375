// What clients trip over: a test for each trap of the reference notes that concerns a served API.
#include "gen/wire/api_versions_request.h"
#include "gen/wire/api_versions_response.h"
#include "gen/wire/init_producer_id_request.h"
#include "gen/wire/init_producer_id_response.h"
#include "gen/wire/metadata_request.h"
#include "gen/wire/metadata_response.h"
#include "tests/unit/broker/calls.h"

namespace faultline::broker::test {
namespace {

wire::ApiVersionsRequest versions_request(std::string name = "test", std::string version = "1.0") {
    wire::ApiVersionsRequest r;
    r.client_software_name = std::move(name);
    r.client_software_version = std::move(version);
    return r;
}

wire::MetadataRequest metadata_of(const std::string& topic, bool may_create = true) {
    wire::MetadataRequest r;
    r.topics.emplace();
    r.topics->resize(1);
    (*r.topics)[0].name = topic;
    r.allow_auto_topic_creation = may_create;
    return r;
}

OutBuf frame_of(std::int16_t api, std::int16_t version, std::string_view rest) {
    wire::Writer out;
    out.i16(api);
    out.i16(version);
    out.i32(77);
    out.i16(-1);
    out.copy(as_bytes(rest));
    return rpc::make_frame(OutBuf(out.finish().to_iobuf()));
}
}  // namespace

TEST_CASE("traps: Produce is advertised from 0 though 0 to 2 are refused") {
    Bench b;
    b.run([](Env& env) {
        Client c(env);
        const auto answer = c.call<wire::ApiVersionsResponse>(3, versions_request());
        CHECK(answer.error_code == KafkaError::none);
        std::map<int, std::pair<int, int>> ranges;
        for (const auto& k : answer.api_keys) ranges[k.api_key] = {k.min_version, k.max_version};
        CHECK(ranges.at(0) == std::pair{0, 13});
        CHECK(ranges.at(1) == std::pair{4, 18});
        CHECK(ranges.at(2) == std::pair{1, 11});
        CHECK(ranges.at(3) == std::pair{0, 13});
        CHECK(ranges.at(18) == std::pair{0, 4});
        CHECK(ranges.at(19) == std::pair{2, 7});
        CHECK(ranges.at(20) == std::pair{1, 6});
        CHECK(ranges.at(21) == std::pair{0, 2});
        CHECK(ranges.at(22) == std::pair{0, 5});
        CHECK(ranges.at(32) == std::pair{1, 4});
        CHECK(ranges.at(75) == std::pair{0, 0});
        CHECK(ranges.at(37) == std::pair{0, 3});
        CHECK(ranges.at(35) == std::pair{1, 5});
        CHECK(ranges.at(61) == std::pair{0, 0});
        CHECK(ranges.at(60) == std::pair{0, 2});
        CHECK(!ranges.contains(71));  // telemetry: clients send it whenever it is there
        c.raw(frame_of(0, 2, ""));
        CHECK(c.closed());
    });
}

TEST_CASE("traps: an unknown version of ApiVersions is answered at version 0 with error 35") {
    Bench b;
    b.run([](Env& env) {
        Client c(env);
        for (const std::int16_t v : {std::int16_t{5}, std::int16_t{99}, std::int16_t{-1}}) {
            Client d(env);
            d.raw(frame_of(18, v, "\x01\x01\x01"));
            rpc::FrameReader reader(*d.conn, 1000);
            const auto frame = reader.next(env.clock.in(60s));
            REQUIRE(frame.ok());
            wire::Reader in(*frame);
            CHECK(in.i32() == 77);  // header version 0: the correlation id alone
            wire::ApiVersionsResponse answer;
            answer.decode(in, {0});
            CHECK(in.ok());
            CHECK(in.remaining() == 0);
            CHECK(answer.error_code == KafkaError::unsupported_version);
            REQUIRE(answer.api_keys.size() == 1);
            CHECK(answer.api_keys[0].api_key == 18);
            CHECK(answer.api_keys[0].max_version == 4);
        }
        for (std::int16_t v = 0; v <= 4; ++v) {
            CHECK(c.call<wire::ApiVersionsResponse>(v, versions_request()).api_keys.size() >= 8);
        }
    });
}

TEST_CASE("traps: software names are checked from version 3 on") {
    Bench b;
    b.run([](Env& env) {
        Client c(env);
        for (const char* good : {"a", "librdkafka", "a.b-c9"}) {
            CHECK(c.call<wire::ApiVersionsResponse>(3, versions_request(good)).error_code ==
                  KafkaError::none);
        }
        for (const char* bad : {"", "-a", "a-", "a b", "a_b"}) {
            INFO(bad);
            CHECK(c.call<wire::ApiVersionsResponse>(3, versions_request(bad)).error_code ==
                  KafkaError::invalid_request);
            CHECK(c.call<wire::ApiVersionsResponse>(3, versions_request("a", bad)).error_code ==
                  KafkaError::invalid_request);
        }
    });
}

TEST_CASE("traps: Metadata makes topics when it may, and says why when the name is bad") {
    Bench b;
    b.run([](Env& env) {
        Client c(env);
        const auto first = [&](std::int16_t v, const wire::MetadataRequest& r) {
            return c.call<wire::MetadataResponse>(v, r).topics.at(0);
        };
        CHECK(first(12, metadata_of("t", false)).error_code ==
              KafkaError::unknown_topic_or_partition);
        CHECK(first(12, metadata_of("bad name")).error_code == KafkaError::invalid_topic_exception);
        const auto made = first(12, metadata_of("t"));
        CHECK(made.error_code == KafkaError::none);
        REQUIRE(made.partitions.size() == 1);
        CHECK(made.partitions[0].leader_id == 1);
        CHECK(made.partitions[0].leader_epoch >= 0);
        // It can be used at once.
        CHECK(produce(c, "t", 0, batch(env, {"a"})).error_code == KafkaError::none);
        for (std::int16_t v = 0; v <= 13; ++v) {
            const auto m = c.call<wire::MetadataResponse>(v, metadata_of("t"));
            CHECK(m.topics.at(0).partitions.size() == 1);
            REQUIRE(m.brokers.size() == 1);
            CHECK(m.brokers[0].host == "n1");
            CHECK(m.brokers[0].port == 9092);
        }
        // All topics: null from version 1 on, empty at version 0; empty later means none.
        wire::MetadataRequest none;
        none.topics.emplace();
        CHECK(c.call<wire::MetadataResponse>(0, none).topics.size() == 1);
        CHECK(c.call<wire::MetadataResponse>(1, none).topics.empty());
        none.topics.reset();
        CHECK(c.call<wire::MetadataResponse>(9, none).topics.size() == 1);
        // By id.
        wire::MetadataRequest by_id;
        by_id.topics.emplace();
        by_id.topics->resize(2);
        (*by_id.topics)[0].topic_id = made.topic_id;
        (*by_id.topics)[1].topic_id = Uuid{5, 5};
        const auto m = c.call<wire::MetadataResponse>(12, by_id);
        CHECK(*m.topics.at(0).name == "t");
        CHECK(m.topics.at(1).error_code == KafkaError::unknown_topic_id);
    });
}

TEST_CASE("traps: auto.create.topics.enable=false makes none") {
    Bench b([](BrokerConfig& c) { c.auto_create_topics = false; });
    b.run([](Env& env) {
        Client c(env);
        CHECK(c.call<wire::MetadataResponse>(12, metadata_of("t")).topics.at(0).error_code ==
              KafkaError::unknown_topic_or_partition);
    });
}

TEST_CASE("traps: an API that is not served, or bytes that are none, close only their connection") {
    Bench b;
    b.run([](Env& env) {
        Client other(env);
        create(other, "t", 1);
        const auto refused = [&](OutBuf bytes) {
            Client c(env);
            c.raw(std::move(bytes));
            CHECK(c.closed());
            CHECK(produce(other, "t", 0, batch(env, {"a"})).error_code == KafkaError::none);
        };
        refused(frame_of(99, 0, ""));
        refused(frame_of(11, 5, ""));     // JoinGroup: known to Kafka, not served
        refused(frame_of(3, 14, ""));     // Metadata beyond its range
        refused(frame_of(3, 9, "\xff"));  // a tagged section that does not end
        refused(frame_of(1, 4, "short"));
        const std::byte huge[] = {std::byte{0x7f}, std::byte{0xff}, std::byte{0xff},
                                  std::byte{0xff}};
        refused(OutBuf(IoBuf::copy_of(huge)));
    });
}

TEST_CASE("traps: an idempotent producer gets an id, and its repeats are written once") {
    Bench b({}, 2);
    b.run([](Env& env) {
        Client c(env);
        create(c, "t", 1);
        std::int64_t last = -1;
        for (std::int16_t v = 0; v <= 5; ++v) {
            const auto id = c.call<wire::InitProducerIdResponse>(
                v, wire::InitProducerIdRequest{.transactional_id = std::nullopt});
            CHECK(id.error_code == KafkaError::none);
            CHECK(id.producer_id > last);
            CHECK(id.producer_epoch == 0);
            last = id.producer_id;
        }
        for (int i = 0; i < 3; ++i) {
            for (int again = 0; again < 2; ++again) {
                const auto p = produce(c, "t", 0, batch(env, {"r" + std::to_string(i)}, last, i));
                CHECK(p.error_code == KafkaError::none);
                CHECK(p.base_offset == i);
            }
        }
        CHECK(produce(c, "t", 0, batch(env, {"gap"}, last, 9)).error_code ==
              KafkaError::out_of_order_sequence_number);
        CHECK(values_of(fetch(c, "t", 0, 0).records) == std::vector<std::string>{"r0", "r1", "r2"});
    });
    // The broker remembers over a crash, and gives no id twice.
    b.world.crash(b.server);
    b.world.start(b.server);
    b.run([](Env& env) {
        Client c(env);
        CHECK(produce(c, "t", 0, batch(env, {"r2"}, 5, 2)).base_offset == 2);
        CHECK(produce(c, "t", 0, batch(env, {"r3"}, 5, 3)).base_offset == 3);
        const auto id = c.call<wire::InitProducerIdResponse>(
            4, wire::InitProducerIdRequest{.transactional_id = std::nullopt});
        CHECK(id.producer_id > 5);
    });
}
}  // namespace faultline::broker::test

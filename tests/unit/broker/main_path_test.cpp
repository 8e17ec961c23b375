#include "gen/wire/api_versions_request.h"
#include "gen/wire/api_versions_response.h"
#include "gen/wire/create_topics_request.h"
#include "gen/wire/create_topics_response.h"
#include "gen/wire/delete_topics_request.h"
#include "gen/wire/delete_topics_response.h"
#include "gen/wire/metadata_request.h"
#include "gen/wire/metadata_response.h"
#include "tests/unit/broker/calls.h"

namespace faultline::broker::test {

TEST_CASE("broker: what is produced is fetched, on one shard and on three") {
    for (const unsigned shards : {1U, 3U}) {
        for (std::uint64_t seed = 1; seed <= 5; ++seed) {
            Bench b({}, shards, seed);
            b.run([](Env& env) {
                Client c(env);
                create(c, "t", 4);
                for (int p = 0; p < 4; ++p) {
                    for (int i = 0; i < 3; ++i) {
                        const auto answer =
                            produce(c, "t", p, batch(env, {"a" + std::to_string(i), "b"}));
                        CHECK(answer.error_code == KafkaError::none);
                        CHECK(answer.base_offset == 2 * i);
                    }
                }
                for (int p = 0; p < 4; ++p) {
                    const auto got = fetch(c, "t", p, 0);
                    CHECK(got.error_code == KafkaError::none);
                    CHECK(got.high_watermark == 6);
                    CHECK(values_of(got.records) ==
                          std::vector<std::string>{"a0", "b", "a1", "b", "a2", "b"});
                }
            });
            b.stop();
        }
    }
}

TEST_CASE("broker: a fetch of all partitions at once keeps their order and the byte limit") {
    Bench b({}, 3);
    b.run([](Env& env) {
        Client c(env);
        create(c, "t", 6);
        for (int p = 0; p < 6; ++p) produce(c, "t", p, batch(env, {std::string(1000, 'a')}));
        auto request = fetch_request("t", 0, 0);
        for (int p = 1; p < 6; ++p) {
            auto part = request.topics[0].partitions[0];
            part.partition = p;
            request.topics[0].partitions.push_back(part);
        }
        const auto all = c.call<wire::FetchResponse>(12, request);
        REQUIRE(all.responses[0].partitions.size() == 6);
        for (int p = 0; p < 6; ++p) {
            CHECK(all.responses[0].partitions[p].partition_index == p);
            CHECK(values_of(all.responses[0].partitions[p].records).size() == 1);
        }
        // One batch always comes, however small the limit.
        request.max_bytes = 1;
        const auto one = c.call<wire::FetchResponse>(12, request);
        std::size_t bytes = 0;
        for (const auto& p : one.responses[0].partitions) bytes += p.records.size();
        CHECK(bytes > 1000);
    });
}

TEST_CASE("broker: every version of Produce and Fetch") {
    Bench b;
    b.run([](Env& env) {
        Client c(env);
        const Uuid id = create(c, "t", 1);
        std::int64_t end = 0;
        for (std::int16_t v = wire::ProduceRequest::min.v; v <= wire::ProduceRequest::max.v; ++v) {
            auto request = produce_request("t", 0, batch(env, {"v" + std::to_string(v)}));
            if (v >= 13) {
                request.topic_data[0].name.clear();
                request.topic_data[0].topic_id = id;
            }
            const auto answer = c.call<wire::ProduceResponse>(v, request);
            CHECK(answer.responses[0].partition_responses[0].error_code == KafkaError::none);
            CHECK(answer.responses[0].partition_responses[0].base_offset == end++);
        }
        for (std::int16_t v = wire::FetchRequest::min.v; v <= wire::FetchRequest::max.v; ++v) {
            auto request = fetch_request("t", 0, 0);
            if (v >= 13) {
                request.topics[0].topic.clear();
                request.topics[0].topic_id = id;
            }
            const auto answer = c.call<wire::FetchResponse>(v, request);
            CHECK(values_of(answer.responses[0].partitions[0].records).size() == 11);
            CHECK(answer.session_id == 0);
            CHECK(answer.responses[0].partitions[0].preferred_read_replica == -1);
        }
    });
}

TEST_CASE("broker: acks=0 is silent, and closes when the write was refused") {
    Bench b;
    b.run([](Env& env) {
        Client c(env);
        create(c, "t", 1);
        auto request = produce_request("t", 0, batch(env, {"a"}));
        request.acks = 0;
        // Metadata comes back first: nothing stands before it.
        c.send_silent(9, request);
        CHECK(!c.call<wire::MetadataResponse>(9, all_topics()).topics.empty());
        CHECK(values_of(fetch(c, "t", 0, 0).records).size() == 1);
        request.topic_data[0].name = "unknown";
        c.send_silent(9, request);
        CHECK(c.closed());
    });
}

TEST_CASE("broker: refused produces say why") {
    Bench b([](BrokerConfig& c) { c.topic_defaults.max_message_bytes = 500; });
    b.run([](Env& env) {
        Client c(env);
        create(c, "t", 1);
        CHECK(produce(c, "nope", 0, batch(env, {"a"})).error_code ==
              KafkaError::unknown_topic_or_partition);
        CHECK(produce(c, "t", 1, batch(env, {"a"})).error_code ==
              KafkaError::unknown_topic_or_partition);
        CHECK(produce(c, "t", -1, batch(env, {"a"})).error_code ==
              KafkaError::unknown_topic_or_partition);
        CHECK(produce(c, "t", 0, batch(env, {std::string(1000, 'x')})).error_code ==
              KafkaError::message_too_large);
        CHECK(produce(c, "t", 0, IoBuf{}).error_code == KafkaError::invalid_record);
        IoBuf two = batch(env, {"a"});
        two.append(batch(env, {"b"}));
        CHECK(produce(c, "t", 0, two).error_code == KafkaError::invalid_record);
        std::string bytes = batch(env, {"abc"}).copy_string();
        bytes.back() ^= 1;
        CHECK(produce(c, "t", 0, IoBuf::copy_of(as_bytes(bytes))).error_code ==
              KafkaError::corrupt_message);
        CHECK(produce(c, "t", 0, batch(env, {"a"}, -1, -1, env.clock.wall().ms + 7'200'000))
                  .error_code == KafkaError::invalid_timestamp);
        auto acks = produce_request("t", 0, batch(env, {"a"}));
        acks.acks = 2;
        CHECK(
            c.call<wire::ProduceResponse>(9, acks).responses[0].partition_responses[0].error_code ==
            KafkaError::invalid_required_acks);
        CHECK(fetch(c, "t", 0, 0).high_watermark == 0);  // nothing of all that was written
        CHECK(produce(c, "t", 0, batch(env, {"fine"})).base_offset == 0);
    });
}

TEST_CASE("broker: fetches beyond the log, of unknown topics and of wrong epochs") {
    Bench b;
    b.run([](Env& env) {
        Client c(env);
        create(c, "t", 1);
        produce(c, "t", 0, batch(env, {"a", "b"}));
        CHECK(fetch(c, "t", 0, 3).error_code == KafkaError::offset_out_of_range);
        CHECK(fetch(c, "t", 0, -1).error_code == KafkaError::offset_out_of_range);
        CHECK(fetch(c, "none", 0, 0).error_code == KafkaError::unknown_topic_or_partition);
        auto request = fetch_request("t", 0, 0);
        request.topics[0].partitions[0].current_leader_epoch = 9;
        CHECK(c.call<wire::FetchResponse>(12, request).responses[0].partitions[0].error_code ==
              KafkaError::unknown_leader_epoch);
        request = fetch_request("t", 0, 0);
        request.topics[0].topic_id = Uuid{1, 1};
        CHECK(c.call<wire::FetchResponse>(13, request).responses[0].partitions[0].error_code ==
              KafkaError::unknown_topic_id);
        request = fetch_request("t", 0, 0);
        request.session_id = 5;
        request.session_epoch = 1;
        CHECK(c.call<wire::FetchResponse>(12, request).error_code ==
              KafkaError::fetch_session_id_not_found);
        // From the middle of a batch the whole batch comes.
        CHECK(values_of(fetch(c, "t", 0, 1).records).size() == 2);
    });
}

TEST_CASE("broker: ListOffsets") {
    Bench b;
    b.run([](Env& env) {
        Client c(env);
        create(c, "t", 1);
        const std::int64_t now = env.clock.wall().ms;
        produce(c, "t", 0, batch(env, {"a", "b"}, -1, -1, now - 50));
        produce(c, "t", 0, batch(env, {"c"}, -1, -1, now - 10));
        produce(c, "t", 0, batch(env, {"d"}, -1, -1, now - 30));
        const auto offset = [&](std::int64_t timestamp) { return list(c, "t", 0, timestamp); };
        CHECK(offset(-2).offset == 0);
        CHECK(offset(-1).offset == 4);
        CHECK(offset(-3).offset == 2);
        CHECK(offset(-3).timestamp == now - 10);
        CHECK(offset(now - 40).offset == 2);
        CHECK(offset(0).offset == 0);
        CHECK(offset(now).offset == -1);
        CHECK(list(c, "none", 0, -1).error_code == KafkaError::unknown_topic_or_partition);
    });
}

TEST_CASE("broker: topics are deleted and made again under another id") {
    Bench b({}, 2);
    b.run([](Env& env) {
        Client c(env);
        const Uuid first = create(c, "t", 3);
        produce(c, "t", 1, batch(env, {"old"}));
        wire::DeleteTopicsRequest drop;
        drop.topic_names = {"t"};
        drop.timeout_ms = 1000;
        CHECK(c.call<wire::DeleteTopicsResponse>(5, drop).responses[0].error_code ==
              KafkaError::none);
        CHECK(fetch(c, "t", 1, 0).error_code == KafkaError::unknown_topic_or_partition);
        CHECK(c.call<wire::DeleteTopicsResponse>(5, drop).responses[0].error_code ==
              KafkaError::unknown_topic_or_partition);
        CHECK(create(c, "t", 3) != first);
        CHECK(fetch(c, "t", 1, 0).high_watermark == 0);
    });
    b.stop();
}

TEST_CASE("broker: topics, records and ids survive a restart and a crash") {
    for (const bool crash : {false, true}) {
        Bench b({}, 2);
        Uuid id;
        std::string cluster;
        b.run([&](Env& env) {
            Client c(env);
            id = create(c, "t", 2);
            cluster = *c.call<wire::MetadataResponse>(12, all_topics()).cluster_id;
            for (int i = 0; i < 5; ++i)
                produce(c, "t", i % 2, batch(env, {"r" + std::to_string(i)}));
        });
        if (crash) {
            b.world.lose_power(b.server, {});
        } else {
            b.stop();
        }
        b.world.start(b.server);
        b.run([&](Env& env) {
            Client c(env);
            const auto m = c.call<wire::MetadataResponse>(12, all_topics());
            CHECK(*m.cluster_id == cluster);
            REQUIRE(m.topics.size() == 1);
            CHECK(m.topics[0].topic_id == id);
            CHECK(values_of(fetch(c, "t", 0, 0).records) ==
                  std::vector<std::string>{"r0", "r2", "r4"});
            CHECK(values_of(fetch(c, "t", 1, 0).records) == std::vector<std::string>{"r1", "r3"});
            CHECK(produce(c, "t", 0, batch(env, {"next"})).base_offset == 3);
        });
        b.stop();
    }
}

TEST_CASE("broker: a start begins a leader epoch, and each epoch's end can be asked for") {
    Bench b;
    b.run([&](Env& env) {
        Client c(env);
        create(c, "t", 1);
        produce(c, "t", 0, batch(env, {"a", "b"}));
        CHECK(epoch_end(c, "t", 0).end_offset == 2);
        CHECK(epoch_end(c, "t", 1).end_offset == -1);
        CHECK(epoch_end(c, "t", 1).leader_epoch == -1);
        CHECK(epoch_end(c, "none", 0).error_code == KafkaError::unknown_topic_or_partition);
    });
    for (std::int32_t start = 1; start <= 3; ++start) {
        // The broker is fenced, then it leads again: two epochs, as in Kafka.
        const std::int32_t epoch = 2 * start;
        if (start == 2) {
            b.stop();
        } else {
            b.world.lose_power(b.server, {});
        }
        b.world.start(b.server);
        b.run([&](Env& env) {
            Client c(env);
            const auto m = c.call<wire::MetadataResponse>(12, all_topics());
            CHECK(m.topics.at(0).partitions.at(0).leader_epoch == epoch);
            CHECK(epoch_end(c, "t", epoch, epoch - 1).error_code ==
                  KafkaError::fenced_leader_epoch);
            CHECK(epoch_end(c, "t", epoch, epoch + 1).error_code ==
                  KafkaError::unknown_leader_epoch);
            auto request = fetch_request("t", 0, 0);
            request.topics[0].partitions[0].current_leader_epoch = epoch - 1;
            CHECK(c.call<wire::FetchResponse>(12, request).responses[0].partitions[0].error_code ==
                  KafkaError::fenced_leader_epoch);
            CHECK(epoch_end(c, "t", epoch, epoch).end_offset == 1 + start);
            CHECK(epoch_end(c, "t", epoch, epoch).leader_epoch == epoch);
            produce(c, "t", 0, batch(env, {"next"}));
            CHECK(epoch_end(c, "t", epoch).end_offset == 2 + start);
            CHECK(epoch_end(c, "t", epoch - 2).end_offset == 1 + start);
            CHECK(epoch_end(c, "t", epoch - 2).leader_epoch == epoch - 2);
        });
    }
    b.stop();
}

TEST_CASE("broker: a deletion that a crash cut short is finished by the next start") {
    bool finished_later = false;
    for (int step = 1; step <= 60; ++step) {
        Bench b;
        b.run([&](Env& env) {
            Client c(env);
            create(c, "t", 1);
            produce(c, "t", 0, batch(env, {"old"}));
            wire::DeleteTopicsRequest drop;
            drop.topic_names = {"t"};
            drop.timeout_ms = 1000;
            c.send(5, drop);
            env.fibers.sleep_until(env.clock.in(step * 100us));
        });
        b.world.crash(b.server);
        b.world.start(b.server);
        const auto before = b.recorder.reached_count(probe::Site::deleted_topic_found);
        b.run([&](Env& env) {
            Client c(env);
            const bool there = !c.call<wire::MetadataResponse>(12, all_topics()).topics.empty();
            if (there) {
                CHECK(values_of(fetch(c, "t", 0, 0).records) == std::vector<std::string>{"old"});
            } else {
                create(c, "t", 1);
                CHECK(fetch(c, "t", 0, 0).high_watermark == 0);
            }
        });
        finished_later |= b.recorder.reached_count(probe::Site::deleted_topic_found) > before;
    }
    CHECK(finished_later);
}
}  // namespace faultline::broker::test

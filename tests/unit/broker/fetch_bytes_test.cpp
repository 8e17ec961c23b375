// max_bytes of a Fetch bounds the whole answer, however many shards had a part in it.
#include "tests/unit/broker/calls.h"

namespace faultline::broker::test {

TEST_CASE("fetch: max_bytes bounds the answer over all shards, and one batch always passes") {
    Bench b({}, 3);
    b.run([](Env& env) {
        constexpr std::int32_t kPartitions = 6;
        Client c(env);
        create(c, "t", kPartitions);
        for (std::int32_t p = 0; p < kPartitions; ++p)
            REQUIRE(produce(c, "t", p, batch(env, {std::string(1000, 'x')})).error_code ==
                    KafkaError::none);
        const auto fetch = [&](std::int32_t max_bytes) {
            wire::FetchRequest q = fetch_request("t", 0, 0);
            q.max_bytes = max_bytes;
            for (std::int32_t p = 1; p < kPartitions; ++p) {
                q.topics[0].partitions.push_back(q.topics[0].partitions[0]);
                q.topics[0].partitions.back().partition = p;
            }
            const auto r = c.call<wire::FetchResponse>(12, q);
            std::vector<std::int32_t> with_data;
            for (const auto& p : r.responses.at(0).partitions) {
                CHECK(p.error_code == KafkaError::none);
                CHECK(p.high_watermark == 1);
                if (p.records.size() > 0) with_data.push_back(p.partition_index);
            }
            return with_data;
        };
        CHECK(fetch(1 << 20).size() == 6);
        CHECK(fetch(2500) == std::vector<std::int32_t>{0, 1});
        CHECK(fetch(1) == std::vector<std::int32_t>{0});
        CHECK(fetch(0) == std::vector<std::int32_t>{0});
    });
}
}  // namespace faultline::broker::test

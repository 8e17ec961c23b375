#include "gen/wire/describe_log_dirs_request.h"
#include "gen/wire/describe_log_dirs_response.h"
#include "tests/unit/broker/calls.h"

namespace faultline::broker::test {
namespace {
using Response = wire::DescribeLogDirsResponse;
using Asked = std::vector<std::pair<std::string, std::vector<std::int32_t>>>;

Response describe(Client& c, const std::optional<Asked>& asked, std::int16_t version = 5) {
    wire::DescribeLogDirsRequest request;
    request.topics.reset();
    if (asked) {
        request.topics.emplace();
        for (const auto& [topic, partitions] : *asked)
            request.topics->push_back({topic, partitions, {}});
    }
    return c.call<Response>(version, request);
}

// "t0 t1" over all directories, and their bytes.
std::pair<std::string, std::int64_t> logs(const Response& response) {
    std::string names;
    std::int64_t bytes = 0;
    for (const auto& dir : response.results) {
        CHECK(dir.error_code == KafkaError::none);
        for (const auto& t : dir.topics) {
            for (const auto& p : t.partitions) {
                names += (names.empty() ? "" : " ") + t.name + std::to_string(p.partition_index);
                bytes += p.partition_size;
                CHECK(p.offset_lag == 0);
                CHECK(!p.is_future_key);
            }
        }
    }
    return {names, bytes};
}
}  // namespace

TEST_CASE("describe log dirs: what each partition takes, of those that are here") {
    Bench b({}, 2);
    b.run([](Env& env) {
        Client c(env);
        create(c, "t", 3);
        create(c, "u", 1);
        const IoBuf records = batch(env, {"a", "b"});
        const auto size = static_cast<std::int64_t>(records.size());
        produce(c, "t", 1, records);
        produce(c, "t", 1, records);
        for (std::int16_t v = 1; v <= 5; ++v) {
            const auto all = describe(c, std::nullopt, v);
            CHECK(all.error_code == KafkaError::none);
            REQUIRE(all.results.size() == 1);
            CHECK(all.results[0].log_dir == "data");
            CHECK((all.results[0].total_bytes > 0) == (v >= 4));
            CHECK((all.results[0].usable_bytes > 0) == (v >= 4));
            CHECK(all.results[0].usable_bytes <= all.results[0].total_bytes);
            CHECK(logs(all) == std::pair{std::string("t0 t1 t2 u0"), 2 * size});
        }
        CHECK(logs(describe(c, Asked{{"t", {1, 1, 7, -1}}, {"none", {0}}})).first == "t1");
        CHECK(logs(describe(c, Asked{{"t", {}}})).first.empty());
        CHECK(logs(describe(c, Asked{})).first.empty());
        CHECK(logs(describe(c, Asked{{"__cluster_metadata", {0}}})).first.empty());
    });
}

TEST_CASE("describe log dirs: a directory that failed says so, the others go on") {
    Bench b([](BrokerConfig& config) { config.log_dirs = {"data", "more"}; });
    b.run([&](Env& env) {
        Client c(env);
        create(c, "t", 6);
        const auto before = describe(c, std::nullopt);
        REQUIRE(before.results.size() == 2);
        CHECK(logs(before).first.size() == 6 * 3 - 1);
        b.world.disk(b.server).fail_syncs("more/*.log", 1, sim::kNoFault);
        for (std::int32_t p = 0; p < 6; ++p) produce(c, "t", p, batch(env, {"a"}));
        const auto after = describe(c, std::nullopt);
        REQUIRE(after.results.size() == 2);
        CHECK(after.results[0].error_code == KafkaError::none);
        CHECK(!after.results[0].topics.empty());
        CHECK(after.results[1].error_code == KafkaError::kafka_storage_error);
        CHECK(after.results[1].log_dir == "more");
        CHECK(after.results[1].topics.empty());
        CHECK(after.results[1].total_bytes == -1);
    });
}
}  // namespace faultline::broker::test

#include "gen/wire/describe_topic_partitions_request.h"
#include "gen/wire/describe_topic_partitions_response.h"
#include "tests/unit/broker/calls.h"

namespace faultline::broker::test {
namespace {
using Response = wire::DescribeTopicPartitionsResponse;
using Cursor = std::pair<std::string, std::int32_t>;

Response describe(Client& c, const std::vector<std::string>& topics, std::int32_t limit = 2000,
                  const std::optional<Cursor>& cursor = std::nullopt) {
    wire::DescribeTopicPartitionsRequest request;
    for (const auto& name : topics) request.topics.emplace_back().name = name;
    request.response_partition_limit = limit;
    if (cursor) {
        request.cursor.emplace();
        request.cursor->topic_name = cursor->first;
        request.cursor->partition_index = cursor->second;
    }
    return c.call<Response>(0, request);
}

// "a:0,1 b:0 > b:1": the topics with their partitions or their error, then the cursor.
std::string text(const Response& response) {
    std::string out;
    for (const auto& t : response.topics) {
        out += (out.empty() ? "" : " ") + *t.name + ":";
        if (t.error_code != KafkaError::none) {
            out += "E" + std::to_string(static_cast<int>(t.error_code));
            CHECK(t.topic_id.is_zero());
        }
        for (const auto& p : t.partitions)
            out += (out.back() == ':' ? "" : ",") + std::to_string(p.partition_index);
    }
    if (response.next_cursor) {
        out += " > " + response.next_cursor->topic_name + ":" +
               std::to_string(response.next_cursor->partition_index);
    }
    return out;
}
}  // namespace

TEST_CASE("describe topic partitions: pages go on where the cursor says") {
    Bench b;
    b.run([](Env& env) {
        Client c(env);
        const Uuid id = create(c, "a", 3);
        create(c, "b", 2);
        create(c, "c", 1);
        create(c, "__consumer_offsets", 1);
        const auto one = describe(c, {"a"}).topics.at(0);
        CHECK(one.topic_id == id);
        CHECK(!one.is_internal);
        CHECK(one.topic_authorized_operations == 3576);
        const auto& p = one.partitions.at(2);
        CHECK(p.leader_id == 1);
        CHECK(p.leader_epoch == 0);
        CHECK(p.replica_nodes == std::vector<std::int32_t>{1});
        CHECK(p.isr_nodes == std::vector<std::int32_t>{1});
        CHECK(p.eligible_leader_replicas->empty());
        CHECK(p.last_known_elr->empty());
        CHECK(p.offline_replicas.empty());
        CHECK(describe(c, {"__consumer_offsets"}).topics.at(0).is_internal);

        const std::vector<std::string> all{"c", "b", "a", "a"};
        CHECK(text(describe(c, all)) == "a:0,1,2 b:0,1 c:0");
        CHECK(text(describe(c, {})) == "__consumer_offsets:0 a:0,1,2 b:0,1 c:0");
        CHECK(text(describe(c, all, 4)) == "a:0,1,2 b:0 > b:1");
        CHECK(text(describe(c, all, 3)) == "a:0,1,2 > b:0");
        CHECK(text(describe(c, all, 0)) == "a:0 > a:1");
        CHECK(text(describe(c, all, -1)) == "a:0 > a:1");
        CHECK(text(describe(c, all, 2, Cursor{"a", 1})) == "a:1,2 > b:0");
        CHECK(text(describe(c, all, 9, Cursor{"b", 1})) == "b:1 c:0");
        CHECK(text(describe(c, all, 9, Cursor{"b", 9})) == "b: c:0");
        CHECK(text(describe(c, {}, 9, Cursor{"bb", 1})) == "c:0");
        CHECK(text(describe(c, {}, 9, Cursor{"", 1})) == "__consumer_offsets:0 a:0,1,2 b:0,1 c:0");
    });
}

TEST_CASE("describe topic partitions: errors stand at each topic, or at all of a bad request") {
    Bench b([](BrokerConfig& config) { config.max_request_partitions = 2; });
    b.run([](Env& env) {
        Client c(env);
        create(c, "a", 3);
        CHECK(text(describe(c, {"none", "a"})) == "a:0,1 > a:2");
        CHECK(text(describe(c, {"Z", "a", "a b"})) == "Z:E3 a:0,1 > a:2");
        CHECK(text(describe(c, {"a b", "none"})) == "a b:E17 none:E3");
        CHECK(describe(c, {"none"}).topics.at(0).topic_authorized_operations == 3576);
        // A cursor may stand at a topic that is gone.
        CHECK(text(describe(c, {"none"}, 9, Cursor{"none", 1})) == "none:E3");
        const auto bad = describe(c, {"a", "none", "a"}, 9, Cursor{"other", 0});
        CHECK(text(bad) == "a:E42 none:E42 a:E42");
        CHECK(bad.topics.at(0).topic_authorized_operations == INT32_MIN);
        CHECK(text(describe(c, {"a"}, 9, Cursor{"a", -1})) == "a:E42");
        CHECK(text(describe(c, {}, 9, Cursor{"a", -1})).empty());
        CHECK(text(describe(c, {"a", ""})) == "a:E-1 :E-1");
    });
}
}  // namespace faultline::broker::test

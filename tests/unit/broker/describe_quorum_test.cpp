#include "gen/wire/describe_quorum_request.h"
#include "gen/wire/describe_quorum_response.h"
#include "tests/unit/broker/calls.h"

namespace faultline::broker::test {

TEST_CASE("describe: the quorum, at every version") {
    Bench b;
    b.run([](Env& env) {
        Client c(env);
        wire::DescribeQuorumRequest q;
        q.topics.emplace_back().topic_name = "__cluster_metadata";
        q.topics[0].partitions.emplace_back();
        for (std::int16_t v = 0; v <= 2; ++v) {
            const auto r = c.call<wire::DescribeQuorumResponse>(v, q);
            CHECK(r.error_code == KafkaError::none);
            const auto& p = r.topics.at(0).partitions.at(0);
            CHECK(p.leader_id == 1);
            CHECK(p.current_voters.size() == 1);
        }
    });
}
}  // namespace faultline::broker::test

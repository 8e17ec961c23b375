// Who leads, who is in sync, who stays eligible: change_partition, and what follows for brokers.
#include <algorithm>

#include "core/logic/controller/large_decision.h"
#include "core/logic/controller/partitions.h"
#include "tests/support/catch.h"

namespace faultline::logic {
namespace {
using model::BrokerIds;
using model::MetadataImage;
using model::PartitionImage;
using wire::KafkaError;

const Uuid kTopic{.hi = 7, .lo = 8};
const std::string kCluster = "AAAAAAAAAAAAAAAAAAAAAQ";

struct Cluster {
    MetadataImage image;
    model::TopicConfig defaults;

    explicit Cluster(std::int32_t brokers) {
        image.cluster_id = kCluster;
        for (std::int32_t id = 1; id <= brokers; ++id) join(id);
    }
    wire::BrokerRegistrationRequest registration(std::int32_t id, std::uint64_t process) const {
        wire::BrokerRegistrationRequest q;
        q.broker_id = id;
        q.cluster_id = kCluster;
        q.incarnation_id = {.hi = static_cast<std::uint64_t>(id), .lo = process};
        q.listeners.emplace_back().host = "h";
        q.log_dirs = {Uuid{.hi = 1, .lo = static_cast<std::uint64_t>(id)}};
        return q;
    }
    void apply(const Records& records) {
        image.applied = image.applied + static_cast<std::int64_t>(records.size());
        for (const auto& r : records) image.apply(r);
    }
    std::int64_t enlist(const wire::BrokerRegistrationRequest& q, bool alive = false) {
        const auto d = register_broker(image, q, image.applied.v, alive, defaults);
        REQUIRE(d.response.error_code == KafkaError::none);
        apply(d.records);
        return d.response.broker_epoch;
    }
    wire::BrokerHeartbeatResponse beat(std::int32_t id, bool leave = false) {
        wire::BrokerHeartbeatRequest q;
        q.broker_id = id;
        q.broker_epoch = image.broker(id)->epoch;
        q.current_metadata_offset = image.applied.v - 1;
        q.want_shut_down = leave;
        const auto d = heartbeat(image, q, defaults);
        apply(d.records);
        return d.response;
    }
    void join(std::int32_t id, std::uint64_t process = 1) {
        enlist(registration(id, process));
        CHECK(!beat(id).is_fenced);
    }
    void fence(std::int32_t id) { apply(fence_broker(image, NodeId{id}, defaults)); }
    void topic(BrokerIds replicas) {
        wire::TopicRecord t;
        t.name = "t";
        t.topic_id = kTopic;
        wire::PartitionRecord p;
        p.partition_id = 0;
        p.topic_id = kTopic;
        p.replicas = p.isr = replicas;
        p.leader = replicas.front();
        p.leader_epoch = p.partition_epoch = 0;
        apply({t, p});
    }
    const PartitionImage& partition() const { return image.find("t")->partitions[0]; }
    KafkaError alter(std::int32_t sender, BrokerIds isr, std::int64_t epoch_shift = 0) {
        wire::AlterPartitionRequest q;
        q.broker_id = sender;
        q.broker_epoch = image.broker(sender)->epoch;
        auto& t = q.topics.emplace_back();
        t.topic_id = kTopic;
        auto& p = t.partitions.emplace_back();
        p.leader_epoch = partition().leader_epoch.v;
        p.partition_epoch = partition().partition_epoch;
        for (const std::int32_t id : isr)
            p.new_isr_with_epochs.push_back({id, image.broker(id)->epoch - epoch_shift, {}});
        const auto d = alter_partition(image, q, defaults);
        apply(d.records);
        if (d.response.error_code != KafkaError::none) return d.response.error_code;
        return d.response.topics.at(0).partitions.at(0).error_code;
    }
};
}  // namespace

TEST_CASE("elections: a fenced leader is followed by the next replica that is in sync") {
    Cluster c(3);
    c.topic({1, 2, 3});
    c.fence(1);
    CHECK(c.partition().leader == NodeId{2});
    CHECK(c.partition().leader_epoch == Epoch{1});
    CHECK(c.partition().isr == BrokerIds{2, 3});
    CHECK(c.image.broker(1)->fenced);
    c.fence(3);
    CHECK(c.partition().leader == NodeId{2});
    CHECK(c.partition().leader_epoch == Epoch{1});  // it stays, so its epoch does
    CHECK(c.partition().isr == BrokerIds{2});
}

TEST_CASE("elections: a broker that does not know that it was fenced stays so") {
    Cluster c(2);
    c.topic({1, 2});
    const std::int64_t before = c.image.applied.v;
    c.fence(1);
    wire::BrokerHeartbeatRequest q;
    q.broker_id = 1;
    q.broker_epoch = c.image.broker(1)->epoch;
    q.current_metadata_offset = before - 1;
    CHECK(heartbeat(c.image, q, c.defaults).records.empty());
    CHECK(heartbeat(c.image, q, c.defaults).response.is_fenced);
    q.current_metadata_offset = c.image.applied.v - 1;
    CHECK(!heartbeat(c.image, q, c.defaults).records.empty());
}

TEST_CASE("elections: the last member of the ISR stays eligible, nobody else is elected") {
    Cluster c(3);
    c.topic({1, 2, 3});
    CHECK(c.alter(1, {1}) == KafkaError::none);
    c.fence(1);
    CHECK(c.partition().leader == model::kNoLeader);
    CHECK(c.partition().isr.empty());
    CHECK(c.partition().elr == BrokerIds{1});
    c.join(2, 9);
    CHECK(c.partition().leader == model::kNoLeader);
    c.join(1, 9);
    CHECK(c.partition().leader == NodeId{1});
    CHECK(c.partition().isr == BrokerIds{1});
    CHECK(c.partition().elr.empty());
    CHECK(!c.partition().recovering);
}

TEST_CASE("elections: below min.insync.replicas who leaves the ISR is eligible") {
    Cluster c(3);
    c.defaults.min_insync_replicas = 2;
    c.topic({1, 2, 3});
    c.fence(3);
    CHECK(c.partition().elr.empty());
    c.fence(2);
    CHECK(c.partition().isr == BrokerIds{1});
    CHECK(c.partition().elr == BrokerIds{2});
    c.fence(1);
    CHECK(c.partition().elr == BrokerIds{2, 1});
    c.join(3, 2);
    CHECK(c.partition().leader == model::kNoLeader);  // 3 may lack what 1 and 2 acknowledged
    c.join(2, 2);
    CHECK(c.partition().leader == NodeId{2});
}

TEST_CASE("elections: an unclean stop costs eligibility where acknowledgements do not wait") {
    for (const bool durable : {true, false}) {
        Cluster c(2);
        c.defaults.flush_before_ack = durable;
        c.topic({1, 2});
        CHECK(c.alter(1, {1}) == KafkaError::none);
        c.enlist(c.registration(1, 2));  // no clean stop was told
        CHECK(c.partition().elr == (durable ? BrokerIds{1} : BrokerIds{}));
        CHECK(c.partition().last_known_elr == (durable ? BrokerIds{} : BrokerIds{1}));
        c.beat(1);
        CHECK(c.partition().leader == NodeId{1});
        CHECK(c.partition().recovering == !durable);
    }
}

TEST_CASE("elections: a broker with another disk is trusted with nothing") {
    Cluster c(2);
    c.topic({1, 2});
    CHECK(c.alter(1, {1}) == KafkaError::none);
    auto q = c.registration(1, 2);
    q.previous_broker_epoch = c.image.broker(1)->epoch;
    q.log_dirs = {Uuid{.hi = 99, .lo = 99}};
    c.enlist(q);
    CHECK(c.partition().elr.empty());
}

TEST_CASE("elections: unclean only where it is configured, and then it recovers alone") {
    Cluster c(2);
    c.topic({1, 2});
    CHECK(c.alter(1, {1}) == KafkaError::none);
    c.fence(1);
    CHECK(c.partition().leader == model::kNoLeader);
    c.defaults.unclean_leader_election = true;
    c.apply(elect_missing(c.image, c.defaults));
    CHECK(c.partition().leader == NodeId{2});
    CHECK(c.partition().isr == BrokerIds{2});
    CHECK(c.partition().recovering);
    CHECK(c.alter(2, {2}) == KafkaError::none);
    CHECK(!c.partition().recovering);
}

TEST_CASE("AlterPartition is judged in Kafka's order") {
    Cluster c(3);
    c.topic({1, 2, 3});
    CHECK(c.alter(2, {2}) == KafkaError::invalid_request);           // it does not lead
    CHECK(c.alter(1, {2, 3}) == KafkaError::invalid_request);        // the leader is not in it
    CHECK(c.alter(1, {1, 2}, 1) == KafkaError::ineligible_replica);  // another process of 2
    CHECK(c.alter(1, {1, 2}) == KafkaError::none);
    CHECK(c.partition().isr == BrokerIds{1, 2});
    c.fence(3);
    CHECK(c.alter(1, {1, 2, 3}) == KafkaError::ineligible_replica);
    wire::AlterPartitionRequest q;
    q.broker_id = 1;
    q.broker_epoch = -5;
    CHECK(alter_partition(c.image, q, c.defaults).response.error_code ==
          KafkaError::stale_broker_epoch);
}

TEST_CASE("a controlled shutdown moves leaders before the broker goes") {
    Cluster c(2);
    c.topic({1, 2});
    CHECK(!c.beat(1, true).should_shut_down);
    CHECK(c.partition().leader == NodeId{2});
    CHECK(c.beat(1, true).should_shut_down);
    // Whoever is alone has nobody to give to.
    CHECK(!c.beat(2, true).should_shut_down);
    CHECK(c.partition().leader == NodeId{2});
}

TEST_CASE("a second process of a broker that lives is refused") {
    Cluster c(1);
    const auto d = register_broker(c.image, c.registration(1, 2), 10, true, c.defaults);
    CHECK(d.response.error_code == KafkaError::duplicate_broker_registration);
    CHECK(d.records.empty());
    auto q = c.registration(1, 2);
    q.cluster_id = "other";
    CHECK(register_broker(c.image, q, 10, false, c.defaults).response.error_code ==
          KafkaError::inconsistent_cluster_id);
}

TEST_CASE("a reassignment is complete when the new replicas are in sync") {
    Cluster c(4);
    c.topic({1, 2});
    wire::AlterPartitionReassignmentsRequest q;
    auto& t = q.topics.emplace_back();
    t.name = "t";
    t.partitions.emplace_back().replicas = BrokerIds{3, 4};
    auto d = reassign(c.image, q, c.defaults);
    CHECK(d.response.responses.at(0).partitions.at(0).error_code == KafkaError::none);
    c.apply(d.records);
    CHECK(c.partition().replicas == BrokerIds{3, 4, 1, 2});
    CHECK(c.partition().adding == BrokerIds{3, 4});
    CHECK(c.partition().removing == BrokerIds{1, 2});
    CHECK(c.partition().leader == NodeId{1});
    CHECK(c.alter(1, {1, 2, 3}) == KafkaError::none);
    CHECK(c.partition().adding == BrokerIds{3, 4});
    CHECK(c.alter(1, {1, 2, 3, 4}) == KafkaError::fenced_leader_epoch);  // done: 1 leads no more
    CHECK(c.partition().replicas == BrokerIds{3, 4});
    CHECK(c.partition().isr == BrokerIds{3, 4});
    CHECK(c.partition().leader == NodeId{3});
    CHECK(c.partition().adding.empty());
}

TEST_CASE("a reassignment that names one partition for ever is too large a decision") {
    Cluster c(4);
    c.topic({1, 2});
    wire::AlterPartitionReassignmentsRequest q;
    auto& t = q.topics.emplace_back();
    t.name = "t";
    t.partitions.resize(10'000);
    for (auto& p : t.partitions) p.replicas = BrokerIds{3, 4};
    CHECK(!too_large(reassign(c.image, q, c.defaults).records));
    t.partitions.push_back(t.partitions.front());
    CHECK(too_large(reassign(c.image, q, c.defaults).records));
}

TEST_CASE("a reassignment that is cancelled leaves what there was") {
    Cluster c(3);
    c.topic({1, 2});
    wire::AlterPartitionReassignmentsRequest q;
    auto& t = q.topics.emplace_back();
    t.name = "t";
    t.partitions.emplace_back().replicas = BrokerIds{2, 3};
    c.apply(reassign(c.image, q, c.defaults).records);
    q.topics[0].partitions[0].replicas.reset();
    const auto d = reassign(c.image, q, c.defaults);
    c.apply(d.records);
    CHECK(c.partition().replicas.size() == 2);
    CHECK(contains(c.partition().replicas, 1));
    CHECK(contains(c.partition().replicas, 2));
    CHECK(c.partition().adding.empty());
    CHECK(reassign(c.image, q, c.defaults).response.responses[0].partitions[0].error_code ==
          KafkaError::no_reassignment_in_progress);
}

TEST_CASE("leaders come home when the imbalance is over the bound") {
    Cluster c(2);
    c.topic({1, 2});
    c.fence(1);
    c.join(1, 2);
    CHECK(c.partition().leader == NodeId{2});
    CHECK(balance_leaders(c.image, c.defaults, 10, 100).empty());  // 1 is not in sync yet
    CHECK(c.alter(2, {1, 2}) == KafkaError::none);
    CHECK(balance_leaders(c.image, c.defaults, 100, 100).empty());
    c.apply(balance_leaders(c.image, c.defaults, 10, 100));
    CHECK(c.partition().leader == NodeId{1});
    wire::ElectLeadersRequest q;
    q.topic_partitions.reset();
    CHECK(elect_leaders(c.image, q, c.defaults).response.replica_election_results.empty());
}

TEST_CASE("a change of a partition that is not there is nothing") {
    MetadataImage image;
    wire::PartitionChangeRecord change;
    change.topic_id = Uuid{3, 4};
    change.partition_id = 0;
    change.leader = 1;
    image.apply(change);
    CHECK(image.topics.empty());
}
}  // namespace faultline::logic

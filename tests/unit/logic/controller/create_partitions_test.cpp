#include "core/logic/controller/create_partitions.h"

#include "tests/support/catch.h"

namespace faultline::logic {
namespace {
using wire::CreatePartitionsRequest;
using wire::KafkaError;
using Topic = CreatePartitionsRequest::CreatePartitionsTopic;
using Brokers = std::vector<std::int32_t>;
using Placed = std::vector<Brokers>;

Topic topic(const std::string& name, std::int32_t count,
            const std::optional<Placed>& placed = std::nullopt) {
    Topic t;
    t.name = name;
    t.count = count;
    t.assignments.reset();
    if (placed) {
        t.assignments.emplace();
        for (const Brokers& b : *placed) t.assignments->push_back({b, {}});
    }
    return t;
}

// Three brokers; topics "a" of two partitions with one replica, "b" of one with two.
struct Desk {
    Desk() {
        for (std::int32_t id = 1; id <= 3; ++id) {
            auto& b = image.brokers.emplace_back();
            b.id = NodeId{id};
            b.host = "host";
        }
        add("a", 7, {{1}, {2}});
        add("b", 8, {{1, 2}});
    }
    void add(const std::string& name, std::uint64_t id, const Placed& placed) {
        wire::TopicRecord t;
        t.name = name;
        t.topic_id = Uuid{id, id};
        image.apply(t);
        for (std::size_t i = 0; i < placed.size(); ++i) {
            wire::PartitionRecord p;
            p.topic_id = t.topic_id;
            p.partition_id = static_cast<std::int32_t>(i);
            p.replicas = p.isr = placed[i];
            p.leader = placed[i].front();
            p.leader_epoch = p.partition_epoch = 0;
            image.apply(p);
        }
    }
    Decision<wire::CreatePartitionsResponse> decide(const std::vector<Topic>& topics,
                                                    bool validate_only = false) const {
        CreatePartitionsRequest request;
        request.topics = topics;
        request.validate_only = validate_only;
        return create_partitions(image, request);
    }
    model::MetadataImage image;
};
}  // namespace

TEST_CASE("create partitions: new ones follow the old, with as many replicas") {
    Desk desk;
    const auto d = desk.decide({topic("b", 4), topic("a", 3)});
    REQUIRE(d.response.results.size() == 2);
    for (const auto& r : d.response.results) {
        CHECK(r.error_code == KafkaError::none);
        CHECK(!r.error_message);
    }
    CHECK(d.records.size() == 4);
    for (const auto& r : d.records) desk.image.apply(r);
    const auto& b = desk.image.find("b")->partitions;
    REQUIRE(b.size() == 4);
    CHECK(desk.image.find("a")->partitions.size() == 3);
    for (const auto& p : b) {
        CHECK(p.replicas.size() == 2);
        CHECK(p.replicas[0] != p.replicas[1]);
        CHECK(p.isr == p.replicas);
        CHECK(p.leader.v == p.replicas[0]);
        CHECK(p.leader_epoch == Epoch{0});
    }
    CHECK(desk.decide({topic("b", 5)}, true).records.empty());
    CHECK(desk.decide({topic("b", 5)}, true).response.results.at(0).error_code == KafkaError::none);
}

TEST_CASE("create partitions: an assignment is taken as it is") {
    const Desk desk;
    const auto d = desk.decide({topic("b", 3, Placed{{3, 1}, {2, 3}})});
    REQUIRE(d.records.size() == 2);
    const auto& second = std::get<wire::PartitionRecord>(d.records[1]);
    CHECK(second.partition_id == 2);
    CHECK(second.replicas == Brokers{2, 3});
    CHECK(second.leader == 2);
}

TEST_CASE("create partitions: what is refused writes nothing and says why as Kafka does") {
    const Desk desk;
    struct Case {
        Topic topic;
        KafkaError error;
        std::string message;
    };
    const auto bad = KafkaError::invalid_replica_assignment;
    const Case cases[] = {
        {topic("none", 3), KafkaError::unknown_topic_or_partition, ""},
        {topic("", 3), KafkaError::unknown_topic_or_partition, ""},
        {topic("a", 2), KafkaError::invalid_partitions, "Topic already has 2 partition(s)."},
        {topic("a", 1), KafkaError::invalid_partitions,
         "The topic a currently has 2 partition(s); 1 would not be an increase."},
        {topic("a", -1), KafkaError::invalid_partitions,
         "The topic a currently has 2 partition(s); -1 would not be an increase."},
        {topic("a", 4, Placed{Brokers{1}}), bad,
         "Attempted to add 2 additional partition(s), but only 1 assignment(s) were specified."},
        {topic("a", 3, Placed{}), bad,
         "Attempted to add 1 additional partition(s), but only 0 assignment(s) were specified."},
        {topic("a", 3, Placed{Brokers{}}), bad,
         "The manual partition assignment includes an empty replica list."},
        {topic("a", 3, Placed{Brokers{1, 1}}), bad,
         "The manual partition assignment includes the broker 1 more than once."},
        {topic("a", 3, Placed{Brokers{9}}), bad,
         "The manual partition assignment includes broker 9, but no such broker is registered."},
        {topic("a", 3, Placed{Brokers{1, 2}}), bad,
         "The manual partition assignment includes a partition with 2 replica(s), but this is not "
         "consistent with previous partitions, which have 1 replica(s)."},
        {topic("a", 10'003), KafkaError::policy_violation,
         "Unable to perform excessively large batch operation: at most 10000 partitions at once."},
        {topic("a", INT32_MAX), KafkaError::policy_violation,
         "Unable to perform excessively large batch operation: at most 10000 partitions at once."},
    };
    for (const Case& c : cases) {
        const auto d = desk.decide({c.topic});
        INFO(c.topic.name << " " << c.topic.count << " " << c.message);
        CHECK(d.response.results.at(0).error_code == c.error);
        CHECK(d.response.results[0].error_message.value_or("") == c.message);
        CHECK(d.records.empty());
    }
    CHECK(desk.decide({topic("a", 10'002)}).records.size() == 10'000);
    // The bound is of the whole request.
    const auto both = desk.decide({topic("a", 9'002), topic("b", 1'002), topic("b2", 1)});
    CHECK(both.response.results.at(1).error_code == KafkaError::policy_violation);
    CHECK(both.records.size() == 9'000);
}

TEST_CASE("create partitions: topics that are named twice are answered first, once") {
    const Desk desk;
    const auto d = desk.decide({topic("b", 2), topic("a", 4), topic("none", 1), topic("a", 5)});
    REQUIRE(d.response.results.size() == 3);
    CHECK(d.response.results[0].name == "a");
    CHECK(d.response.results[0].error_code == KafkaError::invalid_request);
    CHECK(*d.response.results[0].error_message == "Duplicate topic name.");
    CHECK(d.response.results[1].name == "b");
    CHECK(d.response.results[2].name == "none");
    CHECK(d.records.size() == 1);
}

TEST_CASE("create partitions: with fewer brokers than replicas nothing can be placed") {
    Desk desk;
    while (desk.image.brokers.size() > 1) desk.image.brokers.erase(1);
    const auto r = desk.decide({topic("b", 2)}).response.results.at(0);
    CHECK(r.error_code == KafkaError::invalid_replication_factor);
}
}  // namespace faultline::logic

#include "core/logic/controller/topics.h"

#include <set>

#include "tests/support/catch.h"

namespace faultline::logic {
namespace {
using wire::CreateTopicsRequest;
using wire::KafkaError;

model::MetadataImage one_broker() {
    model::MetadataImage image;
    image.brokers.insert(0, {NodeId{1}, "host", 9092});
    return image;
}

CreateTopicsRequest::CreatableTopic topic(std::string name, std::int32_t partitions = 1,
                                          std::int16_t replication = 1) {
    CreateTopicsRequest::CreatableTopic t;
    t.name = std::move(name);
    t.num_partitions = partitions;
    t.replication_factor = replication;
    return t;
}

struct Desk {
    model::MetadataImage image = one_broker();
    TopicDefaults defaults{.partitions = 3};
    Rng rng{7};

    Decision<wire::CreateTopicsResponse> decide(
        std::vector<CreateTopicsRequest::CreatableTopic> topics, bool validate_only = false) {
        CreateTopicsRequest request;
        request.topics = std::move(topics);
        request.validate_only = validate_only;
        return create_topics(image, request, defaults, rng);
    }
    KafkaError error(CreateTopicsRequest::CreatableTopic t) {
        return decide({std::move(t)}).response.topics.at(0).error_code;
    }
    void commit(const std::vector<model::MetadataRecord>& records) {
        for (const auto& r : records) image.apply(r);
    }
};
}  // namespace

TEST_CASE("a topic is created with its partitions and configuration") {
    Desk desk;
    auto t = topic("t", 4);
    t.configs.push_back({.name = "retention.ms", .value = "5", .unknown_tags = {}});
    const auto d = desk.decide({t});
    REQUIRE(d.response.topics.size() == 1);
    const auto& answer = d.response.topics[0];
    CHECK(answer.error_code == KafkaError::none);
    CHECK(answer.num_partitions == 4);
    CHECK(answer.replication_factor == 1);
    CHECK(!answer.topic_id.is_zero());
    CHECK(d.records.size() == 6);
    desk.commit(d.records);
    REQUIRE(desk.image.find("t") != nullptr);
    CHECK(desk.image.find("t")->id == answer.topic_id);
    CHECK(desk.image.find("t")->partitions.size() == 4);
    for (const auto& p : desk.image.find("t")->partitions) {
        CHECK(p.leader == NodeId{1});
        CHECK(p.replicas == std::vector<std::int32_t>{1});
        CHECK(p.leader_epoch == Epoch{0});
    }
    CHECK(desk.image.find("t")->config.at("retention.ms") == "5");
    CHECK(desk.error(topic("t")) == KafkaError::topic_already_exists);
}

TEST_CASE("-1 takes the broker's defaults") {
    Desk desk;
    const auto d = desk.decide({topic("t", -1, -1)});
    CHECK(d.response.topics[0].num_partitions == 3);
    CHECK(d.response.topics[0].replication_factor == 1);
}

TEST_CASE("what is refused writes nothing") {
    Desk desk;
    struct Case {
        CreateTopicsRequest::CreatableTopic topic;
        KafkaError error;
    };
    auto unknown_key = topic("t");
    unknown_key.configs.push_back({.name = "nonsense", .value = "5", .unknown_tags = {}});
    auto bad_value = topic("t");
    bad_value.configs.push_back({.name = "retention.ms", .value = "x", .unknown_tags = {}});
    auto null_value = topic("t");
    null_value.configs.push_back(
        {.name = "retention.ms", .value = std::nullopt, .unknown_tags = {}});
    const Case cases[] = {
        {topic("a b"), KafkaError::invalid_topic_exception},
        {topic(""), KafkaError::invalid_topic_exception},
        {topic("t", 0), KafkaError::invalid_partitions},
        {topic("t", -2), KafkaError::invalid_partitions},
        {topic("t", INT32_MAX), KafkaError::policy_violation},
        {topic("t", 1, 0), KafkaError::invalid_replication_factor},
        {topic("t", 1, -2), KafkaError::invalid_replication_factor},
        {topic("t", 1, 2), KafkaError::invalid_replication_factor},
        {unknown_key, KafkaError::invalid_config},
        {bad_value, KafkaError::invalid_config},
        {null_value, KafkaError::invalid_config},
    };
    for (const Case& c : cases) {
        const auto d = desk.decide({c.topic});
        INFO(c.topic.name << " " << c.topic.num_partitions << " " << c.topic.replication_factor);
        CHECK(d.response.topics.at(0).error_code == c.error);
        CHECK(d.response.topics[0].error_message.has_value());
        CHECK(d.records.empty());
    }
}

TEST_CASE("a manual assignment names every partition once") {
    Desk desk;
    const auto with = [](std::vector<std::pair<std::int32_t, std::vector<std::int32_t>>> parts) {
        auto t = topic("t", -1, -1);
        for (auto& [index, brokers] : parts) {
            t.assignments.push_back(
                {.partition_index = index, .broker_ids = brokers, .unknown_tags = {}});
        }
        return t;
    };
    CHECK(desk.error(with({{1, {1}}, {0, {1}}})) == KafkaError::none);
    CHECK(desk.error(with({{0, {1}}, {2, {1}}})) == KafkaError::invalid_replica_assignment);
    CHECK(desk.error(with({{0, {1}}, {0, {1}}})) == KafkaError::invalid_replica_assignment);
    CHECK(desk.error(with({{0, {}}})) == KafkaError::invalid_replica_assignment);
    CHECK(desk.error(with({{0, {2}}})) == KafkaError::invalid_replica_assignment);
    CHECK(desk.error(with({{0, {1, 1}}})) == KafkaError::invalid_replica_assignment);
    auto both = with({{0, {1}}});
    both.num_partitions = 1;
    CHECK(desk.error(both) == KafkaError::invalid_request);
}

TEST_CASE("every topic of a request is judged alone") {
    Desk desk;
    const auto d = desk.decide({topic("good"), topic("a b"), topic("twice"), topic("twice")});
    REQUIRE(d.response.topics.size() == 3);
    CHECK(d.response.topics[0].error_code == KafkaError::none);
    CHECK(d.response.topics[1].error_code == KafkaError::invalid_topic_exception);
    CHECK(d.response.topics[2].error_code == KafkaError::invalid_request);
    CHECK(d.records.size() == 2);
}

// As Kafka 4.3.1: the whole request is refused, also what is wrong in another way.
TEST_CASE("a request makes 10,000 partitions in all, assigned ones too, or none") {
    const Desk empty;
    const auto assigned = [](std::string name, std::int32_t count) {
        auto t = topic(std::move(name), -1, -1);
        for (std::int32_t i = 0; i < count; ++i)
            t.assignments.push_back({.partition_index = i, .broker_ids = {1}, .unknown_tags = {}});
        return t;
    };
    std::vector<CreateTopicsRequest::CreatableTopic> many;
    for (int i = 0; i < 110; ++i) many.push_back(topic("t" + std::to_string(i), 10'000));
    const std::vector<CreateTopicsRequest::CreatableTopic> requests[] = {
        many,
        {topic("a", 5001), topic("b", 5001)},
        {topic("bad name", 5001), topic("b", 5000)},
        {topic("a", 5000), assigned("b", 5001)},
        {topic("a", -1, -1), topic("b", 9'998)},  // three of the first
        {assigned("a", 10'001)},
        {topic("a", INT32_MAX), topic("b", INT32_MAX)},
    };
    for (const auto& topics : requests) {
        Desk desk;
        const auto d = desk.decide(topics);
        CHECK(d.records.empty());
        REQUIRE(d.response.topics.size() == topics.size());
        for (const auto& t : d.response.topics) {
            CHECK(t.error_code == KafkaError::policy_violation);
            CHECK(t.error_message == "Excessively large number of partitions per request.");
        }
        CHECK(desk.decide(topics, true).response.topics[0].error_code ==
              KafkaError::policy_violation);
    }
    Desk desk;
    CHECK(desk.decide({topic("a", 5000), topic("b", 5000)}).response.topics[1].error_code ==
          KafkaError::none);
    // What stands twice is answered before, and counts for nothing.
    const auto twice = desk.decide({topic("a", 6000), topic("b", 6000), topic("b", 6000)});
    REQUIRE(twice.response.topics.size() == 2);
    CHECK(twice.response.topics[0].error_code == KafkaError::none);
    CHECK(twice.response.topics[1].error_code == KafkaError::invalid_request);
}

TEST_CASE("names that differ only by dot and underscore collide, as in Kafka") {
    Desk desk;
    desk.commit(desk.decide({topic("a.b")}).records);
    CHECK(desk.error(topic("a_b")) == KafkaError::invalid_topic_exception);
    CHECK(desk.error(topic("a-b")) == KafkaError::none);
}

TEST_CASE("validate_only decides and writes nothing") {
    Desk desk;
    const auto d = desk.decide({topic("t", 2)}, true);
    CHECK(d.response.topics[0].error_code == KafkaError::none);
    CHECK(d.response.topics[0].num_partitions == 2);
    CHECK(d.records.empty());
}

TEST_CASE("topic ids are of their own, and the same for the same seed") {
    std::set<Uuid> ids;
    Desk a, b;
    for (int i = 0; i < 100; ++i) {
        const auto name = "t" + std::to_string(i);
        const auto id = a.decide({topic(name)}).response.topics[0].topic_id;
        CHECK(id == b.decide({topic(name)}).response.topics[0].topic_id);
        CHECK(ids.insert(id).second);
    }
}

TEST_CASE("topics are deleted by name and by id") {
    Desk desk;
    desk.commit(desk.decide({topic("a"), topic("b")}).records);
    const Uuid a = desk.image.find("a")->id, b = desk.image.find("b")->id;
    wire::DeleteTopicsRequest by_name;
    by_name.topic_names = {"a", "none"};
    const auto d = delete_topics(desk.image, by_name);
    REQUIRE(d.response.responses.size() == 2);
    CHECK(d.response.responses[0].error_code == KafkaError::none);
    CHECK(d.response.responses[0].topic_id == a);
    CHECK(d.response.responses[1].error_code == KafkaError::unknown_topic_or_partition);
    CHECK(d.records.size() == 1);
    desk.commit(d.records);
    CHECK(desk.image.find("a") == nullptr);

    wire::DeleteTopicsRequest by_id;
    by_id.topics.resize(2);
    by_id.topics[0].topic_id = b;
    by_id.topics[1].topic_id = a;
    const auto e = delete_topics(desk.image, by_id);
    CHECK(e.response.responses[0].error_code == KafkaError::none);
    CHECK(e.response.responses[0].name == "b");
    CHECK(e.response.responses[1].error_code == KafkaError::unknown_topic_id);
    CHECK(!e.response.responses[1].name.has_value());
}

TEST_CASE("what is named twice, or by nothing, is not deleted") {
    Desk desk;
    desk.commit(desk.decide({topic("a"), topic("b")}).records);
    const Uuid b = desk.image.find("b")->id;
    const auto refusals = [&](const wire::DeleteTopicsRequest& request) {
        const auto d = delete_topics(desk.image, request);
        std::vector<std::string> texts;
        for (const auto& r : d.response.responses) {
            CHECK((r.error_code == KafkaError::none) == !r.error_message.has_value());
            texts.push_back(r.error_message.value_or(""));
        }
        CHECK(d.records.size() ==
              static_cast<std::size_t>(std::ranges::count(texts, std::string())));
        return texts;
    };
    using Texts = std::vector<std::string>;
    wire::DeleteTopicsRequest q;
    q.topic_names = {"a", "a"};
    CHECK(refusals(q) == Texts{"Duplicate topic name."});
    q.topic_names.clear();
    q.topics.resize(2);
    CHECK(refusals(q) == Texts(2, "Neither topic name nor id were specified."));
    q.topics[0].topic_id = q.topics[1].topic_id = b;
    CHECK(refusals(q) == Texts{"Duplicate topic id."});
    q.topics[1] = {};
    q.topics[1].name = "b";
    CHECK(refusals(q) ==
          Texts{"", "The provided topic name maps to an ID that was already supplied."});
    q.topics[0].name = "b";
    q.topics.pop_back();
    CHECK(refusals(q) == Texts{"You may not specify both topic name and topic id."});
}

TEST_CASE("no topic has the name of the metadata log: its log would be that one") {
    Desk desk;
    const auto d = desk.decide({topic("__cluster_metadata")});
    CHECK(d.records.empty());
    CHECK(d.response.topics.at(0).error_code == KafkaError::invalid_request);
    CHECK(d.response.topics[0].error_message ==
          "Creation of internal topic __cluster_metadata is prohibited.");
}

TEST_CASE("who makes a topic is told what it begins with, and where that comes from") {
    Desk desk;
    wire::ConfigRecord of_all;
    of_all.resource_type = 4;
    of_all.name = "log.retention.ms";
    of_all.value = "888";
    desk.commit({of_all});
    desk.defaults.given = {{"log.segment.bytes", "2000000"}};
    auto t = topic("t");
    t.configs.push_back({.name = "flush.ms", .value = "5", .unknown_tags = {}});
    const auto d = desk.decide({t});
    std::map<std::string, std::pair<std::string, int>> told;
    for (const auto& c : *d.response.topics.at(0).configs)
        told[c.name] = {c.value.value_or("-"), c.config_source};
    CHECK(told.size() == 34);
    CHECK(told.at("flush.ms") == std::pair<std::string, int>{"5", 1});
    CHECK(told.at("retention.ms") == std::pair<std::string, int>{"888", 3});
    CHECK(told.at("segment.bytes").second == 4);
    CHECK(told.at("cleanup.policy") == std::pair<std::string, int>{"delete", 5});
}
}  // namespace faultline::logic

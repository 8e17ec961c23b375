// Elections that somebody asks for, and those that bring leaders home.
#include <map>
#include <utility>

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/logic/controller/each_of.h"
#include "core/logic/controller/partitions.h"

namespace faultline::logic {
namespace {
using model::MetadataImage;
using model::PartitionImage;
using wire::KafkaError;

struct Ballot {
    const MetadataImage& image;
    const model::TopicConfig& defaults;
    Election election;

    bool alive(std::int32_t id) const {
        const model::BrokerImage* b = image.broker(id);
        return b != nullptr && b->active();
    }
    std::optional<wire::PartitionChangeRecord> hold(const model::TopicImage& topic,
                                                    std::int32_t index) const {
        PartitionTarget target;
        target.election = election;
        target.can_lead = [this](std::int32_t id) { return alive(id); };
        return change_partition(topic.id, index, topic.partitions[static_cast<std::size_t>(index)],
                                rules_of(topic, defaults), target);
    }
    // Whether the election is needed at all.
    bool needed(const PartitionImage& p) const {
        if (election == Election::unclean) return p.leader == model::kNoLeader;
        return !p.replicas.empty() && p.leader.v != p.replicas.front();
    }
};

using Result = wire::ElectLeadersResponse::PartitionResult;

Result elect_one(const Ballot& ballot, const model::TopicImage* topic, const std::string& name,
                 std::int32_t index, Records& records) {
    Result r;
    r.partition_id = index;
    r.error_message.reset();
    if (topic == nullptr || index < 0 || std::cmp_greater_equal(index, topic->partitions.size())) {
        r.error_code = KafkaError::unknown_topic_or_partition;
        r.error_message = topic == nullptr ? fmt::format("No such topic as {}", excerpt(name))
                                           : fmt::format("No such partition as {}-{}", name, index);
        return r;
    }
    const PartitionImage& p = topic->partitions[static_cast<std::size_t>(index)];
    if (!ballot.needed(p)) {
        r.error_code = KafkaError::election_not_needed;
        return r;
    }
    auto change = ballot.hold(*topic, index);
    const bool elected =
        change && (ballot.election == Election::unclean ? change->leader >= 0
                                                        : change->leader == p.replicas.front());
    if (!elected) {
        r.error_code = ballot.election == Election::unclean
                           ? KafkaError::eligible_leaders_not_available
                           : KafkaError::preferred_leader_not_available;
        return r;
    }
    records.emplace_back(*std::move(change));
    return r;
}
}  // namespace

Decision<wire::ElectLeadersResponse> elect_leaders(const MetadataImage& image,
                                                   const wire::ElectLeadersRequest& q,
                                                   const model::TopicConfig& defaults) {
    Decision<wire::ElectLeadersResponse> d;
    if (q.election_type != 0 && q.election_type != 1) {
        d.response.error_code = KafkaError::invalid_request;
        return d;
    }
    const Ballot ballot{image, defaults,
                        q.election_type == 0 ? Election::preferred : Election::unclean};
    const auto answer = [&](const std::string& name, std::vector<Result> results) {
        wire::ElectLeadersResponse::ReplicaElectionResult out;
        out.topic = name;
        out.partition_result = std::move(results);
        d.response.replica_election_results.push_back(std::move(out));
    };
    if (q.topic_partitions) {
        for (const auto& t : *q.topic_partitions) {
            std::vector<Result> results;
            for (const std::int32_t i : t.partitions)
                results.push_back(elect_one(ballot, image.find(t.topic), t.topic, i, d.records));
            answer(t.topic, std::move(results));
        }
        return d;
    }
    const auto& needed = q.election_type == 0 ? image.index.away() : image.index.leaderless();
    std::vector<Result> results;
    const model::TopicImage* of = nullptr;
    each_of(image, needed,
            [&](const model::TopicImage& topic, std::int32_t i, const PartitionImage&) {
                if (of != nullptr && of != &topic) answer(of->name, std::exchange(results, {}));
                of = &topic;
                results.push_back(elect_one(ballot, &topic, topic.name, i, d.records));
            });
    if (of != nullptr) answer(of->name, std::move(results));
    return d;
}

Records balance_leaders(const MetadataImage& image, const model::TopicConfig& defaults,
                        std::int32_t imbalance_percent, std::size_t limit) {
    struct Share {
        std::size_t preferred = 0, elsewhere = 0;
    };
    // Only brokers that lack some of theirs matter.
    std::map<std::int32_t, Share> shares;
    each_of(image, image.index.away(),
            [&](const model::TopicImage&, std::int32_t, const PartitionImage& p) {
                ++shares[p.replicas.front()].elsewhere;
            });
    for (auto& [broker, share] : shares) {
        each_of(image, image.index.of(NodeId{broker}),
                [&](const model::TopicImage&, std::int32_t, const PartitionImage& p) {
                    share.preferred += p.replicas.front() == broker ? 1 : 0;
                });
    }
    const Ballot ballot{image, defaults, Election::preferred};
    Records records;
    each_of(image, image.index.away(),
            [&](const model::TopicImage& topic, std::int32_t i, const PartitionImage& p) {
                if (records.size() >= limit || !contains(p.isr, p.replicas.front())) return;
                const Share& s = shares[p.replicas.front()];
                if (s.elsewhere * 100 <= s.preferred * static_cast<std::size_t>(imbalance_percent))
                    return;
                auto change = ballot.hold(topic, i);
                if (change && change->leader == p.replicas.front())
                    records.emplace_back(*std::move(change));
            });
    return records;
}
}  // namespace faultline::logic

#include "tests/bench/scale_decisions.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <functional>

#include <fmt/format.h>

#include "core/base/snapshot.h"
#include "core/logic/controller/partitions.h"
#include "core/logic/controller/topics.h"

namespace faultline::bench {
namespace {
using logic::Records;
using model::MetadataImage;

constexpr int kPartitionsPerTopic = 100, kRounds = 31;
const std::string kCluster = "AAAAAAAAAAAAAAAAAAAAAQ";

double cpu_us() {
    std::timespec t{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_nsec) / 1e3;
}

void require(bool holds, const char* what) {
    if (holds) return;
    fmt::print(stderr, "scale: {}\n", what);
    std::exit(2);
}

void take(MetadataImage& image, const Records& records) {
    image.applied = image.applied + static_cast<std::int64_t>(records.size());
    for (const auto& r : records) image.apply(r);
}

wire::BrokerRegistrationRequest registration(std::int32_t id, std::uint64_t process) {
    wire::BrokerRegistrationRequest q;
    q.broker_id = id;
    q.cluster_id = kCluster;
    q.incarnation_id = {.hi = static_cast<std::uint64_t>(id), .lo = process};
    q.listeners.emplace_back().host = "h";
    q.log_dirs = {Uuid{.hi = 1, .lo = static_cast<std::uint64_t>(id)}};
    return q;
}

wire::BrokerHeartbeatRequest sign_of_life(const MetadataImage& image, std::int32_t id) {
    wire::BrokerHeartbeatRequest q;
    q.broker_id = id;
    q.broker_epoch = image.broker(id)->epoch;
    q.current_metadata_offset = image.applied.v - 1;
    return q;
}

class Cluster {
public:
    Cluster(int brokers, int partitions) : brokers_(brokers) {
        image_.cluster_id = kCluster;
        for (std::int32_t id = 1; id <= brokers; ++id) enlist(image_, id, 1);
        for (int made = 0; made < partitions; made += kPartitionsPerTopic)
            create(image_, fmt::format("topic-{}", made / kPartitionsPerTopic),
                   std::min(kPartitionsPerTopic, partitions - made));
    }

    // `prepare` may bring the image to where the event happens; it is not counted.
    EventCost measure(const std::string& name,
                      const std::function<void(MetadataImage&, std::int32_t)>& prepare,
                      const std::function<Records(const MetadataImage&, std::int32_t)>& event) {
        std::vector<double> times;
        std::size_t changes = 0;
        for (int round = 0; round < kRounds; ++round) {
            const std::int32_t broker = 1 + round * 7 % brokers_;
            MetadataImage image = image_;
            prepare(image, broker);
            const Snapshot<MetadataImage> before(image, 1);  // the shards have it
            const double begin = cpu_us();
            const Records records = event(image, broker);
            if (!records.empty()) {
                take(image, records);
                const Snapshot<MetadataImage> after(image, 2);
                const Uuid digest = image.digest();
                times.push_back(cpu_us() - begin);
                require(!(digest == before->digest()), "an event changed nothing");
            } else {
                times.push_back(cpu_us() - begin);
            }
            changes = std::max(changes, records.size());
        }
        std::ranges::sort(times);
        return {name, times[times.size() / 2], std::max<std::size_t>(changes, 1)};
    }

    void enlist(MetadataImage& image, std::int32_t id, std::uint64_t process) {
        take(image, logic::register_broker(image, registration(id, process), image.applied.v, false,
                                           defaults_.config)
                        .records);
        const auto beat = logic::heartbeat(image, sign_of_life(image, id), defaults_.config);
        require(!beat.response.is_fenced, "a broker was not unfenced");
        take(image, beat.records);
    }
    void fence(MetadataImage& image, std::int32_t id) {
        take(image, logic::fence_broker(image, NodeId{id}, defaults_.config));
    }
    Records make(const MetadataImage& image, const std::string& topic, int partitions) {
        wire::CreateTopicsRequest q;
        auto& t = q.topics.emplace_back();
        t.name = topic;
        t.num_partitions = partitions;
        t.replication_factor = 3;
        return logic::create_topics(image, q, defaults_, rng_).records;
    }
    void create(MetadataImage& image, const std::string& topic, int partitions) {
        const Records records = make(image, topic, partitions);
        require(records.size() == static_cast<std::size_t>(partitions) + 1, "no topic was made");
        take(image, records);
    }
    // A leader of one partition takes a follower out of its ISR.
    Records shrink(const MetadataImage& image, std::int32_t round) {
        const auto& topic = *image.find(fmt::format("topic-{}", 0));
        const auto index = static_cast<std::size_t>(round) % topic.partitions.size();
        const model::PartitionImage& p = topic.partitions[index];
        wire::AlterPartitionRequest q;
        q.broker_id = p.leader.v;
        q.broker_epoch = image.broker(p.leader)->epoch;
        q.topics.emplace_back().topic_id = topic.id;
        auto& change = q.topics.back().partitions.emplace_back();
        change.partition_index = static_cast<std::int32_t>(index);
        change.leader_epoch = p.leader_epoch.v;
        change.partition_epoch = p.partition_epoch;
        change.new_isr_with_epochs.push_back({p.leader.v, q.broker_epoch, {}});
        return logic::alter_partition(image, q, defaults_.config).records;
    }
    const logic::TopicDefaults& defaults() const { return defaults_; }

private:
    std::int32_t brokers_;
    logic::TopicDefaults defaults_;
    Rng rng_{1};
    MetadataImage image_;
};
}  // namespace

std::vector<EventCost> cost_of_events(int brokers, int partitions) {
    Cluster c(brokers, partitions);
    const auto nothing = [](MetadataImage&, std::int32_t) {};
    const auto fenced = [&](MetadataImage& image, std::int32_t id) { c.fence(image, id); };
    const auto& config = c.defaults().config;
    std::vector<EventCost> costs;
    costs.push_back(c.measure("heartbeat", nothing, [&](const auto& image, std::int32_t id) {
        return logic::heartbeat(image, sign_of_life(image, id), config).records;
    }));
    costs.push_back(c.measure("AlterPartition", nothing, [&](const auto& image, std::int32_t id) {
        return c.shrink(image, id);
    }));
    costs.push_back(c.measure("topic of 1", nothing, [&](const auto& image, std::int32_t) {
        return c.make(image, "another", 1);
    }));
    costs.push_back(c.measure("fencing", nothing, [&](const auto& image, std::int32_t id) {
        return logic::fence_broker(image, NodeId{id}, config);
    }));
    // It looks at the partitions of the broker, and leaves them as they are.
    std::size_t looked_at = 0;
    costs.push_back(c.measure("registration", fenced, [&](const auto& image, std::int32_t id) {
        looked_at = std::max(looked_at, image.index.of(NodeId{id}).size());
        return logic::register_broker(image, registration(id, 2), image.applied.v, false, config)
            .records;
    }));
    costs.back().changes = looked_at;
    costs.push_back(c.measure("unfencing", fenced, [&](const auto& image, std::int32_t id) {
        return logic::heartbeat(image, sign_of_life(image, id), config).records;
    }));
    costs.push_back(c.measure("shutdown", nothing, [&](const auto& image, std::int32_t id) {
        auto q = sign_of_life(image, id);
        q.want_shut_down = true;
        return logic::heartbeat(image, q, config).records;
    }));
    return costs;
}
}  // namespace faultline::bench

// Topics, configuration and the cluster, for a person or a scenario.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/client/cluster.h"

namespace faultline::client {

// What the broker said of one request; `message` may be empty.
struct AdminAnswer {
    wire::KafkaError error = wire::KafkaError::none;
    std::string message;
    Uuid topic_id{};  // of a topic that was made
    bool ok() const noexcept { return error == wire::KafkaError::none; }
};

struct NewTopic {
    std::string name;
    std::int32_t partitions = -1;  // -1: the broker's default
    std::int16_t replicas = -1;    // -1: the broker's default
    std::map<std::string, std::string> configs;
};

// What has a configuration of its own.
struct ConfigResource {
    // Kafka's numbers.
    enum class Kind : std::int8_t { topic = 2, broker = 4, client_metrics = 16, group = 32 };
    Kind kind = Kind::topic;
    std::string name;  // a broker's is its id; empty: the default of all brokers
};
struct ConfigEntry {
    std::string name;
    std::optional<std::string> value;  // nothing: none, or hidden because it is sensitive
    std::int8_t source = 0;            // Kafka's ConfigSource; 5: the default
    bool read_only = false, sensitive = false;
    bool is_default() const noexcept { return source == 5; }
};
struct ConfigAnswer {
    AdminAnswer answer;
    std::vector<ConfigEntry> entries;
};
struct ConfigChange {
    std::string name;
    std::optional<std::string> value;  // nothing: back to the default
};

struct ClusterInfo {
    struct Broker {
        std::int32_t node = -1;
        std::string host;
        std::int32_t port = 0;
        std::optional<std::string> rack;
        bool fenced = false;
    };
    std::string id;
    std::int32_t controller = -1;
    std::vector<Broker> brokers;
};

// The quorum that keeps the metadata.
struct QuorumInfo {
    struct Replica {
        std::int32_t node = -1;
        std::int64_t end = -1;           // of its log
        std::int64_t caught_up_ms = -1;  // when it last had all of the leader's; -1: not known
    };
    AdminAnswer answer;
    std::int32_t leader = -1, epoch = -1;
    std::int64_t high_watermark = -1;
    std::vector<Replica> voters, observers;
};

// Errors of every call: timed_out and the others of rpc::ClientConn, which leave open whether the
// cluster did it; invalid where the broker does not serve the request; cancelled. Retriable answers
// of the broker are asked again until the deadline, and then told. All park.
class Admin {
public:
    Admin(Env& env, ClientConfig config) : cluster_(env, std::move(config)) {}
    Result<AdminAnswer> create_topic(const NewTopic& topic, Deadline deadline,
                                     fiber::StopToken stop = {});
    Result<AdminAnswer> delete_topic(const std::string& name, Deadline deadline,
                                     fiber::StopToken stop = {});
    // Gives a topic more partitions, `count` in all.
    Result<AdminAnswer> create_partitions(const std::string& name, std::int32_t count,
                                          Deadline deadline, fiber::StopToken stop = {});
    Result<ConfigAnswer> describe_configs(const ConfigResource& resource, Deadline deadline,
                                          fiber::StopToken stop = {});
    // All of `changes`, or none.
    Result<AdminAnswer> alter_configs(const ConfigResource& resource,
                                      const std::vector<ConfigChange>& changes, Deadline deadline,
                                      fiber::StopToken stop = {});
    // Brokers and all topics, by name: view() of the result.
    Result<const MetadataView*> describe(Deadline deadline, fiber::StopToken stop = {});
    Result<ClusterInfo> describe_cluster(Deadline deadline, fiber::StopToken stop = {});
    Result<QuorumInfo> describe_quorum(Deadline deadline, fiber::StopToken stop = {});
    Cluster& cluster() noexcept { return cluster_; }
    void close() { cluster_.close(); }

private:
    using Once = std::function<Result<AdminAnswer>(rpc::ClientConn&)>;
    // Asks until the answer is final: no error, or one that retrying does not heal.
    Result<AdminAnswer> ask(const Once& once, Deadline deadline, fiber::StopToken stop);
    // Only a broker itself tells and changes its configuration.
    Result<ConnRef> holder_of(const ConfigResource& resource, Deadline deadline,
                              fiber::StopToken stop);
    Cluster cluster_;
};
}  // namespace faultline::client

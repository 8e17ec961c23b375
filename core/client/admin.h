// Topics and the cluster, for a person or a scenario.
#pragma once
#include <cstdint>
#include <map>
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

// Errors of every call: timed_out and the others of rpc::ClientConn, which leave open whether the
// cluster did it; cancelled. Retriable answers of the broker are asked again until the deadline,
// and then told.
class Admin {
public:
    Admin(Env& env, ClientConfig config) : cluster_(env, std::move(config)) {}
    Result<AdminAnswer> create_topic(const NewTopic& topic, Deadline deadline,
                                     fiber::StopToken stop = {});
    Result<AdminAnswer> delete_topic(const std::string& name, Deadline deadline,
                                     fiber::StopToken stop = {});
    // Brokers and all topics, by name: view() of the result.
    Result<const MetadataView*> describe(Deadline deadline, fiber::StopToken stop = {});
    Cluster& cluster() noexcept { return cluster_; }
    void close() { cluster_.close(); }

private:
    Cluster cluster_;
};
}  // namespace faultline::client

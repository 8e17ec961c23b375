// A client's way to a cluster: its connections and what it knows of the brokers.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/env/env.h"
#include "core/fiber/sync.h"
#include "core/logic/client/metadata_view.h"
#include "core/logic/client/retry_policy.h"
#include "core/rpc/client_conn.h"

namespace faultline::client {

struct ClientConfig {
    std::vector<Endpoint> bootstrap;
    std::string client_id = "faultline";
    Duration connect_timeout = std::chrono::seconds(10);
    Duration request_timeout = std::chrono::seconds(30);
    RetryPolicy retry;
    // What is known of a topic is asked for again after this time: partitions may have been added.
    Duration metadata_max_age = std::chrono::minutes(5);
    bool allow_auto_create = false;  // asking for a topic's metadata may make the topic
    std::size_t max_response = 128U << 20;
};

using ConnRef = std::shared_ptr<rpc::ClientConn>;

// The leader of a partition, and a connection to it.
struct Leader {
    ConnRef conn;
    std::int32_t epoch = -1;
    Uuid topic_id;  // zero: unknown, then requests must name the topic
};

// Brokers are tried again with back-off until the caller's deadline. One connection per broker,
// made when first needed. For fibers of one shard.
class Cluster {
public:
    Cluster(Env& env, ClientConfig config);
    // Requires close() before, unless the fibers were killed.
    ~Cluster() = default;
    Cluster(const Cluster&) = delete;
    Cluster& operator=(const Cluster&) = delete;

    // A usable connection to any broker. Parks. timed_out, cancelled.
    Result<ConnRef> any(Deadline deadline, fiber::StopToken stop = {});
    // A usable connection to the broker with this id. Parks. not_found when the cluster does not
    // know it; timed_out, cancelled.
    Result<ConnRef> broker(std::int32_t node, Deadline deadline, fiber::StopToken stop = {});
    // The leader of a partition, asking for metadata as often as needed. Parks. not_found when the
    // cluster answered until the deadline that the topic or partition is not there; timed_out,
    // cancelled.
    Result<Leader> leader(const std::string& topic, std::int32_t partition, Deadline deadline,
                          fiber::StopToken stop = {});
    // A usable connection to a broker that the metadata names; one attempt. Parks. not_found when
    // it names none such; unreachable, timed_out, cancelled.
    Result<ConnRef> known_broker(std::int32_t id, Deadline deadline, fiber::StopToken stop = {});
    // The number of partitions of a topic. As leader().
    Result<std::int32_t> partitions(const std::string& topic, Deadline deadline,
                                    fiber::StopToken stop = {});
    // Asks for the metadata of `topic` and of all topics asked for before; of every topic of the
    // cluster when empty. Parks.
    Result<void> refresh(const std::string& topic, Deadline deadline, fiber::StopToken stop = {});
    // The next leader() of this topic asks again: a broker has answered that ours is not it.
    void note_stale(const std::string& topic) { stale_.insert(topic); }

    const MetadataView& view() const noexcept { return view_; }
    const ClientConfig& config() const noexcept { return config_; }
    Env& env() noexcept { return env_; }
    Rng& rng() noexcept { return rng_; }
    // Parks for the back-off of a retry; at most until `deadline`. cancelled, timed_out.
    Result<void> back_off(std::uint32_t attempt, Deadline deadline, fiber::StopToken stop);
    // When a retry may be made, after `attempt` failures.
    MonoTime retry_at(std::uint32_t attempt) {
        return env_.clock.in(config_.retry.wait(attempt, rng_)).at;
    }
    MonoTime now() const { return env_.clock.now(); }
    // The earlier of `deadline` and a request's time-out from now.
    Deadline request_deadline(Deadline deadline) const;
    // Closes every connection. Parks. Nobody may be inside another call.
    void close();

private:
    struct Broker {
        ConnRef conn;
        fiber::Mutex connecting;
    };
    Result<ConnRef> connect(const Endpoint& endpoint, Deadline deadline, fiber::StopToken stop);
    std::vector<Endpoint> candidates() const;
    // Asks once more for what is older than metadata_max_age. Parks.
    void refresh_aged(const std::string& topic, Deadline deadline, fiber::StopToken stop);
    void reap();

    Env& env_;
    ClientConfig config_;
    Rng rng_;
    MetadataView view_;
    std::map<Endpoint, std::unique_ptr<Broker>> brokers_;
    std::vector<ConnRef> dead_;  // unusable, their reader fibers not joined yet
    std::set<std::string> wanted_, stale_;
    std::map<std::string, MonoTime> asked_;  // when each topic was answered for last
    std::size_t next_candidate_ = 0;
    std::optional<Endpoint> asked_last_;  // for metadata
    // Has known no leader for longer than an election takes: the others are asked before it.
    std::optional<Endpoint> clueless_;
};
}  // namespace faultline::client

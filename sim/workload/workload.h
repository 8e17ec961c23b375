// The clients of a scenario: what runs in the nodes that are not brokers. Each is a node's main; it
// works through core/client alone, as any program would, and tells what it was told by probe
// events.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/env/env.h"
#include "sim/scenario/scenario.h"

namespace faultline::sim {

// What a client's program has written down where a crash does not reach: one that is started again
// goes on where it was, instead of doing everything twice.
struct Memory {
    struct Sent {
        std::int64_t next = 0;                             // record
        std::map<std::int64_t, probe::PartitionKey> open;  // sent, without an answer
    };
    std::map<std::int32_t, Sent> producers;                                         // by number
    std::map<std::int32_t, std::map<probe::PartitionKey, std::int64_t>> consumers;  // next offset
};

struct WorkloadContext {
    std::vector<Endpoint> bootstrap;
    std::uint64_t run = 0;  // the seed, in every payload
    std::vector<TopicSpec> topics;
    std::map<std::string, std::string> racks{};  // of clients that stand in one, by id
    Memory* memory = nullptr;                    // of all clients; must outlive them
    // A damaged record reached a client as data (INV-87). The first argument says who.
    std::function<void(const std::string& who, const std::string& what)> on_corrupt;
    // A record was found in a topic that it was not sent to (INV-90).
    std::function<void(const std::string& who, const std::string& what)> on_foreign;
};

// Makes the scenario's topics, then returns. Tries until it has succeeded or `stop` is requested.
void create_topics(Env& env, fiber::StopToken stop, const WorkloadContext& context);

// Sends spec.count records at spec.rate and returns when each has its answer.
// Emits ProduceSent, ProduceAcked, ProduceFailed; `client` is the producer's number.
void run_producer(Env& env, fiber::StopToken stop, const WorkloadContext& context,
                  const ProducerSpec& spec, std::int32_t client);

// Makes, fills, reads and deletes topics of its own until `stop` is requested. `client` goes into
// the payloads, beside the topic's incarnation; it is no producer's number.
void run_admin(Env& env, fiber::StopToken stop, const WorkloadContext& context,
               const AdminSpec& spec, std::int32_t client);

// What an operator asks of the cluster, asked again until it is accepted or refused for good.
// False: refused, or `stop` was requested. `replicas`: of a reassignment, by id; empty: it is
// cancelled.
bool run_operator(Env& env, fiber::StopToken stop, const WorkloadContext& context,
                  const FaultSpec& what, const std::vector<std::int32_t>& replicas);

// A controller, and where it listens as one.
struct ControllerPlace {
    NodeId node;
    Endpoint endpoint;
};
// Of add_voter and remove_voter: one controller after the other votes, or does not any more. Each
// is asked for until it is so or refused for good; where the voters stand in the configuration,
// they are moved into the metadata log first. False: refused, nothing to change, or `stop` was
// requested.
bool run_voter_operator(Env& env, fiber::StopToken stop, const WorkloadContext& context,
                        const FaultSpec& what, const std::vector<ControllerPlace>& controllers);

// Reads every partition of `topics` from its beginning until `stop` is requested. Emits
// RecordDelivered; `consumer` is the consumer's number.
void run_consumer(Env& env, fiber::StopToken stop, const WorkloadContext& context,
                  const std::vector<TopicSpec>& topics, const std::string& id,
                  std::int32_t consumer, Duration start);
}  // namespace faultline::sim

// The metadata of a cluster on one node: the image that the log gives, and, where this node leads
// the quorum, the active controller that decides what is written next. Lives on shard 0.
#pragma once
#include <functional>
#include <memory>

#include "core/base/snapshot.h"
#include "core/controller/broker_sessions.h"
#include "core/controller/quorum.h"
#include "core/fiber/sync.h"
#include "core/logic/controller/configs.h"
#include "core/logic/controller/fail_all.h"
#include "core/logic/controller/large_decision.h"
#include "core/logic/controller/partitions.h"
#include "gen/wire/add_raft_voter_request.h"
#include "gen/wire/add_raft_voter_response.h"
#include "gen/wire/allocate_producer_ids_request.h"
#include "gen/wire/allocate_producer_ids_response.h"
#include "gen/wire/create_partitions_request.h"
#include "gen/wire/create_partitions_response.h"
#include "gen/wire/describe_quorum_request.h"
#include "gen/wire/describe_quorum_response.h"
#include "gen/wire/remove_raft_voter_request.h"
#include "gen/wire/remove_raft_voter_response.h"
#include "gen/wire/unregister_broker_request.h"
#include "gen/wire/unregister_broker_response.h"
#include "gen/wire/update_features_request.h"
#include "gen/wire/update_features_response.h"
#include "gen/wire/update_raft_voter_request.h"
#include "gen/wire/update_raft_voter_response.h"

namespace faultline::controller {

struct ControllerConfig {
    QuorumConfig quorum;
    logic::TopicDefaults defaults;
    bool delete_topics = true;                           // delete.topic.enable
    Duration session = std::chrono::seconds(9);          // broker.session.timeout.ms
    bool balance_leaders = true;                         // auto.leader.rebalance.enable
    Duration balance_every = std::chrono::seconds(300);  // leader.imbalance.check.interval.seconds
    std::int32_t balance_percent = 10;                   // leader.imbalance.per.broker.percentage
};

using ImageRef = Snapshot<model::MetadataImage>;

// What the node does with metadata.
class ControllerEvents {
public:
    virtual ~ControllerEvents() = default;
    // Brings an image to every shard; returns when each has it. Parks.
    virtual void publish(const ImageRef& image, const model::ImageChanges& changes) = 0;
    // The metadata log cannot be kept: the node has to stop. Never parks.
    virtual void failed(const Error& error) = 0;
    // This node is the active controller no more; its successor does not know that yet. Never
    // parks.
    virtual void deposed() = 0;
};

// Errors of all serve(): fenced, this node is not the active controller, or ceased to be while it
// decided: then what was asked may have happened; timed_out, likewise.
class Controller final : public QuorumEvents {
public:
    Controller(Env& env, ControllerConfig config, ControllerEvents& events);
    // Reads the log. Parks. corrupt, io.
    Result<void> open(storage::LogManager& logs);
    void start();
    // Parks.
    void stop();

    const model::MetadataImage& image() const noexcept { return image_; }
    // With what is not in the log's records: kraft.version, where the voters stand in the log.
    model::MetadataImage told_image() const;
    // Topics whose removal the log holds, by id.
    const std::set<Uuid>& removed_topics() const noexcept { return removed_; }
    // Whether it began from a snapshot: then earlier removals are not known.
    bool began_from_snapshot() const noexcept { return from_snapshot_; }
    Quorum& quorum() noexcept { return quorum_; }
    bool active() const noexcept { return reign_.has_value(); }
    // How long the broker of this node may lead on the word of this controller, which another may
    // have replaced already. The past when this is not the active one; never() when nobody else
    // can be. Never parks.
    MonoTime own_lease() const;

    Result<wire::BrokerRegistrationResponse> serve(const wire::BrokerRegistrationRequest& request);
    Result<wire::BrokerHeartbeatResponse> serve(const wire::BrokerHeartbeatRequest& request);
    Result<wire::AlterPartitionResponse> serve(const wire::AlterPartitionRequest& request);
    Result<wire::CreateTopicsResponse> serve(const wire::CreateTopicsRequest& request);
    Result<wire::DeleteTopicsResponse> serve(const wire::DeleteTopicsRequest& request);
    Result<wire::CreatePartitionsResponse> serve(const wire::CreatePartitionsRequest& request);
    // Of the metadata log, by the one who leads it; never parks.
    Result<wire::DescribeQuorumResponse> serve(const wire::DescribeQuorumRequest& request);
    Result<wire::AllocateProducerIdsResponse> serve(
        const wire::AllocateProducerIdsRequest& request);
    Result<wire::ElectLeadersResponse> serve(const wire::ElectLeadersRequest& request);
    Result<wire::AlterPartitionReassignmentsResponse> serve(
        const wire::AlterPartitionReassignmentsRequest& request);
    Result<wire::ListPartitionReassignmentsResponse> serve(
        const wire::ListPartitionReassignmentsRequest& request);
    Result<wire::UnregisterBrokerResponse> serve(const wire::UnregisterBrokerRequest& request);
    Result<wire::AddRaftVoterResponse> serve(const wire::AddRaftVoterRequest& request);
    Result<wire::RemoveRaftVoterResponse> serve(const wire::RemoveRaftVoterRequest& request);
    Result<wire::UpdateRaftVoterResponse> serve(const wire::UpdateRaftVoterRequest& request);
    Result<wire::UpdateFeaturesResponse> serve(const wire::UpdateFeaturesRequest& request);
    Result<wire::IncrementalAlterConfigsResponse> serve(
        const wire::IncrementalAlterConfigsRequest& request);
    Result<wire::AlterConfigsResponse> serve(const wire::AlterConfigsRequest& request);

private:
    void committed(const MetadataBatch& batch) override;
    void loaded(const MetadataSnapshot& snapshot) override;
    // Events of what this record of the log, just applied, says.
    void tell(const model::MetadataRecord& record, Offset at) const;
    model::MetadataImage image_copy() const override { return image_; }
    void caught_up(Offset end) override;
    void leads(std::optional<Epoch> epoch) override;
    void failed(const Error& error) override { events_.failed(error); }

    // One decision at a time, each on the image that the one before it left. `fn(image)` gives a
    // logic::Decision.
    template <class Fn>
    auto decide(Fn fn)
        -> Result<decltype(fn(std::declval<const model::MetadataImage&>()).response)>;
    // The same for a client's request, which is refused when it asks for too much at once.
    template <class Request, class Fn>
    auto decide_for(const Request& request, Fn fn)
        -> Result<decltype(fn(std::declval<const model::MetadataImage&>()).response)>;
    template <class Response, class Request>
    std::optional<Response> refuse_change(const Request& request) const;
    void reign(fiber::StopToken stop);
    void begin_reign(fiber::Group& fibers);
    void fence(NodeId broker, std::int64_t epoch);
    void balance(fiber::StopToken stop);
    // What topics have that set nothing: the node's own, below what is set for all brokers.
    const model::TopicConfig& topic_defaults() const noexcept { return topic_defaults_; }

    Env& env_;
    ControllerConfig config_;
    ControllerEvents& events_;
    Quorum quorum_;
    model::MetadataImage image_;
    model::TopicConfig topic_defaults_;
    std::set<Uuid> removed_;
    bool from_snapshot_ = false;
    model::ImageChanges changes_;  // since the last publish()
    std::uint64_t version_ = 0;
    fiber::Mutex deciding_;
    std::optional<Epoch> reign_;  // in which this node is the active controller
    std::unique_ptr<BrokerSessions> sessions_;
    fiber::Condition reign_changed_;
    fiber::Group fibers_;
};

inline constexpr Duration kCommitTimeout = std::chrono::seconds(30);  // then it is not known

template <class Fn>
auto Controller::decide(Fn fn)
    -> Result<decltype(fn(std::declval<const model::MetadataImage&>()).response)> {
    if (!active()) return Error{Errc::fenced, 0, "controller.not_active"};
    FL_TRY(const auto turn, deciding_.lock(env_.clock.in(kCommitTimeout), fibers_.token()));
    if (!active()) return Error{Errc::fenced, 0, "controller.not_active"};
    auto decision = fn(std::as_const(image_));
    if (!decision.records.empty())
        FL_CHECK(quorum_.append(decision.records, env_.clock.in(kCommitTimeout)));
    return std::move(decision.response);
}

template <class Request, class Fn>
auto Controller::decide_for(const Request& request, Fn fn)
    -> Result<decltype(fn(std::declval<const model::MetadataImage&>()).response)> {
    return decide([&](const model::MetadataImage& image) {
        auto decision = fn(image);
        if (!logic::too_large(decision.records)) return decision;
        env_.log.warn("a client's request is refused: it would be {} records of the metadata log",
                      decision.records.size());
        decision = {};
        logic::fail_all(request, wire::KafkaError::policy_violation, decision.response,
                        logic::kTooLarge);
        return decision;
    });
}
}  // namespace faultline::controller

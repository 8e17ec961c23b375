// One replica of the metadata log's quorum: the shell around logic::raft::Raft. Decides nothing;
// keeps promises and batches on the disk, carries messages, and hands out what is committed.
// Lives on shard 0. A node that is no voter follows as an observer: so brokers get the metadata.
#pragma once
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "core/controller/quorum_log.h"
#include "core/controller/quorum_peer.h"
#include "core/controller/quorum_state_file.h"
#include "core/logic/raft/raft.h"

namespace faultline::controller {

struct VoterEndpoint {
    NodeId id;
    Endpoint endpoint;  // of its controller listener
    friend bool operator==(const VoterEndpoint&, const VoterEndpoint&) = default;
};

struct QuorumConfig {
    NodeId node;
    std::string cluster_id;
    std::vector<VoterEndpoint> voters;  // controller.quorum.voters; one: a quorum of one
    raft::RaftConfig raft;
};

// Who hears of the quorum, in fibers of it. None of them may throw away a call: order matters.
class QuorumEvents {
public:
    virtual ~QuorumEvents() = default;
    // Batches in their order, each once. May park: what is committed meanwhile waits.
    virtual void committed(const MetadataBatch& batch) = 0;
    // All that was committed so far has been handed out. May park.
    virtual void caught_up(Offset end) = 0;
    // This node leads since `epoch`, or (nothing) leads no more. Never parks.
    virtual void leads(std::optional<Epoch> epoch) = 0;
    // The metadata log cannot be kept any more. Never parks.
    virtual void failed(const Error& error) = 0;
};

class Quorum final : public PeerEvents {
public:
    Quorum(Env& env, QuorumConfig config, QuorumEvents& events);
    // Reads what is on the disk. Parks. corrupt, io, no_space.
    Result<void> open(storage::LogManager& logs);
    // Begins to take part. After open(), once.
    void start();
    // Says good-bye when it leads, ends its fibers. Parks.
    void stop();

    // --- as the leader
    // ---------------------------------------------------------------------------
    // Appends the records as one batch and parks until they are committed and handed out. fenced:
    // this node does not lead (any more); timed_out, cancelled. They may come to be committed then.
    Result<Offset> append(const std::vector<model::MetadataRecord>& records, Deadline deadline);
    // Where the next record of append() would stand; no park between this and append().
    Offset log_end() const { return raft_->log().end; }
    // It leads, and all that was ever committed has been handed out.
    bool ready() const { return raft_->ready() && told_ >= ready_at_; }

    // --- requests of other replicas; park
    // -----------------------------------------------------------
    Result<wire::VoteResponse> vote(const wire::VoteRequest& request);
    Result<wire::BeginQuorumEpochResponse> begin_epoch(
        const wire::BeginQuorumEpochRequest& request);
    Result<wire::EndQuorumEpochResponse> end_epoch(const wire::EndQuorumEpochRequest& request);
    // Held back while there is no news.
    Result<wire::FetchResponse> fetch(const wire::FetchRequest& request);

    const raft::Raft& raft() const { return *raft_; }
    const QuorumConfig& config() const noexcept { return config_; }
    // Who leads, as far as is known, and where it listens for brokers and controllers.
    std::optional<NodeId> leader() const { return raft_->state().leader; }
    const Endpoint* endpoint_of(NodeId node) const;
    Offset applied() const noexcept { return applied_; }
    MonoTime last_fetch(NodeId replica) const;
    raft::ChangeRefusal add_voter(const raft::ReplicaKey& replica, const Endpoint& endpoint);
    raft::ChangeRefusal remove_voter(const raft::ReplicaKey& replica);

private:
    // A request whose answer Raft has yet to give.
    struct Ask {
        NodeId from;
        std::size_t kind;  // of the answer, by its index in raft::Message
        std::uint64_t number = 0;
        fiber::Waiter waiter;
        bool answered = false;
        raft::Message answer;
        IoBuf records;
    };

    void answered(NodeId from, const raft::Message& message) override;
    void fetched(NodeId from, raft::FetchResponse response, const IoBuf& records) override;
    void unreachable(NodeId peer, bool was_fetch, bool gone) override;

    void run(fiber::StopToken stop);
    void flush(fiber::StopToken stop);
    void hand_out(fiber::StopToken stop);
    Result<void> hand_out_up_to(Offset end);
    // Raft has something to do, or something was told to it.
    void poke() { work_.notify_all(); }
    bool has_work() { return !raft_->effects().empty() || !effects_.empty(); }
    void perform(fiber::StopToken stop);
    // True when it was done; false when it must be tried again later.
    Result<void> perform(raft::Effect& effect);
    Result<void> append_batches(const raft::AppendBatches& effect);
    Result<void> answer_fetch(const raft::SendFetched& effect);
    void reply(NodeId to, const raft::Message& message, IoBuf records);
    Result<raft::Message> ask(NodeId from, const raft::Message& message, std::size_t kind,
                              std::uint64_t number, IoBuf* records);
    template <class Answer>
    static constexpr std::size_t kind_of();
    void fail(const Error& error);

    Env& env_;
    QuorumConfig config_;
    QuorumEvents& events_;
    QuorumLog log_;
    std::string state_path_;
    std::optional<raft::Raft> raft_;
    std::map<NodeId, std::unique_ptr<QuorumPeer>> peers_;
    std::map<std::uint64_t, IoBuf>
        payloads_;  // of batches that Raft has taken, until they are written
    std::uint64_t next_payload_ = 1, next_number_ = 1;
    std::deque<raft::Effect> effects_;  // in their order
    std::deque<Ask*> asks_;
    fiber::Condition work_, written_, commits_, handed_out_;
    Offset committed_{0}, applied_{0}, told_{0}, ready_at_{0};  // told: caught_up() returned
    Epoch reign_{0};  // of which this node leads or led last
    std::optional<Error> broken_;
    bool announced_ = false;
    fiber::Group fibers_;
};
}  // namespace faultline::controller

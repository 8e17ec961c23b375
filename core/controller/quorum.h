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
#include "core/controller/snapshot_store.h"
#include "core/fiber/sync.h"
#include "core/logic/raft/raft.h"

namespace faultline::controller {

struct VoterEndpoint {
    NodeId id;
    Endpoint endpoint;  // of its controller listener
    friend bool operator==(const VoterEndpoint&, const VoterEndpoint&) = default;
};

// When snapshots are written, and what of the log they let go. Kafka's defaults.
struct SnapshotConfig {
    std::int64_t record_bytes = 20 << 20;       // metadata.log.max.record.bytes.between.snapshots
    Duration interval = std::chrono::hours(1);  // metadata.log.max.snapshot.interval.ms; 0: never
    std::int64_t retention_bytes = 100 << 20;   // metadata.max.retention.bytes; negative: no limit
    std::int64_t retention_ms = 604'800'000;    // metadata.max.retention.ms; likewise
    std::int32_t part_bytes = 1 << 20;          // controller.quorum.fetch.snapshot.max.bytes
};

struct QuorumConfig {
    NodeId node;
    std::string cluster_id;
    // controller.quorum.voters; one: a quorum of one; empty: they stand in the log, kraft.version 1
    std::vector<VoterEndpoint> voters;
    std::vector<Endpoint> bootstrap{};     // controller.quorum.bootstrap.servers, but for this node
    std::optional<Endpoint> advertised{};  // where this node listens as a controller
    std::string listener = "CONTROLLER";   // what that listener is called
    raft::RaftConfig raft;
    SnapshotConfig snapshots;
};

// Who hears of the quorum, in fibers of it. None of them may throw away a call: order matters.
class QuorumEvents {
public:
    virtual ~QuorumEvents() = default;
    // Batches in their order, each once. May park: what is committed meanwhile waits.
    virtual void committed(const MetadataBatch& batch) = 0;
    // In the place of all that was handed out and all that is below snapshot.id.end. Never parks.
    virtual void loaded(const MetadataSnapshot& snapshot) = 0;
    // The image that all that was handed out makes. Never parks.
    virtual model::MetadataImage image_copy() const = 0;
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
    // Held back while there is no news. `lane`: of the connection on which it came, another number
    // for each (raft::FetchRequest).
    Result<wire::FetchResponse> fetch(const wire::FetchRequest& request, std::uint64_t lane);
    Result<wire::FetchSnapshotResponse> fetch_snapshot(const wire::FetchSnapshotRequest& request,
                                                       std::uint64_t lane);

    const raft::Raft& raft() const { return *raft_; }
    const QuorumConfig& config() const noexcept { return config_; }
    // Who leads, as far as is known, and where it listens for brokers and controllers.
    std::optional<NodeId> leader() const { return raft_->leader(); }
    std::optional<Endpoint> endpoint_of(NodeId node) const;
    // All below is what this node acts on: caught_up() has returned. What is merely read is not
    // said to a controller: it would unfence a broker whose partitions do not know yet who leads
    // them.
    Offset applied() const noexcept { return told_; }
    MonoTime last_fetch(NodeId replica) const;

    // --- quorum_voters.cpp: KIP-853; park until the change is committed or refused. fenced: this
    // node does not lead (any more), it may come to be committed; timed_out, likewise.
    Result<raft::ChangeRefusal> add_voter(const raft::ReplicaKey& replica,
                                          const raft::VoterAddresses& addresses, Deadline deadline);
    Result<raft::ChangeRefusal> remove_voter(const raft::ReplicaKey& replica, Deadline deadline);
    Result<raft::ChangeRefusal> update_voter(const raft::ReplicaKey& replica,
                                             const raft::VoterAddresses& addresses,
                                             Deadline deadline);
    // kraft.version becomes 1: from now on the voters stand in the log.
    Result<raft::ChangeRefusal> begin_dynamic_voters(Deadline deadline);

private:
    // A request whose answer Raft has yet to give. What is told apart by its number, a fetch, has
    // one; the others of a kind are answered one by one, in their order.
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
    void learned(NodeId node, const Endpoint& endpoint) override;
    void unreachable(NodeId peer, bool was_fetch, bool gone) override;

    bool believable(Epoch epoch) const;
    void run(fiber::StopToken stop);
    void flush(fiber::StopToken stop);
    void hand_out(fiber::StopToken stop);
    Result<void> hand_out_up_to(Offset end);
    // Null when it is not known where that node listens.
    QuorumPeer* peer(NodeId node);
    raft::VoterAddresses own_addresses() const;
    Result<raft::ChangeRefusal> change_voters(const std::function<raft::ChangeRefusal()>& change,
                                              Deadline deadline);
    raft::ChangeRefusal restate_in_log();
    void compare_addresses(fiber::StopToken stop);
    // --- quorum_snapshots.cpp
    // --------------------------------------------------------------------
    // What is on the disk is made to fit together; gives the voters at the log's start.
    Result<raft::VoterSet> open_snapshots(raft::LogView& view, raft::VoterSet first);
    Result<void> load_snapshot();
    void keep_snapshots(fiber::StopToken stop);
    Result<void> write_snapshot();
    Result<void> trim_log();
    bool may_trim_to(const SnapshotInfo& snapshot) const;
    void fetch_snapshots(fiber::StopToken stop);
    Result<MetadataSnapshot> download(const raft::FetchSnapshot& job, fiber::StopToken stop);
    Result<void> install(const MetadataSnapshot& snapshot, fiber::StopToken stop);
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
    void tell_damage(const Error& error) const;
    void fail(const Error& error);

    Env& env_;
    QuorumConfig config_;
    QuorumEvents& events_;
    storage::LogManager* logs_ = nullptr;
    QuorumLog log_;
    SnapshotStore snapshots_;
    raft::VoterSet static_voters_;  // of the configuration
    std::string state_path_;
    probe::PartitionKey log_key_ = 0;
    std::optional<raft::Raft> raft_;
    std::map<NodeId, std::unique_ptr<QuorumPeer>> peers_;
    std::map<NodeId, Endpoint> learned_;  // what others said where nodes listen
    std::map<std::uint64_t, IoBuf>
        payloads_;  // of batches that Raft has taken, until they are written
    std::uint64_t next_payload_ = 1, next_number_ = 1;
    std::deque<raft::Effect> effects_;  // in their order
    std::deque<Ask*> asks_;
    // Answers that are still to come, and whose askers have gone: so many of that kind to that
    // node.
    std::map<std::pair<NodeId, std::size_t>, unsigned> late_;
    fiber::Condition work_, written_, commits_, handed_out_;
    Offset committed_{0}, applied_{0}, told_{0}, ready_at_{0};  // told: caught_up() returned
    Epoch reign_{0};  // of which this node leads or led last
    std::optional<Error> broken_;
    bool announced_ = false;
    // Snapshots. Who writes one or replaces the log by one has the turn.
    fiber::Mutex snapshot_turn_;
    std::int64_t fresh_bytes_ = 0;    // of committed batches since the newest snapshot
    std::int64_t last_batch_ms_ = 0;  // when the last batch was written that was handed out
    fiber::Condition snapshot_due_, wanted_changed_, downloaded_changed_;
    std::optional<raft::FetchSnapshot> wanted_;   // to be fetched
    std::optional<MetadataSnapshot> downloaded_;  // to be installed
    bool replacing_ = false;  // the log is being replaced: Raft hears of nothing meanwhile
    fiber::Group fibers_;
};

// Between attempts to write to a full disk.
inline constexpr Duration kFullDiskRetry = std::chrono::milliseconds(200);

// By which a bootstrap server is asked before it is known which node it is.
NodeId bootstrap_id(std::size_t index);
}  // namespace faultline::controller

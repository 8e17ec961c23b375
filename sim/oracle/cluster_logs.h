// What each replica of a partition holds, who leads it, and what was ever committed, as the events
// of the nodes tell it. The oracles of clusters (INV-140 to INV-157) have one between them.
#pragma once
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "sim/oracle/survival_budget.h"

namespace faultline::sim {

class ClusterLogs {
public:
    struct Batch {
        std::int64_t first = 0, last = 0;
        std::int32_t epoch = -1;  // of the leader that wrote it
        std::uint32_t crc = 0;
        bool known = true;  // false: it was found in the log when that was opened
        bool same(const Batch& o) const {
            return first == o.first && last == o.last && epoch == o.epoch && crc == o.crc;
        }
    };
    // Below a leader's high watermark.
    struct Committed : Batch {
        std::int32_t reign = -1;   // epoch of the leader that first committed it
        std::uint64_t number = 0;  // of the event
    };
    enum class Part : std::uint8_t { none, follower, leader };
    // A node's log of a partition.
    struct Replica {
        bool opened = false;
        std::int64_t start = 0, end = 0, durable = 0;
        std::int64_t agreed = 0;  // up to here it was compared with what was committed
        std::deque<Batch> batches;
        Part part = Part::none;
        std::int32_t epoch = -1;         // in which it has this part
        std::int32_t newest_epoch = -1;  // in which it had one, in any process
        NodeId leader{-1};               // whom it follows
        std::uint64_t isr = 0;           // as it believes as leader, a bit for each broker
    };
    struct Partition {
        std::vector<Replica> replicas;  // by node
        std::deque<Committed> committed;
        std::int64_t committed_end = 0;
        bool judged = false;    // a topic that stays
        bool lazy = false;      // its acknowledgements do not wait for the disk
        bool unclean = false;   // a leader may be elected that lacks what was committed
        bool forgiven = false;  // it lost committed records, as its configuration permits
        std::int64_t min_isr = 1, factor = 1;
        std::int32_t top_epoch = -1;  // the newest in which anybody led
        NodeId top_leader{-1};
        std::uint64_t isr = 0;  // as the metadata log has it; a bit for each broker, as below
        // Nodes that may have lost what was not durable, and those that shut down in disorder,
        // whose controller cannot know whether they have; until they are in the ISR again with all
        // that is committed.
        std::uint64_t dark = 0, disorderly = 0;
        std::uint64_t wiped = 0;  // and those that may have lost everything, until then as well
    };
    // A log that is not as what was committed.
    struct Difference {
        Committed committed;
        std::optional<Batch> found;  // nothing: the log has no batch there
    };

    ClusterLogs(const Recorder& recorder, const Cast& cast);
    // Each oracle tells each event; the first to do so counts.
    void on_probe(NodeId node, const probe::Event& event);
    void on_sim(const SimEvent& event);

    // Both valid until the next event. Null: a partition that is not judged.
    Partition* find(probe::PartitionKey key);
    Replica& replica(Partition& p, NodeId node);
    // Compares a log with what leaders of epochs up to `reign` committed below `to`. A difference
    // is met again, as long as it is there.
    std::optional<Difference> compare(Partition& p, Replica& r, std::int64_t to,
                                      std::int32_t reign = INT32_MAX);
    // The batch that holds `offset`; null when there is none.
    static const Batch* batch_at(const Replica& r, std::int64_t offset);
    // What the replica has that counts for an acknowledgement.
    static std::int64_t holds(const Partition& p, const Replica& r) {
        return p.lazy ? r.end : r.durable;
    }
    // May this partition lose committed records? Then it is forgiven from now on, and counted.
    bool may_lose(const Partition& p) const;
    // May this replica lack what it told its leader that it holds?
    bool may_lack(const Partition& p, NodeId node) const {
        return ((p.lazy ? p.dark | p.wiped : p.wiped) & bit(node)) != 0;
    }
    // Who lacks something, and what.
    struct Lacking {
        NodeId node;
        Difference what;
    };
    void forgive(Partition& p, std::int64_t records);
    std::uint64_t forgiven_records() const noexcept { return forgiven_records_; }
    // The differences that the newest event brought: a high watermark above other records than were
    // committed before.
    const std::optional<Difference>& disagreement() const noexcept { return disagreement_; }
    // The same, of the leader of a later epoch, which lacks what an old leader commits now.
    const std::optional<Difference>& overtaken() const noexcept { return overtaken_; }
    // The newest event cut this committed batch out of a log.
    const std::optional<Committed>& cut() const noexcept { return cut_; }
    // The newest event let this one into the ISR.
    const std::optional<Lacking>& lacking() const noexcept { return lacking_; }
    // So many were let in by it whose logs are known.
    std::uint64_t let_in() const noexcept { return compared_; }
    bool beyond() const noexcept { return budget_.beyond(); }

private:
    static std::uint64_t bit(NodeId node) {
        return node.v >= 0 && node.v < 64 ? std::uint64_t{1} << node.v : 0;
    }
    bool fresh();
    void opened(NodeId node, const probe::LogOpened& o);
    void appended(NodeId node, const probe::BatchAppended& a);
    static bool knows_no_better(const Partition& p, NodeId node, const Replica& r,
                                const Committed& lost);
    void truncated(NodeId node, const probe::LogTruncated& t);
    void moved(NodeId node, const probe::LogStartMoved& m);
    void takes_part(NodeId node, probe::PartitionKey key, Epoch epoch, Part part, NodeId leader);
    void advanced(NodeId node, const probe::HighWatermark& h);
    void isr_committed(const probe::IsrCommitted& c);
    enum class Loss : std::uint8_t { nothing, unsynced, all };
    void in_doubt(NodeId node, Loss loss);
    void wiped_clean(NodeId node);
    void commit(Partition& p, Replica& r, std::int64_t to);
    static void shorten(Replica& r, std::int64_t end);
    Partition introduce(probe::PartitionKey key) const;

    const Recorder& recorder_;
    const Cast& cast_;
    SurvivalBudget budget_;
    std::vector<Partition> partitions_;  // by key
    std::vector<bool> introduced_;
    std::uint64_t seen_ = 0;  // number of the newest event
    std::uint64_t dark_ = 0, disorderly_ = 0,
                  wiped_ = 0;  // for one that is not introduced yet
    // Whose newest process is the one that is registered, a bit for each.
    std::uint64_t registered_ = 0;
    Offset metadata_{-1};  // of the newest record of the metadata log that was told of
    std::uint64_t forgiven_records_ = 0;
    std::optional<Difference> disagreement_, overtaken_;
    std::optional<Committed> cut_;
    std::optional<Lacking> lacking_;
    std::uint64_t compared_ = 0;
};

// "n2"
std::string node_name(NodeId node);
std::string show(const ClusterLogs::Batch& batch);
// "has nothing there", or the batch that is there.
std::string show_found(const ClusterLogs::Difference& difference);
}  // namespace faultline::sim

// One reign of the leader of a partition: how far its replicas are, who is in sync, what is
// committed. Pure: calls with the time go in, the high watermark and proposals for the controller
// come out. Kafka's rules: KIP-101, KIP-497 (AlterPartition), KIP-903 (broker epochs), KIP-966
// (nothing is committed below min.insync.replicas).
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "core/base/ids.h"
#include "core/base/time.h"
#include "core/model/metadata_image.h"

namespace faultline::logic {

// What the controller said of the partition.
struct PartitionView {
    Epoch epoch{0};  // of the leader
    std::int32_t partition_epoch = 0;
    model::BrokerIds replicas, isr;
    bool recovering = false;
};

struct LeaderRules {
    std::int64_t min_isr = 1;                     // min.insync.replicas
    Duration max_lag = std::chrono::seconds(30);  // replica.lag.time.max.ms
};

struct IsrMember {
    std::int32_t id = -1;
    std::int64_t broker_epoch = -1;  // -1: of the leader itself
    friend bool operator==(const IsrMember&, const IsrMember&) = default;
};
struct IsrProposal {
    std::vector<IsrMember> isr;
    std::int32_t partition_epoch = 0;  // which it changes
    friend bool operator==(const IsrProposal&, const IsrProposal&) = default;
};

// A fetch of a follower, once it is clear that its log is a beginning of the leader's.
struct FollowerFetch {
    NodeId follower;
    std::int64_t broker_epoch = -1;
    Offset at{0};  // all below it is held: on its disk, where acknowledgements wait for disks
    Offset log_start{0};
};

// A follower that consumers may read (KIP-392).
struct ReadableFollower {
    NodeId id;
    Offset held{0};
    MonoTime caught_up{};  // when it last held all that there was
};

class LeaderState {
public:
    // `log_end`: where the log ended when the reign began; `high_watermark`: as known until then.
    LeaderState(NodeId self, PartitionView view, const LeaderRules& rules, Offset log_end,
                Offset high_watermark, MonoTime now);

    // --- inputs; each may raise the high watermark
    // -------------------------------------------------
    // What the leader itself holds: durable, where acknowledgements wait for the disk.
    void holds(Offset end);
    // `log_end`: of the leader now. False: not a replica of this partition.
    bool fetched(MonoTime now, const FollowerFetch& fetch, Offset log_end);
    // The controller changed the partition within this reign. Older news are passed over.
    void update(const PartitionView& view);
    void set_rules(const LeaderRules& rules);

    // --- ISR changes
    // ------------------------------------------------------------------------------
    // What to ask of the controller now. One at a time: nothing while an answer is awaited.
    // `may_join(id, broker_epoch)`: that broker is alive, and this is its process.
    std::optional<IsrProposal> propose(
        MonoTime now, const std::function<bool(std::int32_t, std::int64_t)>& may_join);
    // It was refused for good: the ISR is as it was.
    void refused();
    // No answer came: it may have been accepted, so it is asked again and counts until then.
    void unanswered() { asked_ = false; }

    Offset high_watermark() const noexcept { return high_watermark_; }
    // Where the log ended when the reign began.
    Offset epoch_start() const noexcept { return epoch_start_; }
    const PartitionView& view() const noexcept { return view_; }
    // min.insync.replicas, but never more than there are replicas.
    std::int64_t effective_min_isr() const;
    bool enough_in_sync() const {
        return std::cmp_greater_equal(view_.isr.size(), effective_min_isr());
    }
    // Members of the ISR that hold what stands at `offset`, or end there; by id.
    std::vector<ReadableFollower> readable(Offset offset) const;
    // What the leader, whose log starts at `own`, and all replicas that are alive have deleted
    // (KIP-107); -1 while one of them has not told where its log starts.
    Offset low_watermark(Offset own, const std::function<bool(NodeId)>& alive) const;
    // When propose() may have a member to take out.
    MonoTime next_check() const;

private:
    struct Progress {
        Offset held{-1};
        Offset log_start{0};
        std::int64_t broker_epoch = -1;
        MonoTime caught_up{};   // when it last held all that there was
        MonoTime fetched_at{};  // its last fetch, and where the leader's log ended then
        Offset end_then{-1};
        bool fetched = false;
    };
    bool counts(std::int32_t id) const;
    void advance();

    NodeId self_;
    PartitionView view_;
    LeaderRules rules_;
    Offset epoch_start_;
    Offset own_{0};
    // INV-132  It never exceeds what each member of the ISR, accepted or proposed, holds; INV-133
    // it never falls in a reign.
    Offset high_watermark_;
    std::map<std::int32_t, Progress> progress_;  // of the other replicas
    std::optional<IsrProposal> proposed_;        // until the controller's word is known
    bool asked_ = false;                         // and an answer is awaited
};
}  // namespace faultline::logic

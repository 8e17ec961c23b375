// A run told in numbered plain sentences: "4. 2.310s n1 lost power; 3 unsynced writes of orders-0
// were dropped, one torn at byte 1536."
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "sim/trace/recorder.h"
#include "sim/trace/trace_head.h"

namespace faultline::sim {

// Routine traffic is told in sums, what changes the course of a run one by one. The same events
// give the same sentences. Memory is bounded by the number of turns, not of events.
class StoryTeller final : public Listener {
public:
    // `head` gives nodes their names; the recorder, which has the texts, must outlive this.
    StoryTeller(TraceHead head, const Recorder& recorder)
        : recorder_(recorder), head_(std::move(head)) {}

    void on_probe(MonoTime, NodeId, const probe::Event&) override;
    void on_sim(MonoTime, const SimEvent&) override;

    // Ends the story. At most `most` sentences: routine ones go first, then the middle.
    std::vector<std::string> sentences(std::size_t most = 30);

private:
    void of_cluster(MonoTime at, NodeId node, const probe::Event& event);
    enum class Rank : std::uint8_t { routine, event };
    struct Sentence {
        MonoTime at;
        std::string text;
        Rank rank;
    };
    // What is told as a sum at the next turn. Keyed by what a sentence distinguishes.
    struct Sum {
        MonoTime last;
        std::int64_t count = 0;
        std::int64_t first = 0, end = 0;  // offsets
    };
    // In the order in which sums of one moment are told: causes first.
    enum class Sort : std::uint8_t {
        effect,
        disk_failed,
        dropped,
        cut,
        refused,
        answered,
        failed,
        acked,
        read,
        rolled,
        deleted,
        note
    };
    using Key = std::tuple<Sort, NodeId, std::uint64_t, std::uint64_t>;
    struct Loss {
        NodeId node;
        MonoTime at;
        std::vector<DiskLost> pieces;
    };
    struct Recovery {
        MonoTime since;
        std::vector<std::string> parts;
        std::map<probe::PartitionKey, std::uint64_t> torn;  // bytes cut
    };

    void say(MonoTime at, std::string text, Rank rank = Rank::event);
    void add(MonoTime at, Key key, std::int64_t count, std::int64_t first = 0,
             std::int64_t end = 0);
    void turn();  // tells the sums
    void tell_starts();
    void tell_loss();
    void settle(MonoTime at);  // what was waiting for more of the same moment
    std::string sum_text(const Key& key, const Sum& sum) const;
    std::string records_text(const Key& key, const Sum& sum) const;
    std::string name(NodeId node) const { return head_.name_of(node); }
    std::string partition(probe::PartitionKey key) const {
        return std::string(recorder_.partition_name(key));
    }

    void started(MonoTime at, const NodeStarted& e);
    void stopped(MonoTime at, const NodeStopped& e);
    void crashed(MonoTime at, const NodeCrashed& e);
    void paused(MonoTime at, const NodePaused& e);
    void ready(MonoTime at, NodeId node);
    void leads(MonoTime at, NodeId node, const probe::LeaderChanged& e);
    std::string names_of(std::uint64_t bits) const;
    void opened(NodeId node, const probe::LogOpened& e);

    const Recorder& recorder_;
    const TraceHead head_;
    std::vector<Sentence> sentences_;
    std::map<Key, Sum> sums_;
    std::vector<std::pair<MonoTime, NodeId>> starts_;
    std::map<NodeId, Recovery> recoveries_;
    std::map<NodeId, MonoTime> paused_;
    std::map<NodeId, int> full_;  // shards that found the disk full
    std::map<std::uint32_t, std::pair<Label, std::int64_t>> faults_;  // what, effects
    std::map<probe::PartitionKey, NodeId> led_;                       // by whom last
    std::map<Epoch, NodeId> quorum_leaders_;                          // by epoch
    struct Conn {
        NodeId to;
        std::int64_t waiting = 0;  // requests without an answer
    };
    std::map<std::uint32_t, Conn> conns_;
    Loss loss_{};
    bool losing_ = false;
    MonoTime end_{}, last_effect_{-1};
};
}  // namespace faultline::sim

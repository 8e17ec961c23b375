// One property of a run per class. An oracle reads the events as they happen and speaks at the
// first that contradicts its property; it counts how often the premise held, so that a run in which
// it had nothing to check is seen.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"
#include "sim/scenario/scenario.h"
#include "sim/trace/recorder.h"

namespace faultline::sim {

struct Finding {
    std::int32_t invariant = 0;  // docs/INVARIANTS.md
    std::string_view name;
    MonoTime at;
    std::string sentence;    // the two facts that contradict each other
    std::uint64_t fact = 0;  // number of the earlier event that is contradicted; 0: not known
    std::string_view transition = {};  // type of the event at which it was found; set by the judge
};

// Keeps the first finding, tells the trace, and lets the run stop there.
class Judge {
public:
    explicit Judge(Recorder& recorder) : recorder_(recorder) {}
    void report(Finding finding);
    // Called at the first finding, from wherever it was found.
    void on_finding(std::function<void()> fn) { on_finding_ = std::move(fn); }
    // From now on findings are about the whole run, not about an event.
    void end_of_run() noexcept { ended_ = true; }
    const std::optional<Finding>& finding() const noexcept { return finding_; }
    Recorder& recorder() noexcept { return recorder_; }

private:
    Recorder& recorder_;
    std::optional<Finding> finding_;
    bool ended_ = false;
    std::function<void()> on_finding_;
};

class Oracle : public Listener {
public:
    Oracle(Judge& judge, std::int32_t invariant, std::string_view name)
        : judge_(judge), invariant_(invariant), name_(name) {}
    // False: events need not be told to it, another one gathers for it.
    virtual bool listens() const { return true; }
    // After the last event. Liveness and completeness are judged here.
    virtual void finish(MonoTime) {}
    // A sentence for the report beside the verdict; "" when there is nothing to say.
    virtual std::string remark() const { return ""; }
    std::int32_t invariant() const noexcept { return invariant_; }
    std::string_view name() const noexcept { return name_; }
    std::uint64_t premises() const noexcept { return premises_; }

protected:
    // `fact`: the number of the earlier event that this contradicts.
    void violate(MonoTime at, std::string sentence, std::uint64_t fact = 0) {
        judge_.report({invariant_, name_, at, std::move(sentence), fact});
    }
    // Of the event that is being told.
    std::uint64_t event_number() const { return judge_.recorder().events(); }
    std::string_view partition_name(probe::PartitionKey key) const {
        return judge_.recorder().partition_name(key);
    }
    Judge& judge_;
    std::uint64_t premises_ = 0;

private:
    std::int32_t invariant_;
    std::string_view name_;
};

// A topic of the scenario, as far as the oracles of clusters need it.
struct TopicContract {
    std::int64_t replicas = 1, min_isr = 1;
    bool unclean = false;  // unclean.leader.election.enable
};

// What a client number in an event stands for. Producers come first, then consumers, then the
// auditor, which reads everything from the beginning when the faults are over.
struct Cast {
    std::int32_t brokers = 1, controllers = 0;  // controllers of their own
    std::vector<ProducerSpec> producers;
    std::vector<ConsumerSpec> consumers;
    std::map<std::string, std::int64_t> retention_ms;  // by topic; -1: for ever
    bool flush_before_ack = true;                      // of the cluster's configuration
    std::set<std::string> topics;                      // that consumers and the auditor read
    std::vector<FaultKind> faults;                     // by number
    std::int64_t max_drift_ppm = 0;                    // of any clock, either way
    bool clocks_stand = false;                         // while a node is paused
    std::map<std::string, bool> topic_flush_before_ack;
    Survival survival = Survival::any;
    std::set<std::string> unclean_topics;  // unclean.leader.election.enable: elections may lose
    std::map<std::string, std::int64_t> min_isr;          // min.insync.replicas by topic
    std::map<std::string, TopicContract> cluster_topics;  // that stay; empty with one broker
    // From here on no fault acts and all nodes of the cluster run; never when some stay dead, or
    // the network is not a LAN.
    MonoTime healed = MonoTime::never();
    Duration balance_every = std::chrono::seconds(300);  // leader.imbalance.check.interval.seconds
    Duration quorum_fetch_timeout{};                     // controller.quorum.fetch.timeout.ms

    std::int32_t auditor() const { return static_cast<std::int32_t>(consumers.size()); }
    const std::string& producer_name(std::int32_t client) const {
        return producers[static_cast<std::size_t>(client)].id;
    }
    // The name of a consumer, or "the auditor".
    std::string consumer_name(std::int32_t consumer) const;
    // Do acknowledgements of this topic wait for the disk?
    bool flushes(const std::string& topic) const {
        const auto own = topic_flush_before_ack.find(topic);
        return own == topic_flush_before_ack.end() ? flush_before_ack : own->second;
    }
    // Does an acknowledgement of this producer promise to survive power loss?
    bool promises_durability(std::int32_t client) const;
};

// "orders" of "orders-0".
std::string_view topic_of(std::string_view partition);
// Of the metadata log, whose leader is the quorum's.
bool is_quorum(std::string_view partition);

// What is judged, for people: a row for each invariant that a run can violate.
struct OracleInfo {
    std::int32_t invariant;
    std::string_view name, statement;
    std::string_view catalogue = {};  // what it is called in docs/ORACLES.md
};
std::span<const OracleInfo> oracle_table();

// All oracles that today's broker can violate, in order of their invariant.
std::vector<std::unique_ptr<Oracle>> make_oracles(Judge& judge, const Cast& cast);
// Those that need no more than what clients saw: they judge a cluster of real daemons as well.
std::vector<std::unique_ptr<Oracle>> make_client_oracles(Judge& judge, const Cast& cast);

std::unique_ptr<Oracle> make_acked_is_durable(Judge&, const Cast&);        // INV-80
std::unique_ptr<Oracle> make_dense_offsets(Judge&, const Cast&);           // INV-81
std::unique_ptr<Oracle> make_log_prefix(Judge&, const Cast&);              // INV-82
std::unique_ptr<Oracle> make_no_phantom(Judge&, const Cast&);              // INV-83
std::unique_ptr<Oracle> make_producer_order(Judge&, const Cast&);          // INV-84
std::unique_ptr<Oracle> make_high_watermark(Judge&, const Cast&);          // INV-85
std::unique_ptr<Oracle> make_retention_earned(Judge&, const Cast&);        // INV-86
std::unique_ptr<Oracle> make_log_structure(Judge&, const Cast&);           // INV-91
std::unique_ptr<Oracle> make_recovery_keeps_durable(Judge&, const Cast&);  // INV-93
std::unique_ptr<Oracle> make_answers_in_order(Judge&, const Cast&);        // INV-94
// INV-95 to INV-102, one for each of history_checks().
void add_history_oracles(std::vector<std::unique_ptr<Oracle>>& all, Judge&, const Cast&);
std::unique_ptr<Oracle> make_sync_honesty(Judge&, const Cast&);       // INV-103
std::unique_ptr<Oracle> make_documented_errors(Judge&, const Cast&);  // INV-104
std::unique_ptr<Oracle> make_failed_send_read(Judge&, const Cast&);   // INV-105
std::unique_ptr<Oracle> make_survival(Judge&, const Cast&);           // INV-152
// Of clusters; one ClusterLogs between those that need it.
class ClusterLogs;
using ClusterLogsRef = std::shared_ptr<ClusterLogs>;
std::unique_ptr<Oracle> make_leader_complete(Judge&, const Cast&, ClusterLogsRef);    // INV-140
std::unique_ptr<Oracle> make_committed_agree(Judge&, const Cast&, ClusterLogsRef);    // INV-141
std::unique_ptr<Oracle> make_one_leader(Judge&, const Cast&);                         // INV-142
std::unique_ptr<Oracle> make_isr_covers(Judge&, const Cast&, ClusterLogsRef);         // INV-143
std::unique_ptr<Oracle> make_follower_credit(Judge&, const Cast&, ClusterLogsRef);    // INV-144
std::unique_ptr<Oracle> make_node_watermark(Judge&, const Cast&, ClusterLogsRef);     // INV-145
std::unique_ptr<Oracle> make_acked_survives(Judge&, const Cast&, ClusterLogsRef);     // INV-146
std::unique_ptr<Oracle> make_metadata_equal(Judge&, const Cast&);                     // INV-147
std::unique_ptr<Oracle> make_cluster_settles(Judge&, const Cast&);                    // INV-148
std::unique_ptr<Oracle> make_deleted_stays(Judge&, const Cast&, ClusterLogsRef);      // INV-149
std::unique_ptr<Oracle> make_removed_elsewhere(Judge&, const Cast&, ClusterLogsRef);  // INV-150
std::unique_ptr<Oracle> make_no_stray(Judge&, const Cast&, ClusterLogsRef);           // INV-151
std::unique_ptr<Oracle> make_own_epoch(Judge&);                                       // INV-154
std::unique_ptr<Oracle> make_resigns(Judge&, const Cast&);                            // INV-155
std::unique_ptr<Oracle> make_voters_by_one(Judge&);                                   // INV-156
std::unique_ptr<Oracle> make_isr_complete(Judge&, const Cast&, ClusterLogsRef);       // INV-157
std::unique_ptr<Oracle> make_lost_is_silent(Judge&, const Cast&);                     // INV-158

// Reported by the workload, not by an oracle of their own:
inline constexpr std::int32_t kNoCorruptData = 87;   // no damaged batch reaches a client as data
inline constexpr std::int32_t kProgress = 88;        // after the faults, clients finish
inline constexpr std::int32_t kNoAbort = 89;         // no FL_ASSERT fails
inline constexpr std::int32_t kTopicIsolation = 90;  // no record of a topic in another one
}  // namespace faultline::sim

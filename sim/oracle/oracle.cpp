#include "sim/oracle/oracle.h"

#include "sim/oracle/cluster_logs.h"
#include "sim/oracle/metadata_snapshots.h"

namespace faultline::sim {

void Judge::report(Finding finding) {
    if (finding_) return;
    finding.transition = ended_ ? "end" : recorder_.last_event();
    // The event at which it was found is the second fact, unless the run is over.
    const std::uint64_t now = ended_ ? 0 : recorder_.events();
    recorder_.record(finding.at, Violation{static_cast<std::uint32_t>(finding.invariant),
                                           recorder_.intern(finding.sentence), finding.fact, now});
    finding_ = std::move(finding);
    if (on_finding_) on_finding_();
}

std::string Cast::consumer_name(std::int32_t consumer) const {
    if (consumer == auditor()) return "the auditor";
    return consumers[static_cast<std::size_t>(consumer)].id;
}

bool Cast::promises_durability(std::int32_t client) const {
    const ProducerSpec& p = producers[static_cast<std::size_t>(client)];
    return p.acks == Acks::all && flushes(p.topic);
}

std::string_view topic_of(std::string_view partition) {
    return partition.substr(0, partition.rfind('-'));
}

bool is_quorum(std::string_view partition) { return partition == "__cluster_metadata-0"; }

namespace {
constexpr OracleInfo kRows[] = {
    {80, "acked-is-durable",
     "An acknowledged record stays in the log at its offset, within the contract of its "
     "acknowledgement.",
     "S1 S10"},
    {81, "dense-offsets",
     "A leader gives consecutive offsets; a consumer sees each once and in order.", "S12 S15"},
    {82, "log-prefix", "An offset holds one record for ever, unless the log was cut below it.",
     "S3 S8"},
    {83, "no-phantom", "A delivered record was sent by the producer it names, to that partition.",
     "S8 D3"},
    {84, "producer-order",
     "The records of one producer stand in the order in which it sent them, each once where it "
     "is idempotent.",
     "T1 T2"},
    {85, "high-watermark",
     "The high watermark never exceeds the log end nor what is durable, never falls, and "
     "nobody reads at or above it.",
     "S7 S8 S13"},
    {86, "retention-earned", "A record is deleted by age only when retention.ms has really passed.",
     "S16 K3"},
    {kNoCorruptData, "no-corrupt-data", "No damaged batch reaches a client as data.", "D3"},
    {kProgress, "progress", "When the faults are over, clients finish.", "L3 L8"},
    {kNoAbort, "no-assertion-fails", "No assertion fails.", "P1"},
    {kTopicIsolation, "topic-isolation",
     "A record sent to one topic is never found in another, nor in a later topic of the same "
     "name.",
     "S17"},
    {91, "log-structure",
     "Log start <= high watermark <= log end; log start, leader epochs and durability never "
     "fall; "
     "segments begin at a durable end and go oldest first, for good.",
     "S12 S13 S16 D5"},
    {93, "recovery-keeps-durable",
     "A log that is opened again ends no earlier than what fsync had covered.", "D1 D2 D6"},
    {94, "answers-in-order",
     "A broker answers the requests of a connection in their order, each once.", "P2"},
    {95, "lost-write",
     "Below the highest offset read, every acknowledged value was read by somebody.", "lost-write"},
    {96, "duplicate", "A value of an idempotent producer stands at one offset.", "duplicate"},
    {97, "inconsistent-offsets", "An offset holds one value for all clients.",
     "inconsistent-offsets"},
    {98, "unseen", "When everything was read, every acknowledged value was seen.", "unseen"},
    {99, "poll-skip", "A consumer never jumps over offsets that exist.", "poll-skip"},
    {100, "nonmonotonic-poll", "A consumer is given rising offsets.", "nonmonotonic-poll"},
    {101, "nonmonotonic-send",
     "The values of an idempotent producer stand in the order of sending.", "nonmonotonic-send"},
    {102, "aborted-read", "A consumer of committed records is given nothing that was aborted.",
     "G1a"},
    {103, "sync-honesty",
     "After a failed sync nothing of that partition is called durable until the broker starts "
     "again.",
     "D1"},
    {104, "documented-errors",
     "A Produce is answered with an error that the protocol documents for it; success brings "
     "an offset, an error none.",
     "P3"},
    {105, "failed-send-read", "Nobody is given a record whose sending failed for certain.", "G1a"},
    {140, "leader-complete",
     "The log of a node that begins to lead holds everything that was ever committed.", "S5"},
    {141, "committed-agree",
     "What was committed at an offset is the same on every node, and no replica cuts it off.",
     "S2 S3"},
    {142, "one-leader", "An epoch of a partition, and of the quorum, has one leader.", "S4 M1"},
    {143, "isr-covers",
     "What a leader commits is held by every member of its ISR, and by min.insync.replicas.",
     "S7 S9"},
    {144, "follower-credit",
     "A follower is counted to hold no more than what is in its log, and nothing that diverged.",
     "S7"},
    {145, "node-watermark",
     "A high watermark is not beyond the log of its node and what leaders committed, and does "
     "not fall; nobody is given what no leader had committed.",
     "S7 S8 S13"},
    {146, "acked-survives",
     "A record acknowledged with acks=all was committed, and stays at its offset.", "S1 S10"},
    {147, "metadata-equal",
     "Nodes that applied the same metadata have the same image; no node goes back.", "M3 M4"},
    {148, "cluster-settles",
     "After the faults each partition has a leader soon and keeps it; its replicas come back "
     "into the ISR.",
     "L1 L2 L4"},
    {149, "deleted-stays-deleted",
     "Once DeleteRecords was answered, nobody begins to lead with a log that starts lower.",
     "S12 S16"},
    {150, "removed-is-elsewhere",
     "A node removes its log of a partition that stays only when min.insync.replicas others hold "
     "all that is committed.",
     "S9 S11"},
    {151, "no-stray", "After the faults a partition has its log on the nodes of its ISR alone.",
     "S11"},
    {152, "survival",
     "Of the acknowledged records as many are found at the end as the scenario says: all, or not "
     "all.",
     "S1"},
    {153, "metadata-snapshots",
     "The metadata log of a node begins at 0, or not above a snapshot that it has.", "M5"},
    {154, "own-epoch", "A leader of the quorum commits nothing before a record of its own epoch.",
     "M4"},
    {155, "resigns",
     "A controller that the majority has left for a later one ceases to lead the quorum.", "M2"},
    {156, "voters-by-one",
     "The voters of the quorum change by one, after the change before is committed and a record of "
     "the leader's own epoch.",
     "M1 M4"},
    {157, "isr-complete", "Who is let into the ISR holds everything that was committed until then.",
     "S9"},
    {158, "lost-is-silent",
     "A broker that was fenced acknowledges no record until it is let in again.", "S6"},
};
}  // namespace

std::span<const OracleInfo> oracle_table() { return kRows; }

namespace {
void add_cluster_oracles(std::vector<std::unique_ptr<Oracle>>& all, Judge& judge,
                         const Cast& cast) {
    const auto logs = std::make_shared<ClusterLogs>(judge.recorder(), cast);
    all.push_back(make_leader_complete(judge, cast, logs));
    all.push_back(make_committed_agree(judge, cast, logs));
    all.push_back(make_one_leader(judge, cast));
    all.push_back(make_isr_covers(judge, cast, logs));
    all.push_back(make_follower_credit(judge, cast, logs));
    all.push_back(make_node_watermark(judge, cast, logs));
    all.push_back(make_acked_survives(judge, cast, logs));
    all.push_back(make_metadata_equal(judge, cast));
    all.push_back(make_cluster_settles(judge, cast));
    all.push_back(make_metadata_snapshots(judge, cast));
    all.push_back(make_deleted_stays(judge, cast, logs));
    all.push_back(make_removed_elsewhere(judge, cast, logs));
    all.push_back(make_no_stray(judge, cast, logs));
    all.push_back(make_own_epoch(judge));
    all.push_back(make_resigns(judge, cast));
    all.push_back(make_voters_by_one(judge));
    all.push_back(make_isr_complete(judge, cast, logs));
    all.push_back(make_lost_is_silent(judge, cast));
}
}  // namespace

std::vector<std::unique_ptr<Oracle>> make_oracles(Judge& judge, const Cast& cast) {
    std::vector<std::unique_ptr<Oracle>> all;
    // Of the one log of a partition; a cluster's replicas are judged by oracles of their own.
    if (cast.brokers == 1) {
        all.push_back(make_acked_is_durable(judge, cast));
        all.push_back(make_dense_offsets(judge, cast));
        all.push_back(make_log_prefix(judge, cast));
    }
    all.push_back(make_no_phantom(judge, cast));
    all.push_back(make_producer_order(judge, cast));
    if (cast.brokers == 1) all.push_back(make_high_watermark(judge, cast));
    all.push_back(make_retention_earned(judge, cast));
    all.push_back(make_log_structure(judge, cast));
    all.push_back(make_recovery_keeps_durable(judge, cast));
    all.push_back(make_answers_in_order(judge, cast));
    add_history_oracles(all, judge, cast);
    all.push_back(make_sync_honesty(judge, cast));
    all.push_back(make_documented_errors(judge, cast));
    all.push_back(make_failed_send_read(judge, cast));
    all.push_back(make_survival(judge, cast));
    if (cast.brokers > 1) add_cluster_oracles(all, judge, cast);
    return all;
}

std::vector<std::unique_ptr<Oracle>> make_client_oracles(Judge& judge, const Cast& cast) {
    std::vector<std::unique_ptr<Oracle>> all;
    all.push_back(make_no_phantom(judge, cast));
    all.push_back(make_producer_order(judge, cast));
    add_history_oracles(all, judge, cast);
    all.push_back(make_failed_send_read(judge, cast));
    all.push_back(make_survival(judge, cast));
    return all;
}
}  // namespace faultline::sim

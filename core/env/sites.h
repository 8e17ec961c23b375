// Rare branches that must happen in SOME run of a sweep ("sometimes assertions"), each with what it
// means that it was taken. Appended at the end: their numbers key the simulator's choices.
#pragma once
#include <cstdint>
#include <iterator>
#include <string_view>

// clang-format off
#define FL_SITES(X)                                                                                                  \
    X(segment_torn_tail_repaired,   "Recovery cut the torn end of the newest segment.")                              \
    X(index_rebuilt,                "An index was made anew from its segment.")                                      \
    X(append_refused_disk_full,     "A write was refused because the disk is full.")                                 \
    X(producer_retry_deduplicated,  "A batch came a second time and was answered, not appended.")                    \
    X(fetch_long_poll_expired,      "A fetch waited to its end and found too little.")                               \
    X(frame_split_across_reads,     "A frame came in more than one piece.")                                          \
    X(segment_rolled_for_append,    "A batch did not fit: a new segment was begun. Can be asked for.")               \
    X(index_entry_early,            "A batch got an index entry before its interval. Only when asked for.")          \
    X(appends_gathered,             "One write carried the batches of several appends.")                             \
    X(append_refused_busy,          "An append was refused because too many bytes wait for the disk.")               \
    X(append_failed_in_group,       "A failed write took the appends behind it along.")                              \
    X(failed_write_cut,             "What a failed write left was cut off before the next one.")                     \
    X(sync_again_for_newer,         "A sync was followed by another for what came meanwhile.")                       \
    X(sync_failed,                  "A sync failed: its directory accepts no more writes.")                          \
    X(log_dir_failed,               "An I/O error took a log directory out of service.")                             \
    X(log_dir_has_space_again,      "A full disk accepted a write again.")                                           \
    X(read_across_segments,         "One read took bytes of more than one segment.")                                 \
    X(read_restarted,               "A log was cut or trimmed during a read: the read began anew.")                  \
    X(read_stopped_at_damage,       "A read served what stands in front of a damaged batch.")                        \
    X(batch_found_damaged,          "A batch that fails its checksum was not served.")                               \
    X(index_contradicted_log,       "An index led to no batch and was made anew.")                                   \
    X(retention_deleted_segment,    "Retention deleted a segment.")                                                  \
    X(retention_rolled_active,      "Retention closed the active segment, so that it can be deleted.")               \
    X(sealed_segment_scanned,       "Recovery read an older segment from its beginning.")                            \
    X(clean_tail_not_believed,      "A clean stop's index was wrong: the segment was read from its beginning.")      \
    X(log_started_again_empty,      "The written log start was behind the log's end: the log began anew there.")     \
    X(checkpoint_unreadable,        "A checkpoint file could not be read: every segment is.")                        \
    X(clean_mark_found,             "A directory was opened after a clean stop.")                                    \
    X(deleted_log_swept,            "A start finished the deletion that a crash interrupted.")                       \
    X(partition_offline,            "A partition could not be opened and stays offline.")                            \
    X(sequence_refused,             "A batch was refused for its sequence number.")                                  \
    X(refused_behind_another,       "A batch behind one that was refused for a moment was refused alike.")           \
    X(earlier_batch_awaited,        "A new leader refused a batch for a moment: an earlier one has yet to come.")    \
    X(producer_epoch_refused,       "A batch of an older producer epoch was refused.")                               \
    X(produce_wait_failed,          "A batch was appended, but its acknowledgement could not be given.")             \
    X(fetch_out_of_range,           "A fetch asked for an offset that is not in the log.")                           \
    X(fetch_woken_by_data,          "A waiting fetch was woken by new records.")                                     \
    X(fetch_partition_unknown,      "A fetch asked for a partition that does not exist.")                            \
    X(producer_ids_reserved,        "A block of producer ids was taken."    )                                        \
    X(request_waits_for_answers,    "A connection had as many requests as it may; the next one waited.")             \
    X(answer_not_written,           "An answer did not reach its connection: it was closed.")                        \
    X(frame_cut_by_close,           "A connection ended in the middle of a frame.")                                  \
    X(client_call_timed_out,        "No answer came in time: the client gave up the connection.")                    \
    X(client_reconnected,           "A client replaced a broken connection.")                                        \
    X(client_connect_failed,        "A client did not reach the leader that it knows. Can be asked for.")            \
    X(client_metadata_refused,      "A client asked for metadata and got no answer.")                                \
    X(producer_retried,             "A producer sent a batch again.")                                                \
    X(producer_gave_up_unclear,     "A producer gave up a batch that may have been written.")                        \
    X(producer_numbered_anew,       "A producer lost its numbering and asks for another id.")                        \
    X(consumer_position_reset,      "A consumer's position was out of range: it started again.")                     \
    X(quorum_waits_for_space,       "A replica of the quorum waits for space on its disk.")                          \
    X(deleted_topic_found,          "A broker started with the log of a topic that had been deleted.")              \
    X(consumer_saw_truncation,      "A consumer learned that the log was cut below what it had read.")               \
    X(consumer_rested_partition,    "A consumer left a partition that it cannot read alone for a while.")            \
    X(consumer_saw_damage,          "A consumer got a batch that it could not read.")                                \
    X(compaction_swap_finished,     "A start finished the compaction that a crash interrupted.")                     \
    X(segment_compacted,            "Compaction put a new segment in the place of others.")                          \
    X(compaction_gave_up,           "The log was cut, trimmed or closed under a compaction: it begins anew later.")  \
    X(tombstone_dropped,            "Compaction dropped a tombstone whose time was over.")                           \
    X(empty_batch_kept,             "Compaction kept the header of a batch without its records.")                    \
    X(offset_map_full,              "More keys were dirty than the offset map holds: one round cleaned a part.") \
    X(quorum_log_cut,               "A replica of the quorum cut what its leader does not have.")  \
    X(broker_gone_at_once,          "A broker was fenced because its port is refused, before its session ended.")    \
    X(broker_session_expired,       "A broker was fenced because its heartbeats did not come.") \
    X(leader_deposed,                 "A leader learned that another leads.") \
    X(follower_diverges,              "A leader told a follower where their logs part.") \
    X(follower_out_of_range,          "A follower asked for an offset that its leader does not have.") \
    X(follower_starts_over,           "A follower threw its log away: its leader's begins above it.") \
    X(follower_cuts,                  "A follower cut what its leader does not have.") \
    X(isr_shrinks,                    "A leader asked to take a replica out of the ISR.") \
    X(isr_grows,                      "A leader asked to take a replica into the ISR.") \
    X(fetched_batch_damaged,          "A follower was sent a batch that fails its checksum.") \
    X(leader_lease_over,              "A leader that the controller does not hear refused to serve.") \
    X(broker_wants_fence,             "A broker gave up its leaderships because its disk is stuck.") \
    X(partition_uncleanable,        "A log could not be compacted and is left alone until a restart.") \
    X(consumer_sent_to_follower,    "A leader named a follower in the consumer's rack to read from.") \
    X(consumer_reads_follower,      "A consumer was told to read a follower.") \
    X(consumer_back_at_leader,      "A consumer gave up reading a follower.") \
    X(follower_serves_consumer,     "A follower was read by a consumer.") \
    X(follower_behind_consumer,     "A consumer asked a follower for more than it has.") \
    X(follower_takes_log_start,     "A follower deleted what its leader had deleted.") \
    X(delete_waits_for_followers,   "Deleting records waited for a follower to delete them too.") \
    X(delete_timed_out,             "A follower did not delete in time what was to be deleted.") \
    X(stray_replica_removed,        "A broker removed the log of a partition that is not assigned to it any more.") \
    X(stray_log_set_aside,          "A broker started from a snapshot of the metadata with a log of a topic that it does not know.") \
    X(leader_throttles_follower,    "A leader gave a follower nothing for now: its rate is used up.") \
    X(follower_throttles_itself,    "A follower did not ask for a partition for now: its rate is used up.")
// clang-format on

namespace faultline::probe {

enum class Site : std::uint16_t {
#define FL_SITE(name, meaning) name,
    FL_SITES(FL_SITE)
#undef FL_SITE
        count_
};

struct SiteInfo {
    std::string_view name, meaning;
};

// In the order of Site.
inline constexpr SiteInfo kSites[] = {
#define FL_SITE(name, meaning) {#name, meaning},
    FL_SITES(FL_SITE)
#undef FL_SITE
};
static_assert(std::size(kSites) == static_cast<std::size_t>(Site::count_));
}  // namespace faultline::probe

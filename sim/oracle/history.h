// What clients saw, and the anomalies that can be found in that alone (Jepsen's Kafka workload
// names them so). Nothing here knows the broker: the same checks judge a simulated run and a real
// cluster.
#pragma once
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace faultline::sim {

enum class SendOutcome : std::uint8_t { acked, failed, unknown };

// A value is (client, record): sent once by a program, perhaps written more often by retries.
struct SendOp {
    std::int32_t client = 0;
    std::int64_t record = 0;
    std::uint32_t partition = 0;
    std::int64_t offset = -1;  // as acknowledged; -1: not told (acks=0, a duplicate)
    SendOutcome outcome = SendOutcome::unknown;
    bool aborted = false;  // by its transaction
};

// One record that a consumer was given, in the order in which it was given them.
struct PollOp {
    std::int32_t consumer = 0;
    std::uint32_t partition = 0;
    std::int64_t offset = 0;
    std::int32_t client = 0;
    std::int64_t record = 0;
    bool read_committed = false;
};

struct History {
    std::vector<SendOp> sends;  // in the order of sending
    std::vector<PollOp> polls;
    std::set<std::int32_t> exactly_once;  // clients whose values may stand in the log once only
    std::set<std::uint32_t> shortened;    // partitions whose log lost its end: excused
    std::set<std::uint32_t> trimmed;      // whose beginning was deleted: forward jumps are excused
    // Where a replica began anew above its end: it has no batch of producers who fell silent
    // before, and does not know them.
    std::set<std::uint32_t> begun_anew;
};

struct Anomaly {
    std::string sentence;
    std::uint64_t checked = 0;  // how often there was something to check
    bool found() const { return !sentence.empty(); }
};

// Below the highest offset that anybody read, an acknowledged value was read by nobody.
Anomaly lost_write(const History& history);
// A value stands at two offsets although its producer sends each once.
Anomaly duplicate(const History& history);
// Two values at one offset of a partition.
Anomaly inconsistent_offsets(const History& history);
// At the end of everything an acknowledged value was seen by nobody. Expects that somebody has read
// every partition to its end.
Anomaly unseen(const History& history);
// A consumer got two offsets in a row between which others exist.
Anomaly poll_skip(const History& history);
// A consumer was given an offset that is not above the one before.
Anomaly nonmonotonic_poll(const History& history);
// A producer's values stand in a partition in another order than they were sent in.
Anomaly nonmonotonic_send(const History& history);
// A consumer that reads committed records only was given one of an aborted transaction, or of a
// send that surely failed.
Anomaly aborted_read(const History& history);

struct HistoryCheck {
    std::int32_t invariant;
    std::string_view name;
    Anomaly (*check)(const History&);
    // Of the beginning of a history it says nothing: what is missing may still come.
    bool needs_end = false;
};
// All of them, in order of their invariant.
std::span<const HistoryCheck> history_checks();
}  // namespace faultline::sim

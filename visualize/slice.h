// The causal slice of a failure: the few events that explain a violation, out of thousands. Causes
// are followed back from the violation and from the two facts that contradict each other; what
// changed the state of the partition concerned stays, routine goes, runs of one kind are told as
// one.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "visualize/run_model.h"

namespace faultline::visualize {

enum class RowKind : std::uint8_t { life, fault, log, client, message, disk, violation, other };

struct SliceRow {
    std::size_t event;       // index into Trace::events; of several told as one the first
    std::size_t times = 1;   // how many are told as one
    std::size_t last_event;  // the last of them
    RowKind kind;
    int lane = -1;      // index into Slice::lanes; -1: the world itself
    int to = -1;        // of a message: the other end
    bool lost = false;  // of a message: it never arrived
    bool fact = false;  // one of the two that contradict each other
    std::string text;
    Ns at;
    std::size_t skipped = 0;  // events between the row before and this one that are not shown
    std::int64_t log_end = -1, high_watermark = -1;  // of the partition, after the row; -1: unknown
};

struct SliceLane {
    std::int64_t node;
    std::string name, role;
};

struct Slice {
    std::int64_t invariant = 0;
    std::string sentence;
    std::string partition;  // concerned, "orders-0"; "" when there is none
    std::vector<SliceLane> lanes;
    std::vector<SliceRow> rows;  // at most kMostRows, in order of the events
    std::size_t events = 0;      // of the trace, up to the violation
    static constexpr std::size_t kMostRows = 60;
};

// Nothing when the run holds.
std::optional<Slice> make_slice(const Trace& trace);

// An arrow from a row to one that it led to, by the causes that the trace holds; `hidden` events
// between them are not shown.
struct SliceEdge {
    std::size_t from, to;  // indices into Slice::rows
    std::size_t hidden;
};
// At most one to each row: from its nearest cause that is shown. In order of `to`.
std::vector<SliceEdge> slice_edges(const Trace& trace, const Slice& slice);

std::string slice_txt(const Trace& trace, const Slice& slice);
std::string slice_svg(const Trace& trace, const Slice& slice);
// For `dot`: what led to what, at most 100 nodes.
std::string slice_dot(const Trace& trace, const Slice& slice);
}  // namespace faultline::visualize

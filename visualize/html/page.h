// The viewer: one HTML file that needs nothing else and holds up to a million events. The page is
// visualize/html/viewer.*; here the events are put into it.
#pragma once
#include <optional>
#include <string>

#include "visualize/run_model.h"

namespace faultline::visualize {

// Index of the first event in which two traces differ (labels and partitions by their text); the
// shorter one's length when it is the other's beginning; none when they are equal.
std::optional<std::size_t> first_difference(const Trace& a, const Trace& b);

// The page for one run, or for two to be compared. Of the filter, node and partition are what the
// viewer's own filters say at first; of what was before `from` only the facts remain that tell the
// state of nodes and partitions, and nothing of what came after `to`. The names in the filter
// must be those of the first trace (`apply` of run_model.h checks them).
// The same traces and filter give the same bytes.
std::string timeline_html(const Trace& trace, const Filter& filter, const Trace* compare = nullptr);
}  // namespace faultline::visualize

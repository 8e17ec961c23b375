// One event as one plain sentence: "n1 appended offsets 3 to 4 to orders-0 (crc 2596996162)". For
// reports that show single events; sums of many are the story's business (story.h).
#pragma once
#include <string>
#include <string_view>

#include "sim/trace/recorder.h"
#include "sim/trace/trace_head.h"

namespace faultline::sim {

// Every field of the event is in the sentence, so that two events that differ read differently.
// The recorder knows the labels and partitions that the event names.
std::string describe(NodeId node, const probe::Event& event, const TraceHead& head,
                     const Recorder& recorder);
std::string describe(const SimEvent& event, const TraceHead& head, const Recorder& recorder);

// "{1,2,3}", of one bit per node id: the members of an ISR, the voters of the quorum.
std::string id_set(std::uint64_t bits);
// Whether a field of this name is such a set.
constexpr bool is_id_set(std::string_view field) { return field == "members" || field == "before"; }

// The sentence for an event of this type, with {field} where a value goes; "" for an unknown one.
std::string_view sentence_pattern(std::string_view type);

// The node to whose lane an event belongs: of a message or a connection the one that acts. NodeId
// 0 where the event names none.
NodeId actor_of(const SimEvent& event);
}  // namespace faultline::sim

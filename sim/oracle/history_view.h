// What the checks of history.h have in common: the log as clients know it.
#pragma once
#include <map>
#include <set>
#include <string>
#include <utility>

#include "sim/oracle/history.h"

namespace faultline::sim::history {

using Value = std::pair<std::int32_t, std::int64_t>;   // client, record
using Place = std::pair<std::uint32_t, std::int64_t>;  // partition, offset

std::string show(const Value& value);
// What stands where, as far as anybody was told: by polls and by acknowledgements.
std::map<Place, Value> log_of(const History& history);
// The values that somebody was given.
std::set<Value> seen(const History& history);
// Records of this partition may be gone: its end was lost, or its beginning deleted.
bool excused(const History& history, std::uint32_t partition);
}  // namespace faultline::sim::history

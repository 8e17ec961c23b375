// What a scenario may contain: every member with its limits and its meaning, once, for the reader,
// the writer and the schema (fields.h).
#pragma once
#include "sim/scenario/fields.h"
#include "sim/scenario/scenario.h"

namespace faultline::sim {

void describe(Fields& fields, Scenario& scenario);
void describe(Fields& fields, FaultSpec& fault);
void describe(Fields& fields, Trigger& when);

// What several members refer to: names that exist, selectors that mean somebody. Also gives clients
// and faults without an id the names that the documents promise (p1, c1, power_loss-2).
void complete(Scenario& scenario);
// A JSON pointer and a sentence when something refers to what is not there.
struct BadReference {
    std::string pointer, what;
    // Of a client: the member of its entry in `workload`, and how many entries with that member
    // stand before it. The pointer is then "/workload".
    std::string member = "";
    std::size_t before = 0;
};
std::optional<BadReference> bad_reference(const Scenario& scenario);
}  // namespace faultline::sim

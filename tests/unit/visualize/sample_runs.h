// Runs made up event by event, for tests of what reads traces.
#pragma once
#include <functional>
#include <string>

#include "sim/trace/recorder.h"
#include "sim/trace/trace_head.h"

namespace faultline::test {

sim::TraceHead sample_head();
// Three records produced and acknowledged, nothing else.
void tiny_run(sim::Recorder& recorder);
// 400 records, a power loss with a torn tail, recovery, 300 more, all read; with `lose`, recovery
// forgets two acknowledged records and an oracle says so.
void crash_run(sim::Recorder& recorder, bool lose);

// Three brokers, four clients, and nearly everything that can happen, in disorder.
sim::TraceHead busy_head();
void busy_run(sim::Recorder& recorder, std::uint64_t seed);

// The trace file of a run, as bytes.
std::string trace_of(const std::function<void(sim::Recorder&)>& run,
                     const sim::TraceHead& head = sample_head());
}  // namespace faultline::test

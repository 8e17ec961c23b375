// Where every event of a simulated run goes: into the hash, to the listeners, into the trace file.
#pragma once
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "core/base/hash128.h"
#include "core/base/result.h"
#include "core/env/probe.h"
#include "sim/trace/events.h"

namespace faultline::sim {

// An oracle, the story, the effect counters.
class Listener {
public:
    virtual ~Listener() = default;
    virtual void on_probe(MonoTime, NodeId, const probe::Event&) {}
    virtual void on_sim(MonoTime, const SimEvent&) {}
};

class TraceFile;  // docs/formats/trace.md

// Every event of a run passes here once, in order. Hashing is always on; it costs a few
// nanoseconds for each field.
class Recorder final : public probe::Sink {
public:
    Recorder();
    ~Recorder() override;
    // Events are written to `path` from now on. `header_json` becomes the trace's head (scenario,
    // seed, node names). invalid when the file cannot be made.
    Result<void> write_to(std::string_view path, std::string_view header_json);
    // Flushes and ends the trace file, with the hash in its last record.
    Result<void> finish();

    void record(MonoTime at, const SimEvent& event);
    void on(MonoTime at, NodeId node, const probe::Event& event) override;
    probe::PartitionKey intern(std::string_view topic, PartitionIndex index) override;
    void reached(probe::Site) override;
    bool perturb(probe::Site) override;

    Label intern(std::string_view text);
    std::string_view text(Label) const;
    // "orders-0"
    std::string_view partition_name(probe::PartitionKey) const;

    void add_listener(Listener& listener) { listeners_.push_back(&listener); }
    const Hash128& hash() const noexcept { return hash_; }
    std::uint64_t events() const noexcept { return events_; }
    std::uint64_t reached_count(probe::Site) const;

private:
    struct Impl;
    Hash128 hash_;
    std::uint64_t events_ = 0;
    std::vector<Listener*> listeners_;
    std::unique_ptr<Impl> impl_;
};
}  // namespace faultline::sim

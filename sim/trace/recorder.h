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
#include "sim/trace/names.h"

namespace faultline::sim {

// An oracle, the story, the effect counters. Called after the event is hashed and written; may
// record further events (a Violation), which then come after this one.
class Listener {
public:
    virtual ~Listener() = default;
    virtual void on_probe(MonoTime, NodeId, const probe::Event&) {}
    virtual void on_sim(MonoTime, const SimEvent&) {}
};

class TraceFile;

// Every event of a run passes here once, in order; single-threaded. Hashing is always on; it costs
// a few nanoseconds for each field and, like the file, allocates nothing per event.
class Recorder final : public probe::Sink {
public:
    Recorder();
    ~Recorder() override;
    // Events are written to `path` from now on; call it before the first one, else the file's hash
    // would not be the run's (asserted). `head_json` is the trace's head, see trace_head.h and
    // docs/formats/trace.md. io when the file cannot be made.
    Result<void> write_to(std::string_view path, std::string_view head_json);
    // Flushes and ends the trace file, with the hash in its last record. io when anything of the
    // file could not be written. Listeners are told of nothing that comes after it.
    Result<void> finish();

    void record(MonoTime at, const SimEvent& event);
    void on(MonoTime at, NodeId node, const probe::Event& event) override;
    probe::PartitionKey intern(std::string_view topic, PartitionIndex index) override;
    // Counted; not part of the hash, because a site has neither time nor node.
    void reached(probe::Site) override;
    bool perturb(probe::Site) override;

    // Where the number of the event stands that led to what runs now (Scheduler::context_word);
    // each event takes it as its cause and puts its own number there. Without one each event is
    // caused by the one before. `word` must live until it is replaced; null: none any more.
    void follow(std::uint64_t* word) { cause_ = word != nullptr ? word : &own_word_; }
    // What comes next is caused by this event (its number, from 1); 0: by nothing.
    void caused_by(std::uint64_t event) { *cause_ = event; }

    Label intern(std::string_view text);
    std::string_view text(Label label) const { return names_.text(label); }
    // "orders-0"; "" for 0.
    std::string_view partition_name(probe::PartitionKey key) const {
        return names_.partition_name(key);
    }

    // Not owned; called in the order of adding.
    void add_listener(Listener& listener) { listeners_.push_back(&listener); }
    // Who decides whether a rare branch is taken; without one, none is. Not owned.
    class Perturb {
    public:
        virtual ~Perturb() = default;
        virtual bool take(probe::Site) = 0;
    };
    void set_perturb(Perturb* perturb) { perturb_ = perturb; }

    // Over all events so far; docs/formats/trace.md says what exactly is hashed.
    const Hash128& hash() const noexcept { return hash_; }
    // Events so far; also the number of the newest one: they are numbered from 1.
    std::uint64_t events() const noexcept { return events_; }
    // Of the event recorded last: the number of its cause, 0 when it has none.
    std::uint64_t last_cause() const noexcept { return last_cause_; }
    // The type of the event recorded last ("LogOpened"); "" before the first.
    std::string_view last_event() const noexcept { return last_event_; }
    std::uint64_t reached_count(probe::Site) const;

private:
    template <class E>
    void take(MonoTime at, const NodeId* node, std::size_t type, const E& event);

    Hash128 hash_;
    std::uint64_t events_ = 0;
    std::string_view last_event_;
    std::uint64_t own_word_ = 0, last_cause_ = 0;
    std::uint64_t* cause_ = &own_word_;
    Names names_;
    std::vector<Listener*> listeners_;
    Perturb* perturb_ = nullptr;
    std::unique_ptr<TraceFile> file_;
    std::uint64_t reached_[static_cast<std::size_t>(probe::Site::count_)] = {};
};
}  // namespace faultline::sim

// What happened in a run, as things to draw: lanes and their states, exchanges of messages, disk
// work, faults, log positions, violations. Made of a Trace; every drawing is made of this.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "visualize/trace_model.h"

namespace faultline::visualize {

enum class State : std::uint8_t { up, recovering, paused, crashed, stopped };
std::string_view to_string(State) noexcept;

struct StateSpan {
    Ns from, to;
    State state;
    bool power_loss = false;  // of a crash
};

struct Lane {
    std::int64_t node;
    std::string name, role;
    bool broker;  // brokers and controllers stand below the clients
    std::vector<StateSpan> states;
};

struct Message {
    std::int64_t id, conn, from, to;
    Ns sent;
    Ns arrived = -1;  // -1: it never arrived whole
    std::int64_t bytes;
    std::int64_t api;  // -1: not a request or response
    bool response;
    bool dropped = false;
    bool cut = false;  // an end of its connection died while it was under way
    bool lost() const { return arrived < 0 && (dropped || cut); }
    std::int64_t correlation;
    std::int64_t exchange = -1;  // index into Run::exchanges
    Ns last() const { return arrived >= 0 ? arrived : sent; }
};

// A request and what became of it.
struct Exchange {
    std::size_t request;  // index into Run::messages
    std::optional<std::size_t> response;
    std::int64_t from, to;  // from: who asked
    std::int64_t api;
    Ns begin, end;
    bool answered = false;  // both messages arrived
    // Not answered, though nothing went wrong that the trace knows of: still under way at its end,
    // or a request that gets no answer (acks=0).
    bool open = false;
    bool failed() const { return !answered && !open; }
};

struct DiskWork {
    Ns at;
    std::int64_t node;
    std::string op, path;
    std::int64_t off, len, sys;
};

struct Lost {  // by a power loss
    Ns at;
    std::int64_t node;
    std::string path, how;
    std::int64_t off, len;
};

struct Effect {
    Ns at;
    std::int64_t node;
    std::string what;
};

struct Fault {
    std::int64_t index;
    std::string what;
    Ns armed;
    std::optional<Ns> healed;
    std::vector<Effect> effects;
};

enum class Position : std::uint8_t { log_end, durable_end, high_watermark };

struct Step {
    Ns at;
    std::int64_t node, partition;
    Position position;
    std::int64_t offset;
};

enum class Weight : std::uint8_t { minor, normal, bad };

// A remark at a lane. Marks with the same `kind` in a row can be told as one.
struct Mark {
    Ns at;
    std::int64_t node, partition;  // partition 0: none
    std::string kind, text;
    Weight weight;
};

// Records of a partition that a client sent and got acknowledged, or read.
struct Records {
    Ns begin, end;
    std::int64_t node, partition;
    bool read;                        // else acknowledged
    std::int64_t count, first, last;  // offsets
};

struct Broken {
    Ns at;
    std::int64_t invariant;
    std::string sentence;
};

struct Run {
    const Trace* trace;
    Ns begin = 0, end = 0;
    std::vector<Lane> lanes;  // clients first
    std::vector<Message> messages;
    std::vector<Exchange> exchanges;  // by begin
    std::vector<DiskWork> disk;
    std::vector<Lost> lost;
    std::vector<Fault> faults;
    std::vector<Step> steps;
    std::vector<Mark> marks;
    std::vector<Records> records;  // one for each acknowledgement or delivery
    std::vector<Broken> broken;
    // When the course of the run changes: starts, crashes, faults, violations. Sorted.
    std::vector<Ns> turns;
    std::vector<Ns> great_turns;  // of them starts, crashes and violations

    const Lane* lane(std::int64_t node) const;
    const std::string& partition(std::int64_t key) const;
};

struct Filter {
    std::optional<Ns> from, to;
    std::optional<std::string> node;       // a name, "n1"
    std::optional<std::string> partition;  // "orders/0"
};

// `trace` must outlive the Run.
Run make_run(const Trace& trace);
// Leaves out what the filter does not want. Names the first name that the trace does not have.
std::expected<void, std::string> apply(const Filter& filter, Run& run);

// "orders-0/0.log": the last two parts, without leading zeros of a segment's name.
std::string short_path(const std::string& path);
// "EIO", "ENOSPC", "errno 200"
std::string errno_name(std::int64_t sys);
}  // namespace faultline::visualize

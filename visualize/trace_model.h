// A trace file in memory, as docs/formats/trace.md describes it: typed by its own tables, not by
// the simulator's structs.
#pragma once
#include <cstdint>
#include <expected>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace faultline::visualize {

using Ns = std::int64_t;  // nanoseconds since the start of the run

enum class FieldKind : std::uint8_t {
    number,
    boolean,
    node,
    partition,
    label,
    offset,
    epoch,
    choice
};

struct FieldType {
    std::string name;
    FieldKind kind;
    std::vector<std::string> choices;  // of a choice
};

struct EventType {
    std::string name;
    std::vector<FieldType> fields;
    int node_field = -1;  // index of the field `node`: the event's lane; -1 without one
};

inline constexpr std::uint32_t kNoCause = UINT32_MAX;

struct Event {
    Ns at;
    std::uint32_t type;              // index into Trace::types
    std::size_t first;               // index into Trace::values; one for each field of the type
    std::uint32_t cause = kNoCause;  // index into Trace::events, an earlier one
};

struct NodeHead {
    std::int64_t id;
    std::string name, role;
};

struct PartitionName {
    std::string topic;
    std::int64_t index;
    std::string text;  // "orders-0"
};

// `offset` is the byte of the file at which reading stopped.
struct TraceError {
    std::string what;
    std::uint64_t offset;
};
// "byte 1234: a label record ends before its text"
std::string to_string(const TraceError&);

struct Trace {
    std::string scenario;
    std::uint64_t seed = 0;
    std::string world, began;  // of a run in the real world; "" in the simulator
    std::vector<NodeHead> nodes;
    std::map<std::int64_t, std::string> apis;
    std::string head_json;

    std::vector<EventType> types;
    std::vector<std::string> labels;        // [0] is ""
    std::vector<PartitionName> partitions;  // [0] is none
    std::vector<Event> events;
    std::vector<std::int64_t> values;

    // False when the file has no end record: the program that wrote it died. Then `cut` says where
    // and why reading ended; everything before is here.
    bool complete = false;
    TraceError cut{};
    std::string hash;  // 32 hex digits, of the events read

    std::span<const std::int64_t> fields(const Event& event) const {
        return {values.data() + event.first, types[event.type].fields.size()};
    }
    // The value of the field `name`, `otherwise` when the type has none of that name.
    std::int64_t get(const Event& event, std::string_view name, std::int64_t otherwise = -1) const;
    const std::string& label(std::int64_t id) const;
    // "n1"; "node 7" when the head does not name it.
    std::string node_name(std::int64_t id) const;
    // "Produce"; "api 99" when the head does not name it.
    std::string api_name(std::int64_t key) const;
    // The field's value for people: "orders-0", "true", "n1", "sync", "17".
    std::string text(const FieldType& type, std::int64_t value) const;
    // "LogFlushed node=n1 partition=orders-0 durable_end=17"
    std::string describe(const Event& event) const;
};

// "n1 appended offsets 3 to 4 to orders-0": the event as a person says it; describe() where there
// is no sentence for its type.
std::string event_sentence(const Trace& trace, const Event& event);
// "4.213 s"
std::string seconds(Ns at);
// "1,234"
std::string grouped_count(std::size_t n);

// Refuses what is not a trace and what is damaged: wrong magic or version, numbers out of range,
// a checkpoint or end record whose hash differs from that of the events (the offset is then that
// of the record, the damage lies between it and the checkpoint before). A file that just ends is
// not an error, see Trace::complete.
std::expected<Trace, TraceError> read_trace(std::string_view bytes);
}  // namespace faultline::visualize

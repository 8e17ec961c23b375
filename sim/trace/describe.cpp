#include "sim/trace/describe.h"

#include <map>

#include <fmt/format.h>

#include "sim/trace/fields.h"

namespace faultline::sim {
namespace {

// {field} is the field's value as text. What a sentence leaves out is added behind it, so that a
// field that somebody adds later is seen too.
const std::map<std::string_view, std::string_view>& sentences() {
    static const std::map<std::string_view, std::string_view> all = {
        {"LogOpened", "{node} opened the log of {partition}, offsets {log_start} to {log_end}"},
        {"TornTailCut", "{node} cut {bytes} torn bytes off {partition} at offset {log_end}"},
        {"CorruptionFound", "{node} found {partition} corrupt at offset {at}"},
        {"BatchAppended", "{node} appended offsets {first} to {last} to {partition}"},
        {"LogFlushed", "{node} made {partition} durable up to offset {durable_end}"},
        {"LogTruncated", "{node} truncated {partition} from offset {from} to {to}"},
        {"LogStartMoved", "{node} moved the start of {partition} from offset {from} to {to}"},
        {"SegmentRolled", "{node} began the segment {base} of {partition}"},
        {"SegmentDeleted", "{node} deleted the segment {base} of {partition}"},
        {"LogDirFailed", "the log directory {dir} of {node} failed with errno {sys}"},
        {"BrokerReady", "{node} serves on port {port}"},
        {"BrokerStopped", "the broker of {node} stopped"},
        {"HighWatermark", "{node} raised the high watermark of {partition} to {hw}"},
        {"LeaderChanged", "{node} says that {leader} leads {partition} in epoch {epoch}"},
        {"IsrChanged", "{node} has the ISR {members} of {partition} in epoch {epoch}"},
        {"FollowerFetched",
         "{follower} holds {partition} up to {at}, {node} learns in epoch {epoch}"},
        {"PartitionFollows", "{node} follows {leader} for {partition} in epoch {epoch}"},
        {"ReplicaTruncated", "{node} cut {partition} from offset {from} to {to} in epoch {epoch}"},
        {"BrokerRegistered", "{node} is registered with broker epoch {epoch}"},
        {"ControllerActive", "{node} is the active controller of epoch {epoch}"},
        {"MetadataApplied", "{node} applied metadata up to {end}"},
        {"IsrCommitted",
         "{node} has committed the ISR {members} of {partition} in leader epoch {epoch}"},
        {"RegistrationCommitted",
         "{node} has committed the registration of {broker} with broker epoch {epoch}"},
        {"BrokerFenced",
         "{node} has committed for {broker}, broker epoch {epoch}, that fenced is {fenced}"},
        {"VotersChanged",
         "at offset {at} of {partition} on {node} the voters {before} become {members} in epoch "
         "{epoch}"},
        {"ProduceAnswered", "{node} answers a produce to {partition}: offsets {first} to {last}"},
        {"ConnectionShut", "{node} shut a connection for reason {reason}"},
        {"ProduceSent", "{node} sends {count} records from {first_record} on to {partition}"},
        {"ProduceAcked",
         "{node} has {count} records from {first_record} on acknowledged at offset {first} of "
         "{partition}"},
        {"ProduceFailed",
         "{node} gives up {count} records from {first_record} on to {partition} with error "
         "{error}"},
        {"RecordDelivered",
         "{node} read record {record} of client {client} at offset {at} of {partition}"},
        {"LogRemoved", "{node} removed its log of {partition}"},
        {"RecordsDeleted",
         "{node} answers that what is below offset {low_watermark} of {partition} is deleted"},
        {"NodeStarted", "{node} started, incarnation {incarnation}"},
        {"NodeStopped", "{node} stopped"},
        {"NodeCrashed", "{node} crashed"},
        {"ClockJumped", "the wall clock of {node} jumped by {by_ms} ms"},
        {"ConnOpened", "{from} opened connection {conn} to {to}"},
        {"ConnClosed", "{by} closed connection {conn}"},
        {"ConnRefused", "{to} refused a connection from {from}"},
        {"MessageSent", "{from} sent message {message} of {bytes} bytes to {to}"},
        {"MessageDelivered", "{bytes} bytes of message {message} arrived"},
        {"MessageDropped", "message {message} was dropped"},
        {"DiskDone", "the disk of {node} finished {op} of {path} at {off}, {len} bytes"},
        {"DiskLost", "the disk of {node} lost {len} bytes of {path} at {off}: {how}"},
        {"FaultArmed", "fault {fault} is armed: {what}"},
        {"FaultEffect", "fault {fault} had an effect on {node}: {what}"},
        {"FaultHealed", "fault {fault} is over"},
        {"Violation", "INV-{invariant} is violated: {sentence}"},
        {"Note", "{node}: {text}"},
    };
    return all;
}

// The nth of "enum:a,b,c".
std::string_view enum_name(std::string_view type, std::uint64_t n) {
    type.remove_prefix(type.find(':') + 1);
    for (; n > 0; --n) {
        const auto comma = type.find(',');
        if (comma == std::string_view::npos) return "?";
        type.remove_prefix(comma + 1);
    }
    return type.substr(0, type.find(','));
}

class Writer {
public:
    Writer(const TraceHead& head, const Recorder& recorder) : head_(head), recorder_(recorder) {}

    void field(std::string_view name, std::string value) {
        fields_.push_back({name, std::move(value), false});
    }
    template <class T>
    std::string text(std::string_view name, const T& value) const {
        const std::string_view type = field_type<T>(name);
        const auto word = field_word(value);
        if constexpr (std::is_same_v<T, NodeId>) return head_.name_of(value);
        if constexpr (std::is_same_v<T, Label>) return std::string(recorder_.text(value));
        if constexpr (std::is_same_v<T, bool>) return value ? "yes" : "no";
        if (type.starts_with("enum:")) return std::string(enum_name(type, word));
        if (type == "partition") {
            return std::string(recorder_.partition_name(static_cast<probe::PartitionKey>(word)));
        }
        if (name == "fault") return std::to_string(word + 1);  // people count from one
        if (is_id_set(name)) return id_set(word);
        if constexpr (std::is_unsigned_v<T>) return std::to_string(word);
        return std::to_string(static_cast<std::int64_t>(word));
    }
    std::string finish(std::string_view type) {
        std::string out;
        const auto it = sentences().find(type);
        std::string_view rest = it == sentences().end() ? type : it->second;
        while (true) {
            const auto open = rest.find('{');
            out += rest.substr(0, open);
            if (open == std::string_view::npos) break;
            const auto close = rest.find('}', open);
            out += take(rest.substr(open + 1, close - open - 1));
            rest.remove_prefix(close + 1);
        }
        std::string others;
        for (const Field& f : fields_) {
            if (!f.used)
                others += fmt::format("{}{} {}", others.empty() ? "" : ", ", f.name, f.value);
        }
        return others.empty() ? out : out + " (" + others + ")";
    }

private:
    struct Field {
        std::string_view name;
        std::string value;
        bool used;
    };
    std::string take(std::string_view name) {
        for (Field& f : fields_) {
            if (f.name != name) continue;
            f.used = true;
            return f.value;
        }
        return "?";
    }
    const TraceHead& head_;
    const Recorder& recorder_;
    std::vector<Field> fields_;
};

template <class E>
std::string sentence(const NodeId* node, const E& event, const TraceHead& head,
                     const Recorder& recorder) {
    Writer writer(head, recorder);
    if (node != nullptr) writer.field("node", head.name_of(*node));
    for_each_field(event, [&](std::string_view name, const auto& value) {
        writer.field(name, writer.text(name, value));
    });
    return writer.finish(EventInfo<E>::name);
}
}  // namespace

std::string id_set(std::uint64_t bits) {
    std::string ids;
    for (unsigned id = 0; id < 64; ++id) {
        if ((bits >> id & 1U) != 0) ids += fmt::format("{}{}", ids.empty() ? "" : ",", id);
    }
    return "{" + ids + "}";
}

std::string_view sentence_pattern(std::string_view type) {
    const auto it = sentences().find(type);
    return it == sentences().end() ? std::string_view{} : it->second;
}

std::string describe(NodeId node, const probe::Event& event, const TraceHead& head,
                     const Recorder& recorder) {
    return std::visit([&](const auto& e) { return sentence(&node, e, head, recorder); }, event);
}

std::string describe(const SimEvent& event, const TraceHead& head, const Recorder& recorder) {
    return std::visit([&](const auto& e) { return sentence(nullptr, e, head, recorder); }, event);
}

NodeId actor_of(const SimEvent& event) {
    return std::visit(
        []<class E>(const E& e) -> NodeId {
            if constexpr (requires { e.node; }) return e.node;
            if constexpr (requires { e.from; }) return e.from;
            if constexpr (requires { e.by; }) return e.by;
            return NodeId{};
        },
        event);
}
}  // namespace faultline::sim

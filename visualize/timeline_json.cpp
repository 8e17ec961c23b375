#include "visualize/timeline_json.h"

#include <nlohmann/json.hpp>

namespace faultline::visualize {
namespace {
nlohmann::ordered_json value_of(const Trace& trace, const FieldType& type, std::int64_t value) {
    switch (type.kind) {
        case FieldKind::boolean: return value != 0;
        case FieldKind::node:
        case FieldKind::partition:
        case FieldKind::label:
        case FieldKind::choice: return trace.text(type, value);
        case FieldKind::number:
        case FieldKind::offset:
        case FieldKind::epoch: break;
    }
    return value;
}

std::string dumped(const nlohmann::ordered_json& json) {
    // Labels may hold what was read off a damaged disk: not necessarily UTF-8.
    return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// Calls `put` with each event of the run as one line of JSON, without its end.
template <class Put>
void each_event(const Run& run, Put put) {
    const Trace& trace = *run.trace;
    for (std::size_t n = 0; n < trace.events.size(); ++n) {
        const Event& event = trace.events[n];
        if (event.at < run.begin || event.at > run.end) continue;
        const EventType& type = trace.types[event.type];
        if (type.node_field >= 0) {
            const std::int64_t node =
                trace.fields(event)[static_cast<std::size_t>(type.node_field)];
            if (run.lane(node) == nullptr) continue;
        }
        nlohmann::ordered_json json;
        json["n"] = n + 1;
        json["at_ns"] = event.at;
        if (event.cause != kNoCause) json["cause"] = event.cause + 1;
        json["type"] = type.name;
        for (std::size_t i = 0; i < type.fields.size(); ++i) {
            json[type.fields[i].name] = value_of(trace, type.fields[i], trace.fields(event)[i]);
        }
        put(dumped(json));
    }
}
}  // namespace

std::string timeline_json(const Run& run, bool) {
    const Trace& trace = *run.trace;
    const auto head = nlohmann::ordered_json::parse(trace.head_json);
    std::string out = "{\"head\":" + dumped(head) +
                      ",\n\"complete\":" + (trace.complete ? "true" : "false") + ",\"hash\":\"" +
                      trace.hash + "\",\n\"events\":[";
    bool first = true;
    each_event(run, [&](const std::string& line) {
        out += (first ? "\n" : ",\n") + line;
        first = false;
    });
    return out + "\n]}\n";
}

std::string timeline_jsonl(const Run& run, bool) {
    const Trace& trace = *run.trace;
    nlohmann::ordered_json first;
    first["head"] = nlohmann::ordered_json::parse(trace.head_json);
    first["complete"] = trace.complete;
    first["hash"] = trace.hash;
    std::string out = dumped(first) + "\n";
    each_event(run, [&](const std::string& line) { out += line + "\n"; });
    return out;
}
}  // namespace faultline::visualize

#include "visualize/html/page.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "visualize/html/columns.h"
#include "visualize/html/viewer_parts.h"
#include "visualize/svg_writer.h"

namespace faultline::visualize {
namespace {
using Json = nlohmann::ordered_json;

// What tells no lasting state: it can be left out when it was before the window.
bool is_passing(std::string_view type) {
    return type.starts_with("Message") || type.starts_with("Conn") || type.starts_with("Produce") ||
           type == "DiskDone" || type == "RecordDelivered";
}

std::vector<std::size_t> chosen(const Trace& trace, const Filter& filter) {
    std::vector<std::size_t> events;
    for (std::size_t i = 0; i < trace.events.size(); ++i) {
        const Event& e = trace.events[i];
        if (filter.to && e.at > *filter.to) continue;
        if (filter.from && e.at < *filter.from && is_passing(trace.types[e.type].name)) continue;
        events.push_back(i);
    }
    return events;
}

const char* kind_name(FieldKind kind) {
    switch (kind) {
        case FieldKind::number: return "number";
        case FieldKind::boolean: return "boolean";
        case FieldKind::node: return "node";
        case FieldKind::partition: return "partition";
        case FieldKind::label: return "label";
        case FieldKind::offset: return "offset";
        case FieldKind::epoch: return "epoch";
        case FieldKind::choice: return "choice";
    }
    return "number";
}

Json types_json(const Trace& trace, const Columns& columns) {
    Json types = Json::array();
    for (std::size_t t = 0; t < trace.types.size(); ++t) {
        Json fields = Json::array();
        for (std::size_t f = 0; f < trace.types[t].fields.size(); ++f) {
            const FieldType& field = trace.types[t].fields[f];
            Json one = {{"name", field.name},
                        {"kind", kind_name(field.kind)},
                        {"pack", std::string(1, static_cast<char>(columns.types[t].packings[f]))}};
            if (!field.choices.empty()) one["choices"] = field.choices;
            fields.push_back(std::move(one));
        }
        types.push_back({{"name", trace.types[t].name},
                         {"count", columns.types[t].count},
                         {"fields", std::move(fields)}});
    }
    return types;
}

// In a script element nothing may look like an end of it.
std::string in_script(const Json& json) {
    const std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
    std::string out;
    for (const char c : text) {
        if (c == '<') {
            out += "\\u003c";
        } else {
            out += c;
        }
    }
    return out;
}

// For each violation the numbers that its facts have among the chosen events, from 0.
Json facts_json(const Trace& trace, const std::vector<std::size_t>& events) {
    Json facts = Json::array();
    for (const std::size_t i : events) {
        if (trace.types[trace.events[i].type].name != "Violation") continue;
        Json mine = Json::array();
        for (const char* field : {"fact", "other_fact"}) {
            const std::int64_t number = trace.get(trace.events[i], field, 0);
            if (number < 1) continue;
            const auto fact = static_cast<std::size_t>(number - 1);
            const auto at = std::lower_bound(events.begin(), events.end(), fact);
            if (at != events.end() && *at == fact) mine.push_back(at - events.begin());
        }
        facts.push_back(std::move(mine));
    }
    return facts;
}

struct RunBlock {
    Json meta;
    std::string data;
};

RunBlock run_block(const Trace& trace, const Filter& filter) {
    const std::vector<std::size_t> events = chosen(trace, filter);
    const Columns columns = make_columns(trace, events);
    Json nodes = Json::array(), apis = Json::object(), partitions = Json::array();
    for (const NodeHead& n : trace.nodes) {
        nodes.push_back({{"id", n.id}, {"name", n.name}, {"role", n.role}});
    }
    for (const auto& [key, name] : trace.apis) apis[std::to_string(key)] = name;
    for (const PartitionName& p : trace.partitions) partitions.push_back(p.text);
    return {{{"scenario", trace.scenario},
             {"seed", std::to_string(trace.seed)},
             {"hash", trace.hash},
             {"complete", trace.complete},
             {"total", trace.events.size()},
             {"count", columns.count},
             {"size", columns.bytes.size()},
             {"nodes", std::move(nodes)},
             {"apis", std::move(apis)},
             {"partitions", std::move(partitions)},
             {"labels", trace.labels},
             {"facts", facts_json(trace, events)},
             {"types", types_json(trace, columns)}},
            packed(columns.bytes)};
}

bool same(const Trace& a, const Event& x, const Trace& b, const Event& y) {
    const EventType& type = a.types[x.type];
    if (x.at != y.at || x.cause != y.cause || type.name != b.types[y.type].name) return false;
    const auto v = a.fields(x), w = b.fields(y);
    if (v.size() != w.size()) return false;
    for (std::size_t i = 0; i < v.size(); ++i) {
        const FieldKind kind = type.fields[i].kind;
        const bool named = kind == FieldKind::label || kind == FieldKind::partition;
        if (named ? a.text(type.fields[i], v[i]) != b.text(b.types[y.type].fields[i], w[i])
                  : v[i] != w[i]) {
            return false;
        }
    }
    return true;
}

// The number that an event has among those that the page holds.
std::size_t position(const Trace& trace, const Filter& filter, std::size_t event) {
    const std::vector<std::size_t> events = chosen(trace, filter);
    return static_cast<std::size_t>(std::lower_bound(events.begin(), events.end(), event) -
                                    events.begin());
}
}  // namespace

std::optional<std::size_t> first_difference(const Trace& a, const Trace& b) {
    const std::size_t both = std::min(a.events.size(), b.events.size());
    for (std::size_t i = 0; i < both; ++i) {
        if (!same(a, a.events[i], b, b.events[i])) return i;
    }
    if (a.events.size() == b.events.size()) return std::nullopt;
    return both;
}

std::string timeline_html(const Trace& trace, const Filter& filter, const Trace* compare) {
    Json page = {{"runs", Json::array()}};
    std::string data;
    for (const Trace* t : {&trace, compare}) {
        if (t == nullptr) continue;
        RunBlock block = run_block(*t, filter);
        data += fmt::format("<script type=\"text/plain\" id=\"data{}\">{}</script>\n",
                            page["runs"].size(), block.data);
        page["runs"].push_back(std::move(block.meta));
    }
    if (filter.from) page["from"] = *filter.from;
    if (filter.to) page["to"] = *filter.to;
    if (filter.node) page["node"] = *filter.node;
    if (filter.partition) {
        std::string name = *filter.partition;
        std::replace(name.begin(), name.end(), '/', '-');
        page["partition"] = name;
    }
    if (compare != nullptr) {
        const auto at = first_difference(trace, *compare);
        page["difference"] = Json::array();
        if (at) {
            page["difference"] = {position(trace, filter, *at), position(*compare, filter, *at)};
        }
    }
    const std::string title = xml_escaped(trace.scenario.empty() ? "A run" : trace.scenario);
    std::string out = fmt::format(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{} - "
        "timeline</title>\n<meta name=\"viewport\" content=\"width=device-width, "
        "initial-scale=1\">\n<style>\n",
        title);
    out += kViewerStyle;
    out += "</style></head>\n<body>\n";
    out += kViewerBody;
    out += "<script type=\"application/json\" id=\"meta\">" + in_script(page) + "</script>\n";
    out += data;
    out += "<script>\n\"use strict\";\n(() => {\n";
    out += kViewerScript;
    out += "})();\n</script>\n</body></html>\n";
    return out;
}
}  // namespace faultline::visualize

#include "sim/trace/trace_head.h"

#include <fmt/format.h>

#include "core/base/assert.h"

namespace faultline::sim {
namespace {
std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        } else {
            out += c;
        }
    }
    return out + '"';
}
}  // namespace

std::string_view to_string(NodeRole role) noexcept {
    switch (role) {
        case NodeRole::broker: return "broker";
        case NodeRole::controller: return "controller";
        case NodeRole::producer: return "producer";
        case NodeRole::consumer: return "consumer";
        case NodeRole::client: return "client";
    }
    FL_UNREACHABLE();
}

std::string TraceHead::name_of(NodeId id) const {
    for (const NodeInfo& node : nodes) {
        if (node.id == id) return node.name;
    }
    return fmt::format("node {}", id.v);
}

std::string to_json(const TraceHead& head) {
    std::string nodes, apis, versions;
    for (const NodeInfo& n : head.nodes) {
        nodes += fmt::format("{}{{\"id\": {}, \"name\": {}, \"role\": \"{}\"}}",
                             nodes.empty() ? "" : ", ", n.id.v, quoted(n.name), to_string(n.role));
    }
    for (const auto& [key, name] : head.apis) {
        apis += fmt::format("{}\"{}\": {}", apis.empty() ? "" : ", ", key, quoted(name));
    }
    for (const auto& [library, version] : head.versions) {
        versions +=
            fmt::format("{}{}: {}", versions.empty() ? "" : ", ", quoted(library), quoted(version));
    }
    const std::string real =
        head.world.empty()
            ? ""
            : fmt::format("\"world\": {}, \"began\": {}, ", quoted(head.world), quoted(head.began));
    return fmt::format(
        "{{\"scenario\": {}, \"seed\": {}, {}\"nodes\": [{}], \"apis\": {{{}}}, \"versions\": "
        "{{{}}}}}",
        quoted(head.scenario), head.seed, real, nodes, apis, versions);
}
}  // namespace faultline::sim

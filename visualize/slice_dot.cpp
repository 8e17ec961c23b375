// What led to what, for Graphviz's dot.
#include <map>
#include <set>

#include <fmt/format.h>

#include "visualize/slice.h"
#include "visualize/text_box.h"

namespace faultline::visualize {
namespace {

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + "\"";
}

std::string_view style_of(const SliceRow& row) {
    if (row.kind == RowKind::violation)
        return "color=\"#b3261e\", fillcolor=\"#fdecea\", penwidth=2";
    if (row.fact) return "color=\"#b3261e\", fillcolor=\"#fff5f2\", penwidth=2";
    switch (row.kind) {
        case RowKind::fault: return "color=\"#b84a00\", fillcolor=\"#ffe0cc\"";
        case RowKind::life: return "color=\"#4a8dbb\", fillcolor=\"#bcd9ee\"";
        case RowKind::client: return "color=\"#00795a\", fillcolor=\"#daf1ea\"";
        case RowKind::log: return "color=\"#0067a5\", fillcolor=\"#dcecf7\"";
        default: return "color=\"#57606a\", fillcolor=\"#f6f8fa\"";
    }
}
}  // namespace

std::string slice_dot(const Trace& trace, const Slice& s) {
    std::string out = fmt::format(
        "// {} seed {} hash {}: dot -Tsvg\ndigraph causes {{\n  rankdir=TB; nodesep=0.25; "
        "ranksep=0.3;\n"
        "  label={}; labelloc=t; fontname=\"sans-serif\"; fontsize=14;\n"
        "  node [shape=box, style=\"filled,rounded\", fontname=\"sans-serif\", fontsize=11, "
        "margin=\"0.12,0.06\"];\n"
        "  edge [color=\"#57606a\", arrowsize=0.7, fontname=\"sans-serif\", fontsize=10];\n",
        trace.scenario, trace.seed, trace.hash,
        quoted(fmt::format("INV-{} violated", s.invariant)));
    for (std::size_t i = 0; i < s.rows.size(); ++i) {
        const SliceRow& row = s.rows[i];
        std::string label;
        for (const std::string& line : wrapped(row.text, 300, 11)) label += line + "\n";
        out += fmt::format("  r{} [label={}, {}];\n", i,
                           quoted(fmt::format("{}\n{}", seconds(row.at), label)), style_of(row));
    }
    for (const SliceEdge& e : slice_edges(trace, s)) {
        // How many are left out between stands at the arrow.
        out += fmt::format(
            "  r{} -> r{}{};\n", e.from, e.to,
            e.hidden == 0 ? "" : fmt::format(" [label=\" +{}\", style=dashed]", e.hidden));
    }
    std::vector<std::size_t> facts;
    for (std::size_t i = 0; i < s.rows.size(); ++i) {
        if (s.rows[i].fact) facts.push_back(i);
    }
    for (const std::size_t f : facts)
        out += fmt::format("  r{} -> r{} [color=\"#b3261e\", penwidth=2, constraint=false];\n", f,
                           s.rows.size() - 1);
    return out + "}\n";
}
}  // namespace faultline::visualize

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "runtime/faultline/commands.h"
#include "visualize/render.h"

namespace faultline::binary {
namespace {
struct TimelineOptions {
    visualize::RenderOptions render;
    std::string from, to, partition;
    std::string node;
};

int timeline(TimelineOptions& o) {
    const auto time = [](const std::string& flag, const std::string& text,
                         std::optional<visualize::Ns>& out) {
        if (text.empty()) return true;
        const auto parsed = visualize::parse_time(text);
        if (parsed) {
            out = *parsed;
            return true;
        }
        tools::bad_input(fmt::format("faultline: {} {}: {}", flag, text, parsed.error()));
        return false;
    };
    if (!time("--from", o.from, o.render.filter.from) || !time("--to", o.to, o.render.filter.to)) {
        return tools::kBadInput;
    }
    if (!o.node.empty()) o.render.filter.node = o.node;
    if (!o.partition.empty()) o.render.filter.partition = o.partition;
    const auto drawn = visualize::render(o.render);
    if (!drawn) return tools::bad_input("faultline: " + drawn.error());
    if (!drawn->note.empty()) fmt::print(stderr, "{}\n", drawn->note);
    return tools::kOk;
}
}  // namespace

void add_timeline(CLI::App& app, std::vector<tools::Command>& commands) {
    CLI::App* sub = app.add_subcommand(
        "timeline",
        "Example:  faultline timeline run.trace -o run.svg --from 1s --to 4s\n\n"
        "Draws a trace; the output's extension chooses svg, html, dot, txt, json, jsonl or "
        "pftrace.");
    auto o = std::make_shared<TimelineOptions>();
    sub->add_option("trace", o->render.trace, "what `sim run --trace` wrote")->required();
    sub->add_option("-o", o->render.output, "the picture")->required();
    sub->add_option("--compare", o->render.compare,
                    "a second trace, shown below the first with their first difference (html)");
    sub->add_option("--from", o->from, "leave out what was before");
    sub->add_option("--to", o->to, "leave out what came after");
    sub->add_option("--node", o->node, "only this node, as n1");
    sub->add_option("--partition", o->partition, "only this partition, as TOPIC/P");
    sub->add_flag("--full", o->render.full, "nothing told as one, nothing left out");
    commands.push_back({sub, [o] { return timeline(*o); }});
}
}  // namespace faultline::binary

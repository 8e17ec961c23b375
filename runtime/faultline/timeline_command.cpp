#include <algorithm>
#include <cstdio>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "runtime/faultline/commands.h"
#include "runtime/faultline/event_rings.h"
#include "visualize/render.h"

namespace faultline::binary {
namespace {
struct TimelineOptions {
    visualize::RenderOptions render;
    std::vector<std::string> inputs;
    std::string title = "events of daemons";
    std::string from, to, partition;
    std::string node;
};

// Files of event rings become one trace beside the picture; it goes when the picture is there.
class JoinedTrace {
public:
    // Nothing: the one input is a trace itself. Else a line for a person, "" when all is well.
    std::optional<std::string> join(TimelineOptions& o) {
        const bool rings = std::ranges::any_of(o.inputs, holds_rings);
        if (!rings && o.inputs.size() == 1) {
            o.render.trace = o.inputs.front();
            return std::nullopt;
        }
        const bool keep = o.render.output.ends_with(".trace");
        o.render.trace =
            keep ? o.render.output : fmt::format("{}.{}.trace", o.render.output, ::getpid());
        if (!keep) made_ = o.render.trace;
        const auto joined = join_rings(o.inputs, o.title, o.render.trace);
        if (!joined) return "faultline: " + joined.error();
        if (!joined->empty()) fmt::print(stderr, "{}\n", *joined);
        return "";
    }
    JoinedTrace() = default;
    JoinedTrace(const JoinedTrace&) = delete;
    JoinedTrace& operator=(const JoinedTrace&) = delete;
    ~JoinedTrace() {
        if (!made_.empty()) std::remove(made_.c_str());
    }

private:
    std::string made_;
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
    JoinedTrace joined;
    if (const auto said = joined.join(o)) {
        if (!said->empty()) return tools::bad_input(*said);
        if (o.render.trace == o.render.output) return tools::kOk;  // that was asked for
    }
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
        "          faultline timeline data1 data2 data3 -o cluster.svg\n\n"
        "Draws a trace, or what daemons remember: the first log directory of each, or copies of "
        "the\nfile events.ring in it. The output's extension chooses svg, html, dot, txt, json, "
        "jsonl, pftrace,\nor trace for the joined trace itself.");
    auto o = std::make_shared<TimelineOptions>();
    sub->add_option("trace", o->inputs,
                    "what `sim run --trace` wrote, or data directories of daemons")
        ->required();
    sub->add_option("--title", o->title, "of a picture of daemons")->capture_default_str();
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

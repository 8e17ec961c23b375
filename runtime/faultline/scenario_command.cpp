// faultline scenario run: the scenario of `sim run` with real daemons.
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "runtime/faultline/commands.h"
#include "runtime/faultline/real_faults.h"
#include "runtime/faultline/real_run.h"
#include "sim/run/load.h"
#include "sim/scenario/swarm.h"
#include "visualize/render.h"

namespace faultline::binary {
namespace {

struct ScenarioOptions {
    std::string file, world = "daemons", tool, bin, trace, links;
    std::optional<std::uint64_t> seed;
    std::optional<std::int32_t> brokers;
    std::vector<std::string> set, timelines;
    bool json = false, keep = false;
};

std::string own_directory() {
    std::error_code ignored;
    return std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path().string();
}

std::string tool_of(const ScenarioOptions& o) {
    if (!o.tool.empty()) return o.tool;
    if (const char* named = std::getenv("FL_CLUSTER_TOOL")) return named;
    return own_directory() + "/../../../tests/integration/cluster/cluster.py";
}

// Keys that Kafka does not have.
bool only_ours(const std::string& key) {
    return key.starts_with("faultline.") || key == "log.flush.before.ack" ||
           key == "flush.before.ack";
}

std::string up_words(const sim::Scenario& s, const ScenarioOptions& o) {
    const bool kafka = o.world == "kafka";
    std::string words = fmt::format("up {} --port {} --log-dirs {}", s.cluster.brokers,
                                    26000 + ::getpid() % 4000, s.cluster.log_dirs);
    words += kafka ? " --kafka"
                   : fmt::format(" --bin {} --set faultline.shards={}",
                                 o.bin.empty() ? own_directory() : o.bin, s.cluster.shards);
    if (needs_power_cut(s)) words += " --power";
    if (!o.links.empty()) words += " --links " + o.links;
    for (const auto& [key, value] : s.cluster.config) {
        if (!kafka || !only_ours(key)) words += fmt::format(" --set {}={}", key, value);
    }
    return words;
}

std::optional<std::string> load(const ScenarioOptions& o, sim::Scenario& scenario) {
    for (const std::string& out : o.timelines) {
        if (const std::string why = visualize::bad_output(out); !why.empty())
            return fmt::format("faultline: --timeline {}: {}", out, why);
    }
    std::vector<sim::Override> set;
    for (const std::string& pair : o.set) {
        const auto equals = pair.find('=');
        if (equals == std::string::npos)
            return fmt::format("faultline: --set {}: not POINTER=VALUE, as /seed=7", pair);
        set.push_back({pair.substr(0, equals), pair.substr(equals + 1)});
    }
    if (auto line = sim::load_scenario(o.file, set, scenario)) return line;
    scenario = sim::draw_swarm(scenario, o.seed.value_or(scenario.seed));
    if (o.brokers) scenario.cluster.brokers = *o.brokers;
    if (o.world == "kafka") {
        for (sim::TopicSpec& t : scenario.cluster.topics)
            std::erase_if(t.config, [](const auto& entry) { return only_ours(entry.first); });
    }
    if (const auto why = beyond_real_world(scenario, o.world))
        return fmt::format("{}: {}", o.file, *why);
    return std::nullopt;
}

int draw(const ScenarioOptions& o, const std::string& trace) {
    int code = tools::kOk;
    for (const std::string& out : o.timelines) {
        visualize::RenderOptions options;
        options.trace = trace;
        options.output = out;
        if (const auto drawn = visualize::render(options); !drawn) {
            code = tools::bad_input("faultline: " + drawn.error());
        } else if (!o.json) {
            fmt::print("timeline {}\n", out);
        }
    }
    return code;
}

// Starts the cluster, runs, draws, prints; when it returns the nodes are down. `keep` says whether
// what they wrote is still to be seen then.
int run_in(const std::string& directory, const sim::Scenario& scenario, const ScenarioOptions& o,
           bool& keep) {
    const std::string trace =
        !o.trace.empty() || o.timelines.empty() ? o.trace : directory + "/trace";
    const auto tool = ClusterTool::start(tool_of(o), directory + "/cluster");
    if (!tool.ok()) {
        return tools::bad_input(
            fmt::format("faultline: {}: cannot be run ({}); --cluster-tool names it", tool_of(o),
                        to_string(tool.error())));
    }
    const auto up = (*tool)->ask(up_words(scenario, o));
    const auto at = up.text.rfind("bootstrap=");
    if (!up.ok() || at == std::string::npos) {
        keep = keep || up.code == tools::kFailed;  // a node has ended; its log says why
        return tools::bad_input(fmt::format("faultline: --world {}: {}", o.world, up.text));
    }
    const auto ran = run_real(scenario, **tool,
                              {.seed = scenario.seed,
                               .world = o.world,
                               .bootstrap = up.text.substr(at + 10),
                               .trace = trace});
    if (!ran.ok()) {
        return tools::bad_input(
            fmt::format("faultline: {}: cannot be written ({})", trace, to_string(ran.error())));
    }
    const int code = std::max(ran->exit_code(), draw(o, trace));
    // The verdict stays the last line.
    fmt::print("{}", o.json ? sim::to_json(*ran) : sim::to_text(*ran));
    std::fflush(stdout);
    keep = keep || code == tools::kFailed;
    if (keep) (void)(*tool)->ask("down --keep");  // else the tool removes it all at its end
    return code;
}

int run(const ScenarioOptions& o) {
    sim::Scenario scenario;
    if (const auto line = load(o, scenario)) return tools::bad_input(*line);
    char directory[] = "/tmp/faultline-scenario-XXXXXX";
    if (::mkdtemp(directory) == nullptr)
        return tools::bad_input("faultline: /tmp cannot be written");
    bool keep = o.keep;
    const int code = run_in(directory, scenario, o, keep);
    if (keep) {
        fmt::print(stderr, "configuration, logs and data of the nodes are in {}\n", directory);
    } else {
        std::error_code ignored;
        std::filesystem::remove_all(directory, ignored);
    }
    return code;
}
}  // namespace

void add_scenario(CLI::App& app, std::vector<tools::Command>& commands) {
    CLI::App* top =
        app.add_subcommand("scenario",
                           "Example:  faultline scenario run "
                           "scenarios/smoke/calm.json\n\nScenarios outside of the simulator.");
    top->require_subcommand(1);
    CLI::App* sub =
        top->add_subcommand("run",
                            "Example:  faultline scenario run scenarios/smoke/three-worlds.json "
                            "--world daemons --seed 7\n\n"
                            "The scenario of `sim run` with real processes on this machine: crash, "
                            "pause, restart, partition, and with daemons "
                            "power_loss. Judged by what clients saw. Exit 0 holds, 1 violated, 2 "
                            "bad input or a world that does not start, 3 vacuous.");
    auto o = std::make_shared<ScenarioOptions>();
    sub->add_option("file", o->file, "the scenario")->required();
    sub->add_option("--world", o->world, "daemons or kafka")
        ->capture_default_str()
        ->check(CLI::IsMember({"daemons", "kafka"}));
    add_seed(sub, o->seed, "else the scenario's");
    sub->add_option("--set", o->set, "POINTER=VALUE, may be given again");
    sub->add_option("--brokers", o->brokers, "else the scenario's")->check(CLI::Range(1, 9));
    sub->add_option("--trace", o->trace, "write the trace here");
    sub->add_option("--timeline", o->timelines, "draw it, may be given again");
    sub->add_option("--bin", o->bin, "where faultlined is; default: beside this program");
    sub->add_option("--links", o->links, "namespaces or proxy; default: what this machine can do");
    sub->add_option("--cluster-tool", o->tool,
                    "what starts and hurts the nodes; default: FL_CLUSTER_TOOL, or "
                    "tests/integration/cluster/cluster.py");
    sub->add_flag("--json", o->json, "for programs");
    sub->add_flag("--keep", o->keep, "leave configuration, logs and data");
    commands.push_back({sub, [o] { return run(*o); }});
}
}  // namespace faultline::binary

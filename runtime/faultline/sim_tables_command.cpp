// faultline sim schema | faults | oracles | sites: what a scenario may contain and what judges it,
// from the same tables as the code.
#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "core/env/probe.h"
#include "runtime/faultline/commands.h"
#include "sim/oracle/oracle.h"
#include "sim/scenario/fault_kinds.h"
#include "sim/scenario/scenario_json.h"

namespace faultline::binary {
namespace {

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + "\"";
}

int print_faults(bool json) {
    if (json) fmt::print("[");
    bool first = true;
    for (const sim::FaultInfo& f : sim::fault_kinds()) {
        if (json) {
            fmt::print("{}\n {{\"do\": {}, \"class\": {}, \"breaks_contract\": {}, \"doc\": {}}}",
                       first ? "" : ",", quoted(f.word), quoted(to_string(f.group)),
                       f.breaks_contract, quoted(f.doc));
        } else {
            fmt::print("{:<18} {:<8} {}{}\n", f.word, to_string(f.group), f.doc,
                       f.breaks_contract ? " (breaks the disk's promises)" : "");
        }
        first = false;
    }
    if (json) fmt::print("\n]\n");
    return tools::kOk;
}

int print_oracles(bool json) {
    if (json) fmt::print("[");
    bool first = true;
    for (const sim::OracleInfo& o : sim::oracle_table()) {
        if (json) {
            fmt::print(
                "{}\n {{\"invariant\": {}, \"name\": {}, \"statement\": {}, \"catalogue\": {}}}",
                first ? "" : ",", o.invariant, quoted(o.name), quoted(o.statement),
                quoted(o.catalogue));
        } else {
            fmt::print("INV-{:<4} {:<22} {} [{}]\n", o.invariant, o.name, o.statement, o.catalogue);
        }
        first = false;
    }
    if (json) fmt::print("\n]\n");
    return tools::kOk;
}

int print_sites(bool json) {
    if (json) fmt::print("[");
    bool first = true;
    for (const probe::SiteInfo& site : probe::kSites) {
        if (json) {
            fmt::print("{}\n {{\"name\": {}, \"meaning\": {}}}", first ? "" : ",",
                       quoted(site.name), quoted(site.meaning));
        } else {
            fmt::print("{:<29} {}\n", site.name, site.meaning);
        }
        first = false;
    }
    if (json) fmt::print("\n]\n");
    return tools::kOk;
}

void add_table(CLI::App& top, std::vector<tools::Command>& commands, const char* name,
               const char* help, int (*print)(bool)) {
    CLI::App* sub = top.add_subcommand(name, help);
    auto json = std::make_shared<bool>(false);
    sub->add_flag("--json", *json, "for programs");
    commands.push_back({sub, [json, print] { return print(*json); }});
}
}  // namespace

void add_sim_tables(CLI::App& top, std::vector<tools::Command>& commands) {
    CLI::App* schema = top.add_subcommand(
        "schema",
        "Example:  faultline sim schema > scenario.schema.json\n\nThe JSON Schema of scenarios.");
    commands.push_back({schema, [] {
                            fmt::print("{}", sim::scenario_schema());
                            return tools::kOk;
                        }});
    add_table(top, commands, "faults", "Example:  faultline sim faults --json\n\nThe faults.",
              print_faults);
    add_table(top, commands, "oracles",
              "Example:  faultline sim oracles --json\n\nWhat is judged: the invariants.",
              print_oracles);
    add_table(top, commands, "sites",
              "Example:  faultline sim sites --json\n\nRare branches that some run must reach.",
              print_sites);
}
}  // namespace faultline::binary

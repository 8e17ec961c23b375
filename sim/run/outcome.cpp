#include "sim/run/outcome.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "core/base/text.h"

namespace faultline::sim {
namespace {
std::string seconds(Duration d) {
    const std::string text = format_seconds(d);
    return text.substr(0, text.size() - 1);
}
}  // namespace

std::vector<std::string> Outcome::vacuous() const {
    std::vector<std::string> ids;
    for (const FaultReport& f : faults) {
        if (f.effects == 0 && !f.may_be_vacuous) ids.push_back(f.id);
    }
    for (const std::string& site : must_reach) {
        const auto it = sites.find(site);
        if (it == sites.end() || it->second == 0) ids.push_back(site);
    }
    return ids;
}

std::string_view Outcome::verdict() const {
    if (finding) return "violated";
    return vacuous().empty() ? "holds" : "vacuous";
}

int Outcome::exit_code() const {
    const std::int32_t broken = finding ? finding->invariant : 0;
    if (broken != expected_violation) return 1;
    return vacuous().empty() ? 0 : 3;
}

std::string Outcome::last_line() const {
    const auto biting = std::ranges::count_if(faults, [](const auto& f) { return f.effects > 0; });
    if (!world.empty()) {
        return fmt::format("verdict={} seed={} world={} wall_s={} events={} faults={}", verdict(),
                           seed, world, seconds(wall_time), events, biting);
    }
    return fmt::format("verdict={} seed={} hash={} sim_s={} wall_s={} events={} faults={}",
                       verdict(), seed, hash, seconds(sim_time), seconds(wall_time), events,
                       biting);
}

std::string Outcome::hash_line() const {
    return fmt::format("schedule={:016x} hash={}", schedule_hash, hash);
}

std::optional<std::string> Outcome::violation_line() const {
    if (!finding) return std::nullopt;
    return fmt::format("violated INV-{} {} at {}: {}", finding->invariant, finding->name,
                       format_seconds(finding->at - MonoTime{}), finding->sentence);
}

std::optional<std::string> Outcome::expectation_line() const {
    if (expected_violation == 0 || (finding && finding->invariant == expected_violation))
        return std::nullopt;
    return fmt::format("expected a violation of INV-{} (expect.violates), but {}",
                       expected_violation,
                       finding ? "this is another one" : "every invariant held");
}

std::string to_text(const Outcome& o) {
    std::string out;
    for (const std::string& sentence : o.story) out += sentence + "\n";
    out += "\n";
    for (const FaultReport& f : o.faults) {
        out += fmt::format("fault   {:<14} {:<14} {} effect{}\n", f.id, to_string(f.kind),
                           f.effects, f.effects == 1 ? "" : "s");
    }
    for (const OracleReport& r : o.oracles) {
        out += fmt::format("oracle  INV-{} {:<20} checked {} times\n", r.invariant, r.name,
                           r.premises);
    }
    out += fmt::format("records {} acknowledged, {} refused, {} delivered\n", o.acked, o.failed,
                       o.delivered);
    for (const std::string& remark : o.remarks) out += remark + "\n";
    if (const auto ids = o.vacuous(); !ids.empty()) {
        out += fmt::format("vacuous: no effect of {}; the run proves nothing about it\n",
                           fmt::join(ids, ", "));
    }
    if (const auto line = o.violation_line()) out += *line + "\n";
    if (const auto line = o.expectation_line()) out += *line + "\n";
    return out + o.last_line() + "\n";
}

std::string to_json(const Outcome& o) {
    nlohmann::ordered_json j{{"scenario", o.scenario},
                             {"verdict", o.verdict()},
                             {"seed", o.seed},
                             {"hash", o.hash},
                             {"sim_s", static_cast<double>(o.sim_time.count()) / 1e9},
                             {"wall_s", static_cast<double>(o.wall_time.count()) / 1e9},
                             {"events", o.events}};
    j["violation"] = nullptr;
    if (o.finding) {
        j["violation"] = {{"invariant", o.finding->invariant},
                          {"name", o.finding->name},
                          {"at_s", static_cast<double>(o.finding->at.ns) / 1e9},
                          {"sentence", o.finding->sentence}};
    }
    if (o.expected_violation != 0)
        j["expected"] = {{"invariant", o.expected_violation}, {"came", !o.expectation_line()}};
    j["faults"] = nlohmann::ordered_json::array();
    for (const FaultReport& f : o.faults) {
        j["faults"].push_back({{"id", f.id}, {"do", to_string(f.kind)}, {"effects", f.effects}});
    }
    j["oracles"] = nlohmann::ordered_json::array();
    for (const OracleReport& r : o.oracles) {
        j["oracles"].push_back(
            {{"invariant", r.invariant}, {"name", r.name}, {"checked", r.premises}});
    }
    j["records"] = {{"acknowledged", o.acked}, {"refused", o.failed}, {"delivered", o.delivered}};
    j["remarks"] = o.remarks;
    j["sites"] = o.sites;
    j["story"] = o.story;
    return j.dump(2) + "\n";
}
}  // namespace faultline::sim

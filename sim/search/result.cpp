#include "sim/search/result.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

namespace faultline::sim {

using Json = nlohmann::ordered_json;

namespace {
constexpr const char* kExpectedViolation = "expected-violation";
}  // namespace

std::string what_broke(std::int32_t invariant, const std::string& name) {
    if (invariant == 0) return name == kExpectedViolation ? name : "died";
    return name.empty() ? fmt::format("INV-{}", invariant)
                        : fmt::format("INV-{} {}", invariant, name);
}

std::string RunResult::place() const {
    if (verdict == "died") return transition;
    if (invariant == kNoAbort) return sentence;  // file, line and condition
    return "";
}

std::string RunResult::cluster() const {
    const std::string at = invariant == kNoAbort ? place() : transition;
    return fmt::format("{} at {} with {}", what_broke(invariant, invariant == 0 ? name : ""),
                       at.empty() ? "-" : at,
                       kinds.empty() ? "no fault" : fmt::format("{}", fmt::join(kinds, "+")));
}

bool same_failure(const RunResult& a, const RunResult& b) {
    return a.verdict == b.verdict && a.invariant == b.invariant && a.place() == b.place();
}

RunResult summarize(const Outcome& o) {
    RunResult r;
    r.verdict = o.verdict();
    r.exit_code = o.exit_code();
    if (o.finding) {
        r.invariant = o.finding->invariant;
        r.name = o.finding->name;
        r.transition = o.finding->transition;
        r.sentence = o.finding->sentence;
        r.at_ns = o.finding->at.ns;
    } else if (const auto line = o.expectation_line()) {
        r.name = kExpectedViolation;
        r.sentence = *line;
    }
    for (const FaultReport& f : o.faults) {
        r.effects[f.id] = f.effects;
        if (f.effects > 0) r.kinds.insert(std::string(to_string(f.kind)));
    }
    for (const OracleReport& p : o.oracles) r.premises[p.invariant] = p.premises;
    r.sites = o.sites;
    r.events = o.events;
    r.sim_ns = o.sim_time.count();
    r.hash = o.hash;
    return r;
}

std::string to_line(const RunResult& r) {
    Json j{{"verdict", r.verdict},
           {"exit", r.exit_code},
           {"invariant", r.invariant},
           {"name", r.name},
           {"transition", r.transition},
           {"sentence", r.sentence},
           {"at", r.at_ns},
           {"effects", r.effects},
           {"kinds", r.kinds},
           {"events", r.events},
           {"sim", r.sim_ns},
           {"cpu", r.cpu_ns},
           {"hash", r.hash},
           {"sites", r.sites}};
    Json premises = Json::array();
    for (const auto& [invariant, n] : r.premises) premises.push_back({invariant, n});
    j["premises"] = std::move(premises);
    return j.dump(-1, ' ', false, Json::error_handler_t::replace);
}

bool from_line(const std::string& line, RunResult& r) {
    const Json j = Json::parse(line, nullptr, false);
    if (!j.is_object()) return false;
    try {
        j.at("verdict").get_to(r.verdict);
        j.at("exit").get_to(r.exit_code);
        j.at("invariant").get_to(r.invariant);
        j.at("name").get_to(r.name);
        j.at("transition").get_to(r.transition);
        j.at("sentence").get_to(r.sentence);
        j.at("at").get_to(r.at_ns);
        j.at("effects").get_to(r.effects);
        j.at("kinds").get_to(r.kinds);
        j.at("events").get_to(r.events);
        j.at("sim").get_to(r.sim_ns);
        j.at("cpu").get_to(r.cpu_ns);
        j.at("hash").get_to(r.hash);
        j.at("sites").get_to(r.sites);
        for (const Json& p : j.at("premises"))
            r.premises[p.at(0).get<std::int32_t>()] = p.at(1).get<std::uint64_t>();
    } catch (const Json::exception&) {
        return false;
    }
    return true;
}
}  // namespace faultline::sim

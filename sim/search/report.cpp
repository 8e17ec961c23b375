#include "sim/search/report.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace faultline::sim {
namespace {
using Json = nlohmann::ordered_json;
constexpr int kVersion = 1;

bool whole(std::string_view text, std::uint64_t& out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

Json failure_json(const std::string& key, const Failure& f) {
    return {{"key", key},
            {"file", f.file},
            {"invariant", f.invariant},
            {"name", f.name},
            {"transition", f.transition},
            {"kinds", f.kinds},
            {"count", f.count},
            {"first_seed", f.first_seed},
            {"fastest_seed", f.fastest_seed},
            {"fastest_ns", f.fastest_ns},
            {"sentence", f.sentence},
            {"replay", fmt::format("faultline sim run {} --seed {}", f.file, f.fastest_seed)},
            {"shrink",
             fmt::format("faultline sim shrink {} --seed {} -o min.json", f.file, f.fastest_seed)}};
}

Failure failure_of(const Json& j) {
    Failure f;
    j.at("file").get_to(f.file);
    j.at("invariant").get_to(f.invariant);
    j.at("name").get_to(f.name);
    j.at("transition").get_to(f.transition);
    j.at("kinds").get_to(f.kinds);
    j.at("count").get_to(f.count);
    j.at("first_seed").get_to(f.first_seed);
    j.at("fastest_seed").get_to(f.fastest_seed);
    j.at("fastest_ns").get_to(f.fastest_ns);
    j.at("sentence").get_to(f.sentence);
    return f;
}

template <class Map>
void add_all(Map& to, const Map& from) {
    for (const auto& [key, n] : from) to[key] += n;
}
}  // namespace

std::optional<SeedRange> parse_seeds(const std::string& text) {
    SeedRange range;
    const auto dots = text.find("..");
    const std::string_view all = text;
    if (dots == std::string::npos) {
        if (!whole(all, range.first)) return std::nullopt;
        range.last = range.first;
        return range;
    }
    if (!whole(all.substr(0, dots), range.first) || !whole(all.substr(dots + 2), range.last) ||
        range.first > range.last || range.last > INT64_MAX) {
        return std::nullopt;
    }
    return range;
}

void SeedSet::add(std::uint64_t seed) { add(SeedRange{seed, seed}); }

void SeedSet::add(SeedRange range) {
    auto it = std::ranges::lower_bound(ranges_, range.first, {}, &SeedRange::first);
    it = ranges_.insert(it, range);
    if (it != ranges_.begin() && std::prev(it)->last + 1 >= it->first) --it;
    while (std::next(it) != ranges_.end() && it->last + 1 >= std::next(it)->first) {
        it->last = std::max(it->last, std::next(it)->last);
        ranges_.erase(std::next(it));
    }
}

bool SeedSet::contains(std::uint64_t seed) const {
    const auto it = std::ranges::upper_bound(ranges_, seed, {}, &SeedRange::first);
    return it != ranges_.begin() && std::prev(it)->last >= seed;
}

std::uint64_t SeedSet::size() const {
    std::uint64_t n = 0;
    for (const SeedRange& r : ranges_) n += r.last - r.first + 1;
    return n;
}

void Report::add(const std::string& file, std::uint64_t seed, const RunResult& r) {
    done[file].add(seed);
    ++runs;
    events += r.events;
    sim_ns += r.sim_ns;
    cpu_ns += r.cpu_ns;
    add_all(sites, r.sites);
    add_all(premises, r.premises);
    for (const std::string& kind : r.kinds) ++kinds[kind];
    if (r.exit_code == 3) ++vacuous;
    if (!r.failed()) return;
    ++failed;
    Failure& f = failures[file + " " + r.cluster()];
    if (f.count++ == 0) {
        f.file = file;
        f.invariant = r.invariant;
        f.name = r.name;
        f.transition = r.transition;
        f.kinds.assign(r.kinds.begin(), r.kinds.end());
        f.fastest_ns = INT64_MAX;
        f.first_seed = UINT64_MAX;
    }
    if (seed < f.first_seed) {
        f.first_seed = seed;
        f.sentence = r.sentence;
    }
    if (r.cpu_ns < f.fastest_ns) {
        f.fastest_ns = r.cpu_ns;
        f.fastest_seed = seed;
    }
}

void Report::merge(const Report& other) {
    for (const auto& [file, seeds] : other.done) {
        for (const SeedRange& r : seeds.ranges()) done[file].add(r);
    }
    for (const auto& [key, f] : other.failures) {
        const auto [it, fresh] = failures.try_emplace(key, f);
        if (fresh) continue;
        Failure& mine = it->second;
        mine.count += f.count;
        if (f.first_seed < mine.first_seed) {
            mine.first_seed = f.first_seed;
            mine.sentence = f.sentence;
        }
        if (f.fastest_ns < mine.fastest_ns) {
            mine.fastest_ns = f.fastest_ns;
            mine.fastest_seed = f.fastest_seed;
        }
    }
    add_all(sites, other.sites);
    add_all(premises, other.premises);
    add_all(kinds, other.kinds);
    runs += other.runs;
    failed += other.failed;
    vacuous += other.vacuous;
    events += other.events;
    sim_ns += other.sim_ns;
    cpu_ns += other.cpu_ns;
    wall_ns = std::max(wall_ns, other.wall_ns);
}

std::string to_json(const Report& r) {
    Json j{{"faultline_sweep", kVersion}, {"runs", r.runs},      {"failed", r.failed},
           {"vacuous", r.vacuous},        {"events", r.events},  {"sim_ns", r.sim_ns},
           {"cpu_ns", r.cpu_ns},          {"wall_ns", r.wall_ns}};
    j["done"] = Json::object();
    for (const auto& [file, seeds] : r.done) {
        Json ranges = Json::array();
        for (const SeedRange& s : seeds.ranges()) ranges.push_back({s.first, s.last});
        j["done"][file] = std::move(ranges);
    }
    j["failures"] = Json::array();
    for (const auto& [key, f] : r.failures) j["failures"].push_back(failure_json(key, f));
    j["sites"] = r.sites;
    j["premises"] = Json::array();
    for (const auto& [invariant, n] : r.premises)
        j["premises"].push_back({{"invariant", invariant}, {"checked", n}});
    j["kinds"] = r.kinds;
    return j.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::optional<Report> parse_report(const std::string& text, std::string& why) {
    const Json j = Json::parse(text, nullptr, false);
    if (!j.is_object() || j.value("faultline_sweep", 0) != kVersion) {
        why = "is not a report of `faultline sim sweep`";
        return std::nullopt;
    }
    try {
        Report r;
        j.at("runs").get_to(r.runs);
        j.at("failed").get_to(r.failed);
        j.at("vacuous").get_to(r.vacuous);
        j.at("events").get_to(r.events);
        j.at("sim_ns").get_to(r.sim_ns);
        j.at("cpu_ns").get_to(r.cpu_ns);
        j.at("wall_ns").get_to(r.wall_ns);
        for (const auto& [file, ranges] : j.at("done").items()) {
            for (const Json& s : ranges)
                r.done[file].add({s.at(0).get<std::uint64_t>(), s.at(1).get<std::uint64_t>()});
        }
        for (const Json& f : j.at("failures"))
            r.failures[f.at("key").get<std::string>()] = failure_of(f);
        j.at("sites").get_to(r.sites);
        for (const Json& p : j.at("premises"))
            r.premises[p.at("invariant").get<std::int32_t>()] =
                p.at("checked").get<std::uint64_t>();
        j.at("kinds").get_to(r.kinds);
        return r;
    } catch (const Json::exception& e) {
        why = fmt::format("is damaged: {}", e.what());
        return std::nullopt;
    }
}

std::optional<Report> load_report(const std::string& path, std::string& why) {
    if (!std::filesystem::exists(path)) return Report{};
    std::ifstream in(path, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    if (!in) {
        why = "cannot be read";
        return std::nullopt;
    }
    return parse_report(text, why);
}

bool save_report(const std::string& path, const Report& report) {
    const std::string beside = path + ".tmp";
    {
        std::ofstream out(beside, std::ios::binary | std::ios::trunc);
        out << to_json(report);
        out.flush();
        if (!out) return false;
    }
    return std::rename(beside.c_str(), path.c_str()) == 0;
}
}  // namespace faultline::sim

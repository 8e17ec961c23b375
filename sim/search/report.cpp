#include "sim/search/report.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/hash128.h"
#include "sim/run/files.h"

namespace faultline::sim {
namespace {
using Json = nlohmann::ordered_json;
constexpr int kVersion = 2;

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

std::string hash_of(std::string_view bytes) {
    Hash128 hash;
    for (std::size_t at = 0; at < bytes.size(); at += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes.data() + at, std::min<std::size_t>(8, bytes.size() - at));
        hash.add(word);
    }
    hash.add(bytes.size());
    return hash.hex();
}

std::string build_id() {
    static const std::string id = hash_of(read_text("/proc/self/exe").value_or(""));
    return id;
}

std::optional<SeedRange> parse_seeds(const std::string& text) {
    SeedRange range;
    const auto dots = text.find("..");
    const std::string_view all = text;
    if (dots == std::string::npos) {
        if (!whole(all, range.first)) return std::nullopt;
        range.last = range.first;
        return range.last > INT64_MAX ? std::nullopt : std::optional(range);
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

std::optional<std::uint64_t> SeedSet::common(const SeedSet& other) const {
    for (const SeedRange& r : ranges_) {
        const auto it = std::ranges::lower_bound(other.ranges_, r.first, {}, &SeedRange::last);
        if (it != other.ranges_.end() && it->first <= r.last) return std::max(r.first, it->first);
    }
    return std::nullopt;
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
    build = other.build;
    scenarios.insert(other.scenarios.begin(), other.scenarios.end());
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

namespace {
std::optional<std::string> other_inputs(const Report& one, const Report& other) {
    if (one.build != other.build) return "was made by another build of faultline";
    for (const auto& [file, hash] : other.scenarios) {
        const auto it = one.scenarios.find(file);
        if (it != one.scenarios.end() && it->second != hash)
            return fmt::format("is about another version of {}", file);
    }
    return std::nullopt;
}
}  // namespace

std::optional<std::string> not_one_sweep(const Report& one, const Report& other) {
    if (auto why = other_inputs(one, other)) return why;
    for (const auto& [file, seeds] : other.done) {
        const auto it = one.done.find(file);
        if (it == one.done.end()) continue;
        if (const auto seed = seeds.common(it->second))
            return fmt::format("has seed {} of {}, which another one has too", *seed, file);
    }
    return std::nullopt;
}

std::optional<std::string> not_of_sweep(const Report& before, const Report& fresh,
                                        const Share& share) {
    if (auto why = other_inputs(fresh, before)) return why;
    for (const auto& [file, seeds] : before.done) {
        const bool known = fresh.scenarios.contains(file);
        for (const SeedRange& r : seeds.ranges()) {
            for (std::uint64_t seed = r.first; seed <= r.last; ++seed) {
                if (!known || !share.has(seed))
                    return fmt::format("has seed {} of {}, which is not asked for", seed, file);
            }
        }
    }
    return std::nullopt;
}

std::string to_json(const Report& r) {
    Json j{{"faultline_sweep", kVersion}, {"build", r.build},     {"runs", r.runs},
           {"failed", r.failed},          {"vacuous", r.vacuous}, {"events", r.events},
           {"sim_ns", r.sim_ns},          {"cpu_ns", r.cpu_ns},   {"wall_ns", r.wall_ns}};
    j["scenarios"] = r.scenarios;
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
    const bool number =
        j.is_object() && j.contains("faultline_sweep") && j["faultline_sweep"].is_number_integer();
    if (!number || j["faultline_sweep"].get<int>() != kVersion) {
        why = "is not a report of `faultline sim sweep`";
        return std::nullopt;
    }
    try {
        Report r;
        j.at("build").get_to(r.build);
        j.at("scenarios").get_to(r.scenarios);
        j.at("runs").get_to(r.runs);
        j.at("failed").get_to(r.failed);
        j.at("vacuous").get_to(r.vacuous);
        j.at("events").get_to(r.events);
        j.at("sim_ns").get_to(r.sim_ns);
        j.at("cpu_ns").get_to(r.cpu_ns);
        j.at("wall_ns").get_to(r.wall_ns);
        for (const auto& [file, ranges] : j.at("done").items()) {
            SeedSet& seeds = r.done[file];
            for (const Json& s : ranges)
                seeds.add({s.at(0).get<std::uint64_t>(), s.at(1).get<std::uint64_t>()});
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
    std::error_code error;
    if (!std::filesystem::exists(path, error)) return Report{};
    const auto text = read_text(path);
    if (!text) {
        why = "cannot be read";
        return std::nullopt;
    }
    return parse_report(*text, why);
}

bool save_report(const std::string& path, const Report& report) {
    return write_text(path, to_json(report));
}
}  // namespace faultline::sim

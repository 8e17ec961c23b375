#include "sim/search/sweep.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <set>
#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/base/text.h"
#include "core/env/probe.h"
#include "sim/oracle/oracle.h"
#include "sim/run/load.h"
#include "sim/scenario/scenario_json.h"
#include "sim/scenario/swarm.h"

namespace faultline::sim {
namespace {

using WallClock = std::chrono::steady_clock;
constexpr auto kSaveEvery = std::chrono::seconds(5);
constexpr int kVacuous = 3;

volatile std::sig_atomic_t g_interrupted = 0;
void interrupt(int) { g_interrupted = 1; }

double seconds(WallClock::duration d) { return std::chrono::duration<double>(d).count(); }

// The seeds of this part, scenario after scenario for each seed, those that are done left out.
class Sweep {
public:
    Sweep(const SweepOptions& options, std::vector<std::pair<std::string, Scenario>> scenarios,
          Report report)
        : options_(options),
          scenarios_(std::move(scenarios)),
          report_(std::move(report)),
          total_(count_seeds()),
          spent_before_(report_.wall_ns),
          terminal_(::isatty(STDERR_FILENO) == 1) {}

    const Report& run() {
        for (const auto& [file, scenario] : scenarios_) finished_ += report_.done[file].size();
        resumed_ = finished_;
        seed_ = options_.share.seeds.first;
        run_pool(
            options_.limits, [this] { return next(); },
            [this](std::uint64_t id, const RunResult& r) { return done(id, r); },
            [this] { tick(); });
        if (terminal_) fmt::print(stderr, "\r\x1b[K");
        note_time();
        save(true);
        return report_;
    }

    bool complete() const { return finished_ >= total_; }
    double rate() const {
        return static_cast<double>(finished_ - resumed_) /
               std::max(0.001, seconds(WallClock::now() - begin_));
    }

private:
    std::uint64_t count_seeds() const {
        const Share& s = options_.share;
        const std::uint64_t n = s.seeds.last - s.seeds.first + 1;
        const std::uint64_t of_part = n / s.parts + (s.part - 1 < n % s.parts ? 1 : 0);
        return of_part * scenarios_.size();
    }
    bool over() const {
        return g_interrupted != 0 || (options_.time && WallClock::now() - begin_ > *options_.time);
    }

    std::optional<Job> next() {
        while (!over() && seed_ <= options_.share.seeds.last) {
            const std::size_t which = scenario_;
            const std::uint64_t seed = seed_;
            if (++scenario_ == scenarios_.size()) {
                scenario_ = 0;
                ++seed_;
            }
            const auto& [file, scenario] = scenarios_[which];
            if (!options_.share.has(seed) || report_.done[file].contains(seed)) continue;
            running_[next_id_] = {which, seed};
            return Job{next_id_++, draw_swarm(scenario, seed)};
        }
        return std::nullopt;
    }

    bool done(std::uint64_t id, const RunResult& result) {
        const auto [which, seed] = running_.at(id);
        running_.erase(id);
        const std::size_t before = report_.failures.size();
        report_.add(scenarios_[which].first, seed, result);
        ++finished_;
        if (report_.failures.size() > before) tell_failure(which, seed, result);
        return true;
    }

    void tell_failure(std::size_t which, std::uint64_t seed, const RunResult& r) {
        if (options_.json) return;
        if (terminal_) fmt::print(stderr, "\r\x1b[K");
        fmt::print("new failure: {} {} seed {}: {}: {}\n", scenarios_[which].first,
                   r.transition.empty() ? "" : "at " + r.transition, seed,
                   what_broke(r.invariant, r.name), r.sentence);
        std::fflush(stdout);
    }

    void tick() {
        const auto now = WallClock::now();
        if (now - saved_ > kSaveEvery) save(false);
        const auto every =
            terminal_ ? std::chrono::milliseconds(200) : std::chrono::milliseconds(5000);
        if (now - shown_ < every) return;
        shown_ = now;
        const double part =
            total_ == 0 ? 1.0 : static_cast<double>(finished_) / static_cast<double>(total_);
        const std::string text =
            fmt::format("{} of {} seeds, {:.0f} seeds/s, {} failures, {} distinct", finished_,
                        total_, rate(), report_.failed, report_.failures.size());
        if (!terminal_) return fmt::print(stderr, "sweep: {}\n", text);
        constexpr std::size_t kWidth = 30;
        const auto filled = std::min(kWidth, static_cast<std::size_t>(part * kWidth));
        fmt::print(stderr, "\r\x1b[K[{}{}] {:3.0f} %  {}", std::string(filled, '='),
                   std::string(kWidth - filled, ' '), part * 100, text);
        std::fflush(stderr);
    }

    void note_time() {
        report_.wall_ns =
            spent_before_ + std::chrono::nanoseconds(WallClock::now() - begin_).count();
    }
    void save(bool last) {
        saved_ = WallClock::now();
        note_time();
        if (options_.out.empty() || save_report(options_.out, report_)) return;
        if (last) fmt::print(stderr, "{}: cannot be written; the report is lost\n", options_.out);
    }

    const SweepOptions& options_;
    std::vector<std::pair<std::string, Scenario>> scenarios_;
    Report report_;
    std::uint64_t total_, seed_ = 0, next_id_ = 0, finished_ = 0, resumed_ = 0;
    std::int64_t spent_before_;
    bool terminal_;
    std::size_t scenario_ = 0;
    std::map<std::uint64_t, std::pair<std::size_t, std::uint64_t>> running_;
    WallClock::time_point begin_ = WallClock::now(), saved_ = begin_, shown_ = begin_;
};

void print_gaps(const Report& r) {
    std::vector<std::string> never;
    for (const auto& [site, n] : r.sites) {
        if (n == 0) never.push_back(site);
    }
    if (!never.empty()) fmt::print("sites never reached: {}\n", fmt::join(never, ", "));
    never.clear();
    for (const auto& [invariant, n] : r.premises) {
        if (n == 0) never.push_back(fmt::format("INV-{}", invariant));
    }
    if (!never.empty())
        fmt::print("oracles that had nothing to check: {}\n", fmt::join(never, ", "));
}

void print_report(const Report& r) {
    if (!r.failures.empty()) fmt::print("\n");
    for (const auto& [key, f] : r.failures) {
        fmt::print(
            "{} of {} runs: {} at {} with {}\n  {}\n  faultline sim run {} --seed {}\n"
            "  faultline sim shrink {} --seed {} -o min.json\n",
            f.count, r.runs, what_broke(f.invariant, f.name),
            f.transition.empty() ? "-" : f.transition,
            f.kinds.empty() ? "no fault" : fmt::format("{}", fmt::join(f.kinds, ", ")), f.sentence,
            f.file, f.fastest_seed, f.file, f.fastest_seed);
    }
    print_gaps(r);
}

std::string last_line(const Report& r, double rate) {
    return fmt::format(
        "verdict={} seeds={} failures={} distinct={} vacuous={} wall_s={:.3f} cpu_s={:.3f} "
        "sim_s={:.0f} seeds_per_s={:.1f}",
        r.failed > 0         ? "violated"
        : r.proves_nothing() ? "vacuous"
                             : "holds",
        r.runs, r.failed, r.failures.size(), r.vacuous, static_cast<double>(r.wall_ns) / 1e9,
        static_cast<double>(r.cpu_ns) / 1e9, static_cast<double>(r.sim_ns) / 1e9, rate);
}
// 0 holds, 1 violated, 3 vacuous, and then why.
int exit_code(const Report& r) {
    if (r.failed > 0) return 1;
    if (!r.proves_nothing()) return 0;
    fmt::print(stderr, "{}\n",
               r.runs == 0
                   ? "sweep: nothing ran, which proves nothing: no seed is in this part, or "
                     "there was no time"
                   : "sweep: every run was vacuous: faults had no effect where the "
                     "scenario does not allow it");
    return kVacuous;
}

// What an earlier call has left at options.out, or an empty report; nothing and one line on stderr
// when that is not of this sweep.
std::optional<Report> begun(const SweepOptions& options,
                            const std::vector<std::pair<std::string, Scenario>>& scenarios) {
    Report fresh;
    fresh.build = build_id();
    for (const auto& [file, scenario] : scenarios)
        fresh.scenarios[file] = hash_of(scenario_to_json(scenario));
    if (options.out.empty()) return fresh;
    std::string why;
    auto before = load_report(options.out, why);
    if (before && before->runs > 0) why = not_of_sweep(*before, fresh, options.share).value_or("");
    if (!why.empty()) {
        fmt::print(stderr, "{}: {}; name another file or remove it\n", options.out, why);
        return std::nullopt;
    }
    if (before->runs == 0) return fresh;
    fmt::print(stderr, "sweep: going on after the {} runs of {}\n", before->runs, options.out);
    before->scenarios = fresh.scenarios;
    return before;
}
}  // namespace

std::vector<std::string> scenario_files(const std::string& path) {
    namespace fs = std::filesystem;
    std::error_code error;
    if (!fs::is_directory(path, error)) return {path};
    std::vector<std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(path, error)) {
        const std::string name = entry.path().string();
        if (name.ends_with(".json") && !name.ends_with(".schema.json")) files.push_back(name);
    }
    std::ranges::sort(files);
    return files;
}

int sweep_command(const SweepOptions& options) {
    std::vector<std::pair<std::string, Scenario>> scenarios;
    for (const std::string& path : options.paths) {
        const auto files = scenario_files(path);
        if (files.empty()) {
            fmt::print(stderr, "{}: no scenario (*.json) in this directory\n", path);
            return 2;
        }
        for (const std::string& file : files) {
            Scenario scenario;
            if (const auto line = load_scenario(file, {}, scenario)) {
                fmt::print(stderr, "{}\n", *line);
                return 2;
            }
            scenarios.emplace_back(file, std::move(scenario));
        }
    }
    auto report = begun(options, scenarios);
    if (!report) return 2;
    g_interrupted = 0;
    const auto old_int = std::signal(SIGINT, interrupt), old_term = std::signal(SIGTERM, interrupt);
    Sweep sweep(options, std::move(scenarios), std::move(*report));
    const Report& found = sweep.run();
    std::signal(SIGINT, old_int);
    std::signal(SIGTERM, old_term);
    if (options.json) {
        fmt::print("{}", to_json(found));
    } else {
        print_report(found);
    }
    if (!sweep.complete()) {
        fmt::print(stderr, "sweep: not finished; {}\n",
                   options.out.empty() ? "--out FILE would let it go on later"
                                       : "the same command goes on where this one ended");
    }
    if (!options.json) fmt::print("{}\n", last_line(found, sweep.rate()));
    return exit_code(found);
}

int merge_command(const std::vector<std::string>& reports, const std::string& out) {
    Report all;
    std::set<std::string> given;
    for (const std::string& path : reports) {
        std::string why;
        std::error_code error;
        if (!std::filesystem::exists(path, error)) {
            fmt::print(stderr, "{}: cannot be read; name reports of `faultline sim sweep --out`\n",
                       path);
            return 2;
        }
        const auto one = load_report(path, why);
        if (!one) {
            fmt::print(stderr, "{}: {}\n", path, why);
            return 2;
        }
        if (!given.insert(to_json(*one)).second) {
            fmt::print(stderr, "{}: was given before, and counts once\n", path);
            continue;
        }
        const auto other = given.size() > 1 ? not_one_sweep(all, *one) : std::nullopt;
        if (other) {
            fmt::print(stderr, "{}: {}; join parts of one sweep\n", path, *other);
            return 2;
        }
        all.merge(*one);
    }
    if (!save_report(out, all)) {
        fmt::print(stderr, "{}: cannot be written; name a file in a directory that exists\n", out);
        return 2;
    }
    print_report(all);
    const double wall = static_cast<double>(all.wall_ns) / 1e9;
    fmt::print("{}\n", last_line(all, wall > 0 ? static_cast<double>(all.runs) / wall : 0));
    return exit_code(all);
}
}  // namespace faultline::sim

// What a sweep has found so far, as a file: people read it, machines merge it, an interrupted sweep
// goes on from it.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/search/result.h"

namespace faultline::sim {

// Seeds [first, last], both included.
struct SeedRange {
    std::uint64_t first = 1, last = 1;
    friend bool operator==(const SeedRange&, const SeedRange&) = default;
};
// "7" or "1..1000". Nothing on any other text.
std::optional<SeedRange> parse_seeds(const std::string& text);

// Every parts-th of some seeds, from the part-th on.
struct Share {
    SeedRange seeds{1, 100};
    std::uint64_t part = 1, parts = 1;
    bool has(std::uint64_t seed) const {
        return seed >= seeds.first && seed <= seeds.last &&
               (seed - seeds.first) % parts == part - 1;
    }
};

// The seeds that have been run, as few ranges as can be, ascending.
class SeedSet {
public:
    void add(std::uint64_t seed);
    void add(SeedRange range);
    bool contains(std::uint64_t seed) const;
    std::uint64_t size() const;
    // The first seed of this set that the other one has too.
    std::optional<std::uint64_t> common(const SeedSet& other) const;
    const std::vector<SeedRange>& ranges() const noexcept { return ranges_; }
    friend bool operator==(const SeedSet&, const SeedSet&) = default;

private:
    std::vector<SeedRange> ranges_;
};

// Runs that seem to show one defect (RunResult::cluster).
struct Failure {
    std::string file;  // the scenario
    std::int32_t invariant = 0;
    std::string name, transition;
    std::vector<std::string> kinds;  // of faults with effect
    std::uint64_t count = 0, first_seed = 0, fastest_seed = 0;
    std::int64_t fastest_ns = 0;  // processor time of the fastest run
    std::string sentence;         // of the first seed
};

// Of the running binary's bytes: what it found, another build need not find.
std::string build_id();
// 32 hex digits.
std::string hash_of(std::string_view bytes);

struct Report {
    std::string build;                             // build_id() of who ran it
    std::map<std::string, std::string> scenarios;  // by file: hash of what was run
    std::map<std::string, SeedSet> done;           // by scenario file
    // In order of discovery; merged reports: by file and cluster. Keyed "FILE CLUSTER".
    std::map<std::string, Failure> failures;
    std::map<std::string, std::uint64_t> sites;      // reached, how often
    std::map<std::int32_t, std::uint64_t> premises;  // of each invariant
    std::map<std::string, std::uint64_t> kinds;      // runs in which the fault had an effect
    std::uint64_t runs = 0, failed = 0, vacuous = 0, events = 0;
    std::int64_t sim_ns = 0, cpu_ns = 0, wall_ns = 0;

    void add(const std::string& file, std::uint64_t seed, const RunResult& result);
    // Seeds that both have would be counted twice: requires that not_one_sweep() finds nothing.
    void merge(const Report& other);
    // Nothing ran, or no run proved anything.
    bool proves_nothing() const { return failed == 0 && vacuous == runs; }
};

// Why two reports are not parts of one sweep, as the end of a sentence about the second: another
// build, another scenario of that name, seeds that both have. Nothing when they are.
std::optional<std::string> not_one_sweep(const Report& one, const Report& other);
// Why a sweep that begins with the report `fresh` may not go on with an earlier one, as the end of
// a sentence about that: another build, other scenarios, seeds that are not asked for.
std::optional<std::string> not_of_sweep(const Report& before, const Report& fresh,
                                        const Share& share);

std::string to_json(const Report& report);
// Nothing when the text is not a report of this version; `why` says so.
std::optional<Report> parse_report(const std::string& text, std::string& why);
// The report of a file; an empty one when there is no file.
std::optional<Report> load_report(const std::string& path, std::string& why);
// Writes beside it and renames: a reader sees the old or the new one. False when it cannot.
bool save_report(const std::string& path, const Report& report);
}  // namespace faultline::sim

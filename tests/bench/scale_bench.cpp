// What grows with the cluster: the active controller's work at 1,000 and at 10,000 partitions of
// 100 brokers, and a rolling restart of such a cluster in one simulator process.
//
// scale_bench [decisions|roll]... [--brokers N] [--partitions N] [--restarts N]
// Exit 1 when a goal is missed. Times are processor time of this one thread.
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <string_view>

#include <fmt/format.h>

#include "tests/bench/scale_decisions.h"
#include "tests/bench/scale_world.h"

using namespace faultline::bench;

namespace {
constexpr double kMostGrowth =
    2;  // of ten times as many partitions, for each record written or partition looked at

int decisions() {
    int missed = 0;
    const auto small = cost_of_events(100, 1'000), large = cost_of_events(100, 10'000);
    std::printf("%-15s %22s %22s  %-26s\n", "controller", "1,000 partitions", "10,000 partitions",
                "growth for each change");
    for (std::size_t i = 0; i < small.size(); ++i) {
        const EventCost &s = small[i], &l = large[i];
        const double growth =
            (l.us / static_cast<double>(l.changes)) / (s.us / static_cast<double>(s.changes));
        const bool pass = growth <= kMostGrowth;
        missed += pass ? 0 : 1;
        std::printf("%-15s %10.1f us %4zu chg. %10.1f us %4zu chg.  %6.2f (goal <= %.0f)  %s\n",
                    s.event.c_str(), s.us, s.changes, l.us, l.changes, growth, kMostGrowth,
                    pass ? "PASS" : "MISS");
    }
    return missed;
}

int roll(const RollOptions& options) {
    const RollResult r = rolling_restart(options);
    const double samples =
        static_cast<double>(r.controller_samples + r.broker_samples + r.world_samples);
    const auto share = [&](std::uint64_t n) {
        return samples > 0 ? 100 * static_cast<double>(n) / samples : 0;
    };
    std::printf(
        "rolling restart of %d of %d brokers, 3 controllers, %d partitions of 3 replicas:\n"
        "  start    %.1f s of processor time until every partition has its leader\n"
        "  roll     %.1f simulated s in %.1f s of processor time, %llu events; %d brokers not "
        "unfenced in time\n"
        "  storm    the longest: %.3f simulated s, %.3f s of processor time; %llu elections in "
        "all\n"
        "  records  %lld written to the metadata log\n"
        "  shares   controllers %.1f %% (%.0f us a record), brokers %.1f %%, world %.1f %%\n"
        "  memory   peak %.0f MiB; the partitions added %.1f KiB for each replica\n",
        options.restarts, options.brokers, options.partitions, r.start_cpu_s, r.roll_sim_s,
        r.roll_cpu_s, static_cast<unsigned long long>(r.roll_events), r.unfinished, r.storm_sim_s,
        r.storm_cpu_s, static_cast<unsigned long long>(r.elections),
        static_cast<long long>(r.metadata_records), share(r.controller_samples),
        1000 * static_cast<double>(r.controller_samples) /
            static_cast<double>(std::max<std::int64_t>(r.metadata_records, 1)),
        share(r.broker_samples), share(r.world_samples), r.peak_mib, r.replica_kib);
    return r.unfinished;
}

bool number(std::string_view text, int& out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc{} && end == text.data() + text.size() && out > 0;
}
}  // namespace

int main(int argc, char** argv) {
    bool want_decisions = false, want_roll = false;
    RollOptions options;
    options.restarts = 0;
    for (int i = 1; i < argc; ++i) {
        const std::string_view word = argv[i], value = i + 1 < argc ? argv[i + 1] : "";
        int* into = word == "--brokers"      ? &options.brokers
                    : word == "--partitions" ? &options.partitions
                    : word == "--topics"     ? &options.topics
                    : word == "--restarts"   ? &options.restarts
                                             : nullptr;
        if (word == "decisions") {
            want_decisions = true;
        } else if (word == "roll") {
            want_roll = true;
        } else if (into == nullptr || !number(value, *into)) {
            std::fprintf(stderr,
                         "scale_bench: %s: decisions, roll, or --brokers, --partitions, --topics, "
                         "--restarts with a number above 0\n",
                         argv[i]);
            return 2;
        } else {
            ++i;
        }
    }
    if (!want_decisions && !want_roll) want_decisions = want_roll = true;
    if (options.restarts == 0) options.restarts = options.brokers;
    int missed = 0;
    if (want_decisions) missed += decisions();
    std::fflush(stdout);
    if (want_roll) missed += roll(options);
    return missed == 0 ? 0 : 1;
}

// What every mutant of the zoo is run by: the simulator's commands, without the tools.
//   NAME run FILE [--seed N] [--trace OUT] [--json]
//   NAME shrink FILE --seed N -o MIN [--for SECONDS] [--jobs N]
//   NAME hunt --campaign N --budget CPU-SECONDS [--first N] PROFILE...
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "sim/run/command.h"
#include "sim/run/replay.h"
#include "sim/search/shrink.h"
#include "tests/zoo/hunt.h"

namespace {
using namespace faultline;

struct Arguments {
    std::string verb;
    std::vector<std::string> files;
    std::map<std::string, std::string> options;

    std::uint64_t number(const std::string& name, std::uint64_t otherwise) const {
        const auto it = options.find(name);
        return it == options.end() ? otherwise : std::strtoull(it->second.c_str(), nullptr, 10);
    }
};

int usage() {
    std::fputs("usage: run | shrink | hunt, see tests/zoo/main.cpp\n", stderr);
    return 2;
}

bool read(int argc, char** argv, Arguments& out) {
    if (argc < 3) return false;
    out.verb = argv[1];
    for (int i = 2; i < argc; ++i) {
        const std::string word = argv[i];
        if (word == "--json") {
            out.options[word] = "1";
        } else if (word.starts_with('-')) {
            if (i + 1 == argc) return false;
            out.options[word] = argv[++i];
        } else {
            out.files.push_back(word);
        }
    }
    return !out.files.empty();
}
}  // namespace

int main(int argc, char** argv) {
    Arguments a;
    if (!read(argc, argv, a)) return usage();
    if (a.verb == "run") {
        sim::RunOptions o;
        o.file = a.files[0];
        if (a.options.contains("--seed")) o.seed = a.number("--seed", 1);
        if (a.options.contains("--trace")) o.trace = a.options.at("--trace");
        o.json = a.options.contains("--json");
        sim::apply_perturbation();
        return sim::run_command(o);
    }
    if (a.verb == "shrink") {
        sim::ShrinkOptions o;
        o.file = a.files[0];
        o.out = a.options.contains("-o") ? a.options.at("-o") : "min.json";
        if (a.options.contains("--seed")) o.seed = a.number("--seed", 1);
        o.time = Duration{static_cast<std::int64_t>(a.number("--for", 60)) * 1'000'000'000};
        o.limits.jobs = static_cast<unsigned>(a.number("--jobs", 1));
        o.json = a.options.contains("--json");
        return sim::shrink_command(o);
    }
    if (a.verb == "hunt") {
        zoo::HuntOptions o;
        o.profiles = a.files;
        o.campaign = a.number("--campaign", 1);
        o.budget_s = static_cast<double>(a.number("--budget", 600));
        o.first = a.number("--first", 0);
        return zoo::hunt(o);
    }
    return usage();
}

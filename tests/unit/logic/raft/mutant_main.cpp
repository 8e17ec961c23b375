// Whether the random schedules meet a defect: run by the mutants of this directory. Exit 0 when
// they do, 1 when they do not. Each batch of schedules is a process of its own, for a defect may
// also end in an assertion.
#include <cstdio>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/logic/raft/world.h"

using namespace faultline::logic::raft;

namespace {
// How many seeds: long schedules of every kind, and short ones that begin in a quarrel about the
// voters, in which some defects of their changes show.
struct Kind {
    test::Schedule (*schedule)(std::uint64_t seed);
    std::uint64_t seeds, in_one_process;
};
constexpr Kind kKinds[] = {{test::mixed_schedule, 1'600, 1},
                           {test::contested_schedule, 8'000, 100}};

// 0: held. 1: broke.
int some(const Kind& kind, std::uint64_t first) {
    test::Totals totals;
    for (std::uint64_t seed = first; seed < first + kind.in_one_process; ++seed) {
        const std::string wrong = test::run_random(kind.schedule(seed), seed, totals);
        if (wrong.empty()) continue;
        std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed), wrong.c_str());
        std::fflush(stdout);
        return 1;
    }
    return 0;
}

// 0: a defect was met. 1: none. 2: cannot tell.
int meet(const Kind& kind) {
    for (std::uint64_t seed = 1; seed <= kind.seeds; seed += kind.in_one_process) {
        const pid_t child = fork();
        if (child == 0) {
            (void)!freopen("/dev/null", "w", stderr);  // an assertion tells its story there
            _exit(some(kind, seed));
        }
        int status = 0;
        if (child < 0 || waitpid(child, &status, 0) != child) return 2;
        if (WIFSIGNALED(status))
            std::printf("seed %llu: an assertion failed\n", static_cast<unsigned long long>(seed));
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return 0;
    }
    return 1;
}
}  // namespace

int main() {
    for (const Kind& kind : kKinds) {
        if (const int rc = meet(kind); rc != 1) return rc;
    }
    std::puts("no schedule met anything");
    return 1;
}

// Whether the random schedules meet a defect: run by the mutants of this directory. Exit 0 when
// they do, 1 when they do not. Each batch of schedules is a process of its own, for a defect may
// also end in an assertion.
#include <chrono>
#include <cstdio>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/logic/raft/world.h"

using namespace faultline::logic::raft;

namespace {
// 0: held. 1: broke.
int one(std::uint64_t seed) {
    test::Totals totals;
    const std::string wrong = test::run_random(test::mixed_schedule(seed), seed, totals);
    if (wrong.empty()) return 0;
    std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed), wrong.c_str());
    std::fflush(stdout);
    return 1;
}
}  // namespace

int main() {
    for (std::uint64_t seed = 1; seed <= 400; ++seed) {
        const pid_t child = fork();
        if (child == 0) {
            (void)!freopen("/dev/null", "w", stderr);  // an assertion tells its story there
            _exit(one(seed));
        }
        int status = 0;
        if (child < 0 || waitpid(child, &status, 0) != child) return 2;
        if (WIFSIGNALED(status))
            std::printf("seed %llu: an assertion failed\n", static_cast<unsigned long long>(seed));
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return 0;
    }
    std::puts("400 schedules met nothing");
    return 1;
}

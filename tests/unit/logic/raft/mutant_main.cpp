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
    test::Schedule s;
    s.voters = seed % 4 == 3 ? 5 : 3;
    s.observers = seed % 3;
    s.changes = seed % 2 == 1;
    s.snapshots = seed % 4 == 1;
    s.wipes = s.changes && seed % 3 == 0;
    s.steps = 4'000;
    test::Totals totals;
    const std::string wrong = test::run_random(s, seed, totals);
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

#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "core/base/salted_hash.h"
#include "core/fiber/stack_pool.h"
#include "sim/run/command.h"

namespace faultline::sim {
namespace {

struct Perturbation {
    const char* name;
    std::vector<std::string> environment;
};

// MALLOC_PERTURB_ is glibc's: fresh memory gets its complement, freed memory the byte itself.
const std::vector<Perturbation>& perturbations() {
    static const std::vector<Perturbation> all = {
        {"fill a5, salt 1",
         {"MALLOC_PERTURB_=165", "FAULTLINE_STACK_FILL=165", "FAULTLINE_HASH_SALT=1",
          "TZ=Asia/Tokyo", "LC_ALL=tr_TR.UTF-8", "MALLOC_ARENA_MAX=1"}},
        {"fill 3c, salt 2, other environment",
         {"MALLOC_PERTURB_=60", "FAULTLINE_STACK_FILL=60", "FAULTLINE_HASH_SALT=2",
          "TZ=America/Lima", "LC_ALL=C", "MALLOC_MMAP_THRESHOLD_=4096",
          "FAULTLINE_PADDING=" + std::string(5000, 'x')}},
    };
    return all;
}

// Runs argv with exactly this environment (beside PATH and LD_LIBRARY_PATH); its stdout, or
// nothing.
std::string capture(const std::vector<std::string>& arguments,
                    const std::vector<std::string>& environment) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return "";
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    std::vector<std::string> keep = environment;
    for (const char* name : {"PATH", "LD_LIBRARY_PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "HOME"}) {
        if (const char* value = std::getenv(name))
            keep.push_back(fmt::format("{}={}", name, value));
    }
    std::vector<char*> argv, envp;
    std::vector<std::string> words = arguments;
    for (std::string& w : words) argv.push_back(w.data());
    for (std::string& w : keep) envp.push_back(w.data());
    argv.push_back(nullptr);
    envp.push_back(nullptr);
    pid_t child = 0;
    const int failed =
        ::posix_spawn(&child, "/proc/self/exe", &actions, nullptr, argv.data(), envp.data());
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    std::string out;
    char buffer[4096];
    for (ssize_t n = 0; failed == 0 && (n = ::read(ends[0], buffer, sizeof buffer)) > 0;) {
        out.append(buffer, static_cast<std::size_t>(n));
    }
    ::close(ends[0]);
    int status = 0;
    if (failed != 0 || ::waitpid(child, &status, 0) != child || WIFSIGNALED(status)) return "";
    return out;
}
}  // namespace

void apply_perturbation() {
    if (const char* fill = std::getenv("FAULTLINE_STACK_FILL")) {
        fiber::set_stack_fill(std::atoi(fill) & 0xff);
    }
    if (const char* salt = std::getenv("FAULTLINE_HASH_SALT")) {
        hash_salt() = std::strtoull(salt, nullptr, 10);
    }
}

std::vector<Replay> replay_perturbed(const std::vector<std::string>& arguments) {
    std::vector<Replay> replays;
    for (const Perturbation& p : perturbations()) {
        std::string out = capture(arguments, p.environment);
        while (!out.empty() && out.back() == '\n') out.pop_back();
        const auto newline = out.rfind('\n');
        replays.push_back({p.name, newline == std::string::npos ? out : out.substr(newline + 1)});
    }
    return replays;
}

std::string hash_of(const std::string& last_line) {
    const auto at = last_line.find(" hash=");
    return at == std::string::npos ? "" : last_line.substr(at + 6, 32);
}
}  // namespace faultline::sim

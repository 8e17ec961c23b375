#include "sim/search/pool.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <map>
#include <memory>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

#include "core/base/assert.h"
#include "core/base/sanitizers.h"
#include "sim/run/execute.h"

namespace faultline::sim {
namespace {

struct Child {
    pid_t pid = 0;
    int fd = -1;
    std::uint64_t id = 0;
    std::string out;
};

std::int64_t cpu_now() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto ns = [](const timeval& t) {
        return std::int64_t{t.tv_sec} * 1'000'000'000 + std::int64_t{t.tv_usec} * 1000;
    };
    return ns(usage.ru_utime) + ns(usage.ru_stime);
}

[[noreturn]] void tell_and_exit(int fd, RunResult result, std::int64_t cpu_before) {
    result.cpu_ns = cpu_now() - cpu_before;
    const std::string line = to_line(result);
    std::size_t at = 0;
    while (at < line.size()) {
        const ssize_t n = ::write(fd, line.data() + at, line.size() - at);
        if (n < 0 && errno != EINTR) break;
        if (n > 0) at += static_cast<std::size_t>(n);
    }
    ::_exit(0);
}

[[noreturn]] void be_child(const Job& job, const Limits& limits, int fd) {
    std::signal(SIGINT, SIG_IGN);  // the parent decides when a search ends
    const rlimit cpu{limits.cpu_seconds, limits.cpu_seconds + 1};
    ::setrlimit(RLIMIT_CPU, &cpu);
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
#ifndef FL_ASAN  // its shadow memory is address space too
    if (limits.memory_mib > 0) {
        const rlimit memory{limits.memory_mib << 20, limits.memory_mib << 20};
        ::setrlimit(RLIMIT_AS, &memory);
    }
#endif
    const std::int64_t before = cpu_now();
    const auto outcome =
        execute(job.scenario, {.seed = job.scenario.seed, .trace = "", .story = false});
    RunResult result;
    result.sentence = "the run could not be executed";
    if (outcome.ok()) result = summarize(*outcome);
    tell_and_exit(fd, std::move(result), before);
}

Child start(Job job, const Limits& limits) {
    int ends[2];
    FL_ASSERT(::pipe(ends) == 0);
    const pid_t pid = ::fork();
    FL_ASSERT(pid >= 0);
    if (pid == 0) {
        ::close(ends[0]);
        be_child(job, limits, ends[1]);
    }
    ::close(ends[1]);
    return {pid, ends[0], job.id, ""};
}

RunResult collect(Child& child) {
    ::close(child.fd);
    int status = 0;
    rusage usage{};
    while (::wait4(child.pid, &status, 0, &usage) < 0 && errno == EINTR) {
    }
    RunResult result;
    if (from_line(child.out, result)) return result;
    result = {};
    result.name = "run-ends";
    const std::int64_t seconds = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec;
    result.cpu_ns = seconds * 1'000'000'000;
    if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL)) {
        result.sentence = fmt::format("the run did not end within {} s of processor time", seconds);
        result.transition = "hangs";
    } else if (WIFSIGNALED(status)) {
        result.sentence = fmt::format("the run died by signal {} ({})", WTERMSIG(status),
                                      ::strsignal(WTERMSIG(status)));
        result.transition = fmt::format("signal {}", WTERMSIG(status));
    } else {
        result.sentence =
            fmt::format("the run ended with code {} and no verdict", WEXITSTATUS(status));
        result.transition = "no verdict";
    }
    return result;
}

// Reads what is there; true at the end of the child's output.
bool drain(Child& child) {
    char buffer[65536];
    const ssize_t n = ::read(child.fd, buffer, sizeof buffer);
    if (n > 0) child.out.append(buffer, static_cast<std::size_t>(n));
    return n == 0 || (n < 0 && errno != EINTR);
}

void kill_all(std::vector<Child>& children) {
    for (Child& c : children) {
        ::kill(c.pid, SIGKILL);
        ::close(c.fd);
        while (::waitpid(c.pid, nullptr, 0) < 0 && errno == EINTR) {
        }
    }
    children.clear();
}
}  // namespace

void run_pool(const Limits& limits, const std::function<std::optional<Job>()>& next,
              const std::function<bool(std::uint64_t, const RunResult&)>& done,
              const std::function<void()>& idle) {
    std::vector<Child> children;
    bool more = true;
    while (true) {
        while (more && children.size() < std::max(1U, limits.jobs)) {
            if (auto job = next()) {
                children.push_back(start(std::move(*job), limits));
            } else {
                more = false;
            }
        }
        if (children.empty()) return;
        std::vector<pollfd> fds;
        for (const Child& c : children) fds.push_back({c.fd, POLLIN, 0});
        const int ready = ::poll(fds.data(), fds.size(), 100);
        if (idle) idle();
        if (ready <= 0) continue;
        for (std::size_t i = fds.size(); i-- > 0;) {
            if (fds[i].revents == 0 || !drain(children[i])) continue;
            Child ended = std::move(children[i]);
            children.erase(children.begin() + static_cast<std::ptrdiff_t>(i));
            const RunResult result = collect(ended);
            if (!done(ended.id, result)) return kill_all(children);
        }
    }
}

RunResult run_isolated(const Scenario& scenario, const Limits& limits) {
    RunResult result;
    bool given = false;
    run_pool(
        {1, limits.cpu_seconds, limits.memory_mib},
        [&]() -> std::optional<Job> {
            if (given) return std::nullopt;
            given = true;
            return Job{0, scenario};
        },
        [&](std::uint64_t, const RunResult& r) {
            result = r;
            return true;
        });
    return result;
}

std::optional<std::size_t> first_that(const std::vector<Scenario>& scenarios, const Limits& limits,
                                      const std::function<bool(const RunResult&)>& good) {
    std::size_t given = 0, settled = 0;
    std::map<std::size_t, bool> answers;
    std::optional<std::size_t> found;
    run_pool(
        limits,
        [&]() -> std::optional<Job> {
            if (given == scenarios.size()) return std::nullopt;
            const std::size_t i = given++;
            return Job{i, scenarios[i]};
        },
        [&](std::uint64_t id, const RunResult& r) {
            answers[static_cast<std::size_t>(id)] = good(r);
            // The first in order, not the first in time: any number of jobs gives the same answer.
            for (auto it = answers.find(settled); it != answers.end();
                 it = answers.find(++settled)) {
                if (!it->second) continue;
                found = settled;
                return false;
            }
            return true;
        });
    return found;
}
}  // namespace faultline::sim

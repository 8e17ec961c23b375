#include "runtime/faultline/cluster_tool.h"

#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

namespace faultline::binary {
namespace {
constexpr Duration kGlance = 5ms;

Error failed(Errc code, const char* where) {
    return {code, static_cast<std::uint16_t>(errno), where};
}

// Exit code 127 when the program cannot be run; the tool's complaints go to our stderr.
[[noreturn]] void become(const std::string& script, const std::string& directory, int in, int out) {
    ::dup2(in, STDIN_FILENO);
    ::dup2(out, STDOUT_FILENO);
    ::execl(script.c_str(), script.c_str(), "--dir", directory.c_str(), "serve", nullptr);
    ::_exit(127);
}
}  // namespace

Result<std::unique_ptr<ClusterTool>> ClusterTool::start(const std::string& script,
                                                        const std::string& directory) {
    if (::access(script.c_str(), X_OK) != 0) return failed(Errc::not_found, "cluster tool");
    int to[2], from[2];
    if (::pipe2(to, O_CLOEXEC) != 0) return failed(Errc::io, "pipe");
    if (::pipe2(from, O_CLOEXEC) != 0) return failed(Errc::io, "pipe");
    const int child = ::fork();
    if (child < 0) return failed(Errc::io, "fork");
    if (child == 0) {
        ::setsid();  // Ctrl-C reaches us; the tool ends when we close its input
        become(script, directory, to[0], from[1]);
    }
    ::close(to[0]);
    ::close(from[1]);
    return std::unique_ptr<ClusterTool>(new ClusterTool(child, to[1], from[0]));
}

ClusterTool::ClusterTool(int child, int input, int output)
    : child_(child), input_(input), output_(output), listener_([this] { listen(); }) {}

ClusterTool::~ClusterTool() {
    ::close(input_);
    listener_.join();
    ::close(output_);
    ::waitpid(child_, nullptr, 0);
}

int ClusterTool::send(const std::string& words) {
    const std::string line = fmt::format("{} {}\n", ++last_, words);
    for (std::size_t done = 0; done < line.size();) {
        const ssize_t n = ::write(input_, line.data() + done, line.size() - done);
        if (n < 0 && errno != EINTR) break;  // it has ended, which listen() notices
        done += n < 0 ? 0 : static_cast<std::size_t>(n);
    }
    return last_;
}

// "ID CODE TEXT" lines, in any order.
void ClusterTool::listen() {
    std::string buffer;
    char chunk[4096];
    while (true) {
        const ssize_t n = ::read(output_, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        buffer.append(chunk, static_cast<std::size_t>(n));
        for (auto end = buffer.find('\n'); end != std::string::npos; end = buffer.find('\n')) {
            const std::string line = buffer.substr(0, end);
            buffer.erase(0, end + 1);
            int number = 0;
            Answer answer;
            const char* const last = line.data() + line.size();
            const auto first = std::from_chars(line.data(), last, number);
            if (first.ec != std::errc{} || first.ptr == last) continue;
            const auto code = std::from_chars(first.ptr + 1, last, answer.code);
            if (code.ec != std::errc{}) continue;
            if (code.ptr != last) answer.text.assign(code.ptr + 1, last);
            const std::lock_guard lock(mutex_);
            answers_[number] = std::move(answer);
        }
    }
    const std::lock_guard lock(mutex_);
    ended_ = true;
}

std::optional<ClusterTool::Answer> ClusterTool::taken(int number) {
    const std::lock_guard lock(mutex_);
    if (auto found = answers_.extract(number)) return std::move(found.mapped());
    if (ended_) return Answer{1, "the cluster tool has ended"};
    return std::nullopt;
}

ClusterTool::Answer ClusterTool::ask(const std::string& words) {
    const int number = send(words);
    while (true) {
        if (auto answer = taken(number)) return *answer;
        std::this_thread::sleep_for(kGlance);
    }
}

ClusterTool::Answer ClusterTool::ask(Env& env, const std::string& words) {
    const int number = send(words);
    while (true) {
        if (auto answer = taken(number)) return *answer;
        (void)env.fibers.sleep_until(env.clock.in(kGlance));
    }
}
}  // namespace faultline::binary

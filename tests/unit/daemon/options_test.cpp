#include "runtime/daemon/options.h"

#include <cstdio>
#include <fstream>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/daemon/ready.h"
#include "tests/support/catch.h"

using namespace faultline;
using namespace faultline::daemon;

namespace {

std::optional<Options> parse(std::vector<std::string> words, int* code) {
    words.insert(words.begin(), "faultlined");
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    return parse_command_line(static_cast<int>(argv.size()), argv.data(), code);
}
}  // namespace

TEST_CASE("daemon: the command line refuses what makes no sense, with exit code 2", "[daemon]") {
    int code = -1;
    CHECK_FALSE(parse({}, &code).has_value());
    CHECK(code == 2);
    CHECK_FALSE(parse({"--dev", "--config", "a"}, &code).has_value());
    CHECK(code == 2);
    CHECK_FALSE(parse({"--config", "a", "--port", "1"}, &code).has_value());
    CHECK(code == 2);
    CHECK_FALSE(parse({"--dev", "--port", "70000"}, &code).has_value());
    CHECK(code == 2);
    CHECK_FALSE(parse({"--help"}, &code).has_value());
    CHECK(code == 0);
}

TEST_CASE("daemon: --dev needs no file, and --set wins", "[daemon]") {
    int code = -1;
    const auto options = parse({"--dev", "--data", "/tmp/x", "--port", "0", "--set",
                                "num.partitions=7", "--set", "log.flush.before.ack=false"},
                               &code);
    REQUIRE(options.has_value());
    std::vector<std::string> problems;
    const auto configuration = read_configuration(*options, problems);
    CHECK(problems == std::vector<std::string>{});
    CHECK(configuration.node.num_partitions == 7);
    CHECK_FALSE(configuration.node.log.flush_before_ack);
    CHECK(configuration.node.log_dirs == std::vector<std::string>{"/tmp/x"});
    CHECK(configuration.node.listeners.at(0).bind == Endpoint{"127.0.0.1", 0});
    const std::string said = explain(configuration);
    CHECK(said.find("page cache") != std::string::npos);
    CHECK(said.find("7 partitions") != std::string::npos);
    CHECK(print_config(configuration).find("# --set:1\nnum.partitions=7\n") != std::string::npos);
    CHECK(print_config(configuration).find("# default\nmessage.max.bytes=1048588\n") !=
          std::string::npos);
}

TEST_CASE("daemon: every problem of a configuration has its place", "[daemon]") {
    char name[] = "/tmp/fl-conf-XXXXXX";
    const int fd = ::mkstemp(name);
    REQUIRE(fd >= 0);
    ::close(fd);
    std::ofstream(name) << "node.id=1\nprocess.roles=broker,controller\nnum.partitons=3\n";
    Options options;
    options.config_file = name;
    options.changes = {"num.partitions=-2", "nonsense"};
    std::vector<std::string> problems;
    (void)read_configuration(options, problems);
    CHECK(problems == std::vector<std::string>{"--set:2: \"nonsense\" has no =; key=value"});
    options.changes.pop_back();
    problems.clear();
    (void)read_configuration(options, problems);
    REQUIRE(problems.size() == 2);
    CHECK(
        problems[0] ==
        "--set:1: num.partitions: Invalid value -2 for configuration num.partitions: Value must be "
        "at least 1");
    CHECK(problems[1] == std::string(name) +
                             ":3: num.partitons: is no key of Kafka 4.3 or "
                             "Faultline; did you mean num.partitions?");
    std::remove(name);
    problems.clear();
    (void)read_configuration(options, problems);
    REQUIRE(problems.size() == 1);
    CHECK(problems[0].find("cannot be read: No such file") != std::string::npos);
}

TEST_CASE("daemon: ready goes to the descriptor and to the supervisor's socket", "[daemon]") {
    char dir[] = "/tmp/fl-notify-XXXXXX";
    REQUIRE(::mkdtemp(dir) != nullptr);
    const std::string path = std::string(dir) + "/s";
    const int supervisor = ::socket(AF_UNIX, SOCK_DGRAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(::bind(supervisor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
    int pipe_ends[2];
    REQUIRE(::pipe(pipe_ends) == 0);
    tell_ready("faultlined ready node=1", pipe_ends[1]);
    ::unsetenv("NOTIFY_SOCKET");
    char text[128];
    ssize_t n = ::read(pipe_ends[0], text, sizeof text);
    CHECK(std::string(text, static_cast<std::size_t>(n)) == "faultlined ready node=1\n");
    CHECK(::read(pipe_ends[0], text, sizeof text) == 0);  // the other end is closed
    n = ::recv(supervisor, text, sizeof text, MSG_DONTWAIT);
    REQUIRE(n > 0);
    CHECK(std::string(text, static_cast<std::size_t>(n)) == "READY=1");
    ::close(supervisor);
    ::close(pipe_ends[0]);
    ::unlink(path.c_str());
    ::rmdir(dir);
}

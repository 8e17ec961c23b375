// The data path of faultlined, measured from outside: the daemon is a child process, its processor
// time is the kernel's account of it.
//   data_bench FAULTLINED [--mib N] [--seconds S] [--dir DIR] [--shards N]
// docs/PERFORMANCE.md says how to read the table.
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "tests/bench/data_load.h"

namespace {
using namespace faultline;
using bench::DataLoad;
using bench::Outcome;
using bench::ProduceLoad;

struct Options {
    std::string faultlined, dir = "/tmp";
    std::uint64_t mib = 128;
    int seconds = 3;
    unsigned only_shards = 0;
};

[[noreturn]] void die(const std::string& why) {
    std::fprintf(stderr, "data_bench: %s\n", why.c_str());
    std::exit(2);
}

// One daemon on ports of the kernel's choice, with a directory of its own.
class Daemon {
public:
    Daemon(const Options& options, unsigned shards, bool durable) {
        dir_ = options.dir + "/fl-data-bench-XXXXXX";
        if (::mkdtemp(dir_.data()) == nullptr) die("cannot make a directory in " + options.dir);
        int ends[2];
        if (::pipe(ends) != 0) die("cannot make a pipe");
        pid_ = ::fork();
        if (pid_ == 0) {
            ::close(ends[0]);
            const std::string shard_text = "faultline.shards=" + std::to_string(shards);
            const std::string ready = std::to_string(ends[1]);
            const std::string log = dir_ + "/log";
            const std::string data = dir_ + "/data";
            ::execl(options.faultlined.c_str(), "faultlined", "--dev", "--port", "0", "--data",
                    data.c_str(), "--log-file", log.c_str(), "--ready-fd", ready.c_str(), "--set",
                    shard_text.c_str(), "--set",
                    durable ? "log.flush.before.ack=true" : "log.flush.before.ack=false", nullptr);
            ::_exit(127);
        }
        ::close(ends[1]);
        std::string line;
        char c = 0;
        while (::read(ends[0], &c, 1) == 1 && c != '\n') line += c;
        ::close(ends[0]);
        const auto colon = line.find(':', line.find("://") + 3);
        if (line.find("://") == std::string::npos || colon == std::string::npos)
            die(options.faultlined + " did not start: '" + line + "'");
        port_ = static_cast<std::uint16_t>(std::atoi(line.c_str() + colon + 1));
    }
    ~Daemon() {
        ::kill(pid_, SIGTERM);
        int status = 0;
        ::waitpid(pid_, &status, 0);
        std::error_code ignored;
        std::filesystem::remove_all(dir_, ignored);
    }
    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;

    std::uint16_t port() const { return port_; }
    // User and system, of all its threads, in seconds.
    double cpu() const {
        std::ifstream stat("/proc/" + std::to_string(pid_) + "/stat");
        std::string text((std::istreambuf_iterator<char>(stat)), {});
        std::istringstream rest(text.substr(text.rfind(')') + 2));
        std::string skipped;
        for (int i = 0; i < 11; ++i) rest >> skipped;
        double user = 0, system = 0;
        rest >> user >> system;
        return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
    }
    double resident_mib() const {
        std::ifstream statm("/proc/" + std::to_string(pid_) + "/statm");
        double size = 0, resident = 0;
        statm >> size >> resident;
        return resident * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1048576;
    }

private:
    std::string dir_;
    pid_t pid_ = -1;
    std::uint16_t port_ = 0;
};

template <class Run>
void row(const Daemon& daemon, unsigned shards, bool durable, const char* what, Run run) {
    const double before = daemon.cpu();
    const Outcome o = run();
    const double cpu = daemon.cpu() - before;
    const double mib = static_cast<double>(o.bytes) / 1048576;
    const auto ms = [](std::uint64_t v) { return static_cast<double>(v) / 1e6; };
    std::printf("%6u %-7s %-30s %8.1f %9.0f %8.1f %8.3f %8.3f %8.3f %8.3f %8.3f\n", shards,
                durable ? "disk" : "memory", what, mib / o.seconds,
                static_cast<double>(o.requests) / o.seconds,
                cpu * 1e6 / static_cast<double>(o.requests), cpu * 1024 / mib,
                ms(o.latency.at(50'000)), ms(o.latency.at(99'000)), ms(o.latency.at(99'900)),
                ms(o.latency.largest()));
    std::fflush(stdout);
}

void measure(const Options& options, unsigned shards, bool durable) {
    constexpr int kDepth = 5;
    const Daemon daemon(options, shards, durable);
    const DataLoad load(daemon.port());
    const std::uint64_t all = options.mib << 20, quarter = all / 4;
    int topics = 0;
    const auto produce = [&](const char* what, const ProduceLoad& p, std::uint64_t bytes) {
        const std::string topic = "t" + std::to_string(topics++);
        load.create_topic(topic);
        row(daemon, shards, durable, what, [&] { return load.produce(topic, p, bytes, kDepth); });
        return topic;
    };
    produce("(warm up)", {.record = 1024}, quarter);
    const std::string large = produce("produce 1 MiB of 1 KiB", {.record = 1024}, all);
    produce("produce 1 MiB of 100 B", {}, all);
    produce("produce 16 KiB of 100 B", {.batch = 16384}, quarter);
    produce("produce 1 MiB of 100 B, lz4", {.codec = wire::Codec::lz4}, quarter);
    produce("produce 1 MiB of 100 B, zstd", {.codec = wire::Codec::zstd}, quarter);
    row(daemon, shards, durable, "fetch 1 MiB", [&] { return load.fetch(large, 1 << 20, all); });
    const auto open_loop = [&](const char* what, int rate, std::int32_t count) {
        const std::string topic = "t" + std::to_string(topics++);
        load.create_topic(topic);
        row(daemon, shards, durable, what, [&] {
            return load.produce_at_rate(topic, {.count = count}, rate,
                                        std::chrono::seconds(options.seconds));
        });
    };
    open_loop("1,000/s, 10 records of 100 B", 1000, 10);
    open_loop("5,000/s, 1 record of 100 B", 5000, 1);
    std::printf("%6u %-7s resident %.1f MiB\n", shards, durable ? "disk" : "memory",
                daemon.resident_mib());
}

Options parse(int argc, char** argv) {
    Options o;
    if (argc < 2)
        die("usage: data_bench FAULTLINED [--mib N] [--seconds S] [--dir DIR] [--shards N]");
    o.faultlined = argv[1];
    for (int i = 2; i + 1 < argc; i += 2) {
        const std::string key = argv[i], value = argv[i + 1];
        const auto number = [&] {
            const long n = std::atol(value.c_str());
            if (n <= 0) die(key + " " + value + ": a number above 0 is wanted");
            return n;
        };
        if (key == "--mib") {
            o.mib = static_cast<std::uint64_t>(number());
        } else if (key == "--seconds") {
            o.seconds = static_cast<int>(number());
        } else if (key == "--shards") {
            o.only_shards = static_cast<unsigned>(number());
        } else if (key == "--dir") {
            o.dir = value;
        } else {
            die("unknown option " + key);
        }
    }
    return o;
}
}  // namespace

int main(int argc, char** argv) {
    const Options options = parse(argc, argv);
    std::printf("%6s %-7s %-30s %8s %9s %8s %8s %8s %8s %8s %8s\n", "shards", "ack at", "load",
                "MiB/s", "requests", "us/req", "s/GiB", "p50 ms", "p99 ms", "p99.9", "max");
    for (const unsigned shards : {1U, 2U}) {
        if (options.only_shards != 0 && options.only_shards != shards) continue;
        measure(options, shards, false);
        measure(options, shards, true);
    }
    return 0;
}

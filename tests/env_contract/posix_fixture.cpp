// The suite's world made of real threads, sockets on 127.0.0.1 and files in a temporary directory.
#include <arpa/inet.h>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <netinet/in.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include "runtime/posix/fd.h"
#include "runtime/posix/node.h"
#include "tests/env_contract/fixture.h"

namespace faultline::contract {
namespace {

class FaultySys final : public posix::SysCalls {
public:
    std::atomic<int> failing_syncs{0};
    std::atomic<bool> full{false};

    int fdatasync(int fd) override { return fails() ? -1 : SysCalls::fdatasync(fd); }
    int fsync(int fd) override { return fails() ? -1 : SysCalls::fsync(fd); }
    ssize_t pwritev(int fd, const iovec* v, int n, off_t off) override {
        if (full) {
            errno = ENOSPC;
            return -1;
        }
        return SysCalls::pwritev(fd, v, n, off);
    }

private:
    bool fails() {
        int left = failing_syncs;
        while (left > 0 && !failing_syncs.compare_exchange_weak(left, left - 1)) {
        }
        if (left > 0) errno = EIO;
        return left > 0;
    }
};

class PosixWorld final : public World {
public:
    PosixWorld() {
        std::string name = (std::filesystem::temp_directory_path() / "fl-contract-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) std::abort();
        root_ = name;
    }
    ~PosixWorld() override {
        std::error_code ignored;
        std::filesystem::remove_all(root_, ignored);
    }

    void run(std::vector<NodeSpec> specs) override { run_for(std::move(specs), 60s, false); }
    void run_and_kill(NodeSpec spec, Duration after) override {
        run_for({std::move(spec)}, after, true);
    }
    std::string host(unsigned) const override { return "127.0.0.1"; }

    // A listening socket whose queue is full: the kernel drops what else arrives.
    Endpoint silent(Env&) override {
        posix::Fd fd(::socket(AF_INET, SOCK_STREAM, 0));
        sockaddr_in addr{};
        addr.sin_family = AF_INET;
        addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t len = sizeof addr;
        auto* any = reinterpret_cast<sockaddr*>(&addr);
        if (::bind(fd.get(), any, len) != 0 || ::listen(fd.get(), 0) != 0 ||
            ::getsockname(fd.get(), any, &len) != 0) {
            std::abort();
        }
        for (int i = 0; i < 4; ++i) {
            posix::Fd filler(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
            (void)::connect(filler.get(), any, len);
            held_.push_back(std::move(filler));
        }
        held_.push_back(std::move(fd));
        return {"127.0.0.1", ntohs(addr.sin_port)};
    }
    void fail_next_sync(Env&) override { ++sys_.failing_syncs; }
    void fill_disk(Env&, bool full) override { sys_.full = full; }
    void lose_power(unsigned) override {}  // the kernel keeps everything
    void hold(Env&, Duration d) override { std::this_thread::sleep_for(d); }

private:
    void run_for(std::vector<NodeSpec> specs, Duration limit, bool kill) {
        std::vector<std::unique_ptr<posix::Node>> nodes;
        std::vector<std::thread> threads;
        std::atomic<std::size_t> running{specs.size()};
        for (std::size_t i = 0; i < specs.size(); ++i) {
            const std::string root = root_ + "/node" + std::to_string(i);
            std::filesystem::create_directories(root);
            nodes.push_back(std::make_unique<posix::Node>(
                posix::NodeOptions{.node = NodeId{static_cast<std::int32_t>(i) + 1},
                                   .shards = specs[i].shards,
                                   .data_root = root,
                                   .pin_threads = false,
                                   .handle_signals = false,
                                   .sys = &sys_}));
        }
        for (std::size_t i = 0; i < specs.size(); ++i) {
            threads.emplace_back([&, i] {
                nodes[i]->run([&](Env& env, fiber::StopToken stop) { specs[i].main(env, stop); });
                --running;
            });
        }
        const auto end = std::chrono::steady_clock::now() + limit;
        while (running > 0 && std::chrono::steady_clock::now() < end) {
            std::this_thread::sleep_for(1ms);
        }
        if (!kill) expect(running == 0, "every node ends within a minute", __FILE__, __LINE__);
        if (running > 0) {
            for (const auto& n : nodes) n->kill();
        }
        for (std::thread& t : threads) t.join();
    }

    std::string root_;
    FaultySys sys_;
    std::vector<posix::Fd> held_;
};
}  // namespace

void run_posix(void (*body)(World&)) {
    judge(
        [&] {
            PosixWorld w;
            body(w);
        },
        "posix");
}
}  // namespace faultline::contract

// Micro costs of the real world: the way to another shard, through the pool, over loopback, to
// disk.
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <unistd.h>

#include <benchmark/benchmark.h>

#include "runtime/posix/blocking_pool.h"
#include "runtime/posix/node.h"

using namespace faultline;

namespace {
// Runs `body` as main of a node in a directory of its own.
void on_node(posix::NodeOptions options, const std::function<void(Env&)>& body) {
    const char* base = std::getenv("FL_BENCH_DIR");
    std::string dir = std::string(base != nullptr ? base : "/tmp") + "/fl-bench-XXXXXX";
    if (::mkdtemp(dir.data()) == nullptr) std::abort();
    options.data_root = dir;
    options.handle_signals = false;
    {
        posix::Node node(std::move(options));
        node.run([&](Env& env, fiber::StopToken) { body(env); });
    }
    std::filesystem::remove_all(dir);
}

IoBuf bytes(std::size_t n) { return IoBuf::copy_of(as_bytes(std::string(n, 'x'))); }

void must(bool ok) {
    if (!ok) std::abort();
}

Result<void> read_exactly(Env& env, Connection& c, std::size_t n) {
    IoBuf in;
    while (in.size() < n) {
        FL_TRY(const std::size_t got, c.read_some(in, n - in.size(), env.clock.in(10s)));
        (void)got;
    }
    return {};
}

void context_switch(benchmark::State& state) {
    on_node({.shards = 1}, [&](Env& env) {
        bool over = false;
        fiber::Group group(env.fibers);
        group.spawn({.name = "other"}, [&](fiber::StopToken) {
            while (!over) env.fibers.yield();
        });
        for (auto _ : state) env.fibers.yield();  // two switches
        over = true;
        group.join();
    });
}

void call_other_shard(benchmark::State& state) {
    on_node({.shards = 2}, [&](Env& env) {
        for (auto _ : state) {
            must(env.shards.call(ShardId{1}, env.clock.in(10s), [](Env&) { return 1; }).ok());
        }
    });
}

// Mail in one direction with 512 under way: what a hop costs when shards are busy.
void post_batched(benchmark::State& state) {
    std::atomic<std::int64_t> ran{0};
    on_node({.shards = 2}, [&](Env& env) {
        std::int64_t posted = 0;
        for (auto _ : state) {
            must(env.shards.post(ShardId{1}, [&](Env&) { ++ran; }).ok());
            ++posted;
        }
        while (ran < posted) (void)env.fibers.sleep_until(env.clock.in(10us));
    });
    state.SetItemsProcessed(state.iterations());
}

void pool_round_trip(benchmark::State& state) {
    on_node({.shards = 1}, [&](Env& env) {
        (void)env;
        posix::BlockingPool pool(4);
        for (auto _ : state) {
            must(pool.run(posix::BlockingPool::Lane::quick, [] { return 1; }).ok());
        }
    });
}

void echo_loopback(benchmark::State& state) {
    const auto size = static_cast<std::size_t>(state.range(0));
    on_node({.shards = 2}, [&](Env& env) {
        auto listener = env.net.listen({"127.0.0.1", 0});
        must(listener.ok());
        const Endpoint at = (*listener)->local();
        std::atomic<bool> over{false};
        must(env.shards
                 .post(ShardId{1},
                       [&, at](Env& there) {
                           auto c = there.net.connect(at, there.clock.in(10s));
                           must(c.ok());
                           IoBuf in;
                           while ((*c)->read_some(in, 1 << 18, Deadline::never()).ok()) {
                               must((*c)->write(OutBuf(in), Deadline::never()).ok());
                               in.clear();
                           }
                           (*c)->shutdown_write();
                           over = true;
                       })
                 .ok());
        auto c = (*listener)->accept({});
        must(c.ok());
        const IoBuf data = bytes(size);
        for (auto _ : state) {
            must((*c)->write(OutBuf(data), env.clock.in(10s)).ok());
            must(read_exactly(env, **c, size).ok());
        }
        (*c)->shutdown_write();
        while (!over) (void)env.fibers.sleep_until(env.clock.in(1ms));
    });
    state.SetBytesProcessed(state.iterations() * state.range(0) * 2);
}

void append(benchmark::State& state) {
    const auto size = static_cast<std::size_t>(state.range(0));
    on_node({.shards = 1}, [&](Env& env) {
        auto file = env.disk.open("f", OpenMode::create);
        must(file.ok());
        const IoBuf data = bytes(size);
        std::uint64_t at = 0;
        for (auto _ : state) {
            must((*file)->write(at % (256U << 20), data).ok());
            at += size;
        }
    });
    state.SetBytesProcessed(state.iterations() * state.range(0));
}

void append_and_sync(benchmark::State& state) {
    const auto size = static_cast<std::size_t>(state.range(0));
    on_node({.shards = 1}, [&](Env& env) {
        auto file = env.disk.open("f", OpenMode::create);
        must(file.ok());
        const IoBuf data = bytes(size);
        std::uint64_t at = 0;
        for (auto _ : state) {
            must((*file)->write(at, data).ok());
            must((*file)->sync(SyncMode::data).ok());
            at += size;
        }
    });
}

void read_cached(benchmark::State& state) {
    const auto size = static_cast<std::size_t>(state.range(0));
    on_node({.shards = 1}, [&](Env& env) {
        auto file = env.disk.open("f", OpenMode::create);
        must(file.ok() && (*file)->write(0, bytes(1 << 20)).ok());
        for (auto _ : state) must((*file)->read(0, size).ok());
    });
    state.SetBytesProcessed(state.iterations() * state.range(0));
}

BENCHMARK(context_switch)->UseRealTime();
BENCHMARK(call_other_shard)->UseRealTime();
BENCHMARK(post_batched)->UseRealTime();
BENCHMARK(pool_round_trip)->UseRealTime();
BENCHMARK(echo_loopback)->Arg(1024)->Arg(65536)->UseRealTime();
BENCHMARK(append)->Arg(1024)->Arg(16384)->Arg(262144)->Arg(1 << 20)->Arg(2 << 20)->UseRealTime();
BENCHMARK(append_and_sync)->Arg(1024)->Arg(16384)->UseRealTime();
BENCHMARK(read_cached)->Arg(16384)->Arg(262144)->UseRealTime();
}  // namespace

BENCHMARK_MAIN();

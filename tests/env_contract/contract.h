// What a world must offer so that the suite can be run over it, and the words the cases use.
#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/env/env.h"
#include "core/fiber/sync.h"
#include "tests/support/catch.h"

namespace faultline::contract {

using Main = std::function<void(Env&, fiber::StopToken)>;
struct NodeSpec {
    Main main;  // in a fiber of shard 0
    unsigned shards = 1;
};

// Nodes on a network, with disks that outlive a run. Cases talk to it from outside the nodes, and
// from inside where a method says so.
class World {
public:
    virtual ~World() = default;
    // Starts a node for each spec; returns when every main has returned. A world that does not come
    // to an end is a failure of the case.
    virtual void run(std::vector<NodeSpec> nodes) = 0;
    // Kills every fiber of node 0 where it is parked, `after` its start.
    virtual void run_and_kill(NodeSpec node, Duration after) = 0;
    // By which the nodes reach node i.
    virtual std::string host(unsigned node) const = 0;
    // Nobody answers there, nor refuses. From inside.
    virtual Endpoint silent(Env& env) = 0;
    // The next sync of any file of the node fails. From inside.
    virtual void fail_next_sync(Env& env) = 0;
    // No byte more fits on the node's disk. From inside.
    virtual void fill_disk(Env& env, bool full) = 0;
    // The node, which does not run, loses what it has not synced, where the world can do that.
    virtual void lose_power(unsigned node) = 0;
    // Keeps the shard from receiving mail for a while, where that needs help. From inside.
    virtual void hold(Env& env, Duration d) = 0;
};

// Catch2's own macros are not for several threads: what nodes find is collected here.
void expect(bool ok, const std::string& what, const char* file, int line);
#define EXPECT(...) \
    ::faultline::contract::expect(static_cast<bool>(__VA_ARGS__), #__VA_ARGS__, __FILE__, __LINE__)
// Leaves the body when it fails.
#define NEED(...)                                                                \
    do {                                                                         \
        const bool fl_ok_ = static_cast<bool>(__VA_ARGS__);                      \
        ::faultline::contract::expect(fl_ok_, #__VA_ARGS__, __FILE__, __LINE__); \
        if (!fl_ok_) return;                                                     \
    } while (false)
// GET(auto file, env.disk.open(...)); leaves the body on an error.
#define GET(decl, ...) GET_(FL_CAT(fl_get_, __LINE__), decl, __VA_ARGS__)
#define GET_(tmp, decl, ...)                                                                  \
    auto&& tmp = (__VA_ARGS__);                                                               \
    ::faultline::contract::expect(tmp.ok(), ::faultline::contract::failed(#__VA_ARGS__, tmp), \
                                  __FILE__, __LINE__);                                        \
    if (!tmp.ok()) return;                                                                    \
    decl = *std::move(tmp)
// The expression must fail with this code.
#define EXPECT_CODE(code_, ...)                                                              \
    ::faultline::contract::expect_code(::faultline::contract::code_of(__VA_ARGS__), (code_), \
                                       #__VA_ARGS__, __FILE__, __LINE__)
#define EXPECT_OK(...)                                                                            \
    ::faultline::contract::expect_code(::faultline::contract::code_of(__VA_ARGS__), std::nullopt, \
                                       #__VA_ARGS__, __FILE__, __LINE__)
void expect_code(std::optional<Errc> got, std::optional<Errc> wanted, const char* what,
                 const char* file, int line);

template <class T>
std::string failed(const char* what, const Result<T>& r) {
    return r.ok() ? what : std::string(what) + ": " + to_string(r.error());
}
template <class T>
std::optional<Errc> code_of(const Result<T>& r) {
    return r.ok() ? std::nullopt : std::optional(r.code());
}

// Runs one case in one world, several seeds where there are seeds, and reports what was expected.
void run_posix(void (*body)(World&));
void run_sim(void (*body)(World&));

#define CONTRACT(title) CONTRACT_(FL_CAT(contract_case_, __LINE__), title)
#define CONTRACT_(id, title)                                                                  \
    static void id(::faultline::contract::World& w);                                          \
    TEST_CASE("posix: " title, "[contract][posix]") { ::faultline::contract::run_posix(id); } \
    TEST_CASE("sim: " title, "[contract][sim]") { ::faultline::contract::run_sim(id); }       \
    static void id([[maybe_unused]] ::faultline::contract::World& w)

// A value that one node leaves for another one.
template <class T>
class Slot {
public:
    void put(T value) {
        const std::lock_guard lock(mutex_);
        value_ = std::move(value);
    }
    // Parks until it is there; null after ten seconds.
    std::optional<T> wait(Env& env) {
        const Deadline deadline = env.clock.in(10s);
        while (env.clock.now() < deadline.at) {
            {
                const std::lock_guard lock(mutex_);
                if (value_) return value_;
            }
            (void)env.fibers.sleep_until(env.clock.in(1ms));
        }
        return std::nullopt;
    }

private:
    std::mutex mutex_;
    std::optional<T> value_;
};

// --- what many cases do
// ---------------------------------------------------------------------------
using Body = std::function<void(Env&, Connection&)>;
// Node 0 accepts a connection from node 1; each runs its body on its end.
void with_pair(World& w, const Body& server, const Body& client);
// The same over one node, when both ends must be handled by fibers of one shard.
void with_node(World& w, const std::function<void(Env&)>& body, unsigned shards = 1);

IoBuf text(std::string_view s);
// `n` bytes that depend on `seed` and their place.
IoBuf pattern(std::size_t n, std::uint64_t seed = 1);
// Exactly n bytes, or what ended it.
Result<IoBuf> read_exactly(Env& env, Connection& c, std::size_t n);
// Until the end of the stream; the end itself must be `closed`.
Result<IoBuf> read_to_end(Env& env, Connection& c);
Result<void> write(Env& env, Connection& c, const IoBuf& data);
// Both sides shut down: the connection may be destroyed without a reset.
void finish(Env& env, Connection& c);
}  // namespace faultline::contract

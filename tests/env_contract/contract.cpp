#include "tests/env_contract/contract.h"

#include "core/base/random.h"

namespace faultline::contract {
namespace {
constexpr Duration kPatience = 20s;
}

IoBuf text(std::string_view s) { return IoBuf::copy_of(as_bytes(s)); }

IoBuf pattern(std::size_t n, std::uint64_t seed) {
    std::string bytes(n, '\0');
    for (std::size_t i = 0; i < n; ++i) {
        bytes[i] = static_cast<char>(mix64(seed * 0x10001 + i / 8) >> (i % 8 * 8));
    }
    return IoBuf::copy_of(as_bytes(bytes));
}

Result<IoBuf> read_exactly(Env& env, Connection& c, std::size_t n) {
    IoBuf in;
    while (in.size() < n) {
        FL_TRY(const std::size_t got, c.read_some(in, n - in.size(), env.clock.in(kPatience)));
        if (got == 0) return Error{Errc::invalid, 0, "read_some gave nothing"};
    }
    return in;
}

Result<IoBuf> read_to_end(Env& env, Connection& c) {
    IoBuf in;
    while (true) {
        const auto got = c.read_some(in, 64 * 1024, env.clock.in(kPatience));
        if (got.ok()) continue;
        if (got.code() == Errc::closed) return in;
        return got.error();
    }
}

Result<void> write(Env& env, Connection& c, const IoBuf& data) {
    return c.write(OutBuf(data), env.clock.in(kPatience));
}

void finish(Env& env, Connection& c) {
    c.shutdown_write();
    EXPECT_OK(read_to_end(env, c));
}

void with_node(World& w, const std::function<void(Env&)>& body, unsigned shards) {
    w.run({{.main = [&](Env& env, fiber::StopToken) { body(env); }, .shards = shards}});
}

void with_pair(World& w, const Body& server, const Body& client) {
    Slot<std::uint16_t> port;
    w.run({{.main =
                [&](Env& env, fiber::StopToken) {
                    GET(const auto listener, env.net.listen({w.host(0), 0}));
                    port.put(listener->local().port);
                    GET(const auto c, listener->accept({}));
                    // A server that resets at once could do so before the client's connect returns.
                    EXPECT_OK(read_exactly(env, *c, 1));
                    server(env, *c);
                }},
           {.main = [&](Env& env, fiber::StopToken) {
               const auto p = port.wait(env);
               NEED(p.has_value());
               GET(const auto c, env.net.connect({w.host(0), *p}, env.clock.in(kPatience)));
               EXPECT_OK(write(env, *c, text("!")));
               client(env, *c);
           }}});
}
}  // namespace faultline::contract

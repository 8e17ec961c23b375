// ClientConn against a peer that a test writes by hand, in the simulated world.
#include "core/rpc/client_conn.h"

#include "gen/wire/api_versions_response.h"
#include "gen/wire/list_offsets_request.h"
#include "gen/wire/list_offsets_response.h"
#include "gen/wire/metadata_request.h"
#include "gen/wire/metadata_response.h"
#include "sim/world/world.h"
#include "tests/support/catch.h"

namespace faultline::rpc {
namespace {

// What the peer does with the requests after ApiVersions.
struct Peer {
    Connection& connection;
    FrameReader frames;
    fiber::StopToken stop;

    // The correlation id of the next request; nothing at the end of the stream.
    std::optional<std::int32_t> request() {
        const auto frame = frames.next(Deadline::never(), stop);
        if (!frame.ok()) return std::nullopt;
        wire::Reader in(*frame);
        in.skip(4);
        return in.i32();
    }
    void write(OutBuf body) {
        CHECK(connection.write(make_frame(std::move(body)), Deadline::never(), stop).ok());
    }
    // A Metadata answer of version 4 whose cluster id is `text`.
    void answer(std::int32_t correlation, const std::string& text) {
        wire::Writer out;
        out.i32(correlation);
        wire::MetadataResponse response;
        response.cluster_id = text;
        response.encode(out, wire::Version{4});
        write(OutBuf{out.finish().to_iobuf()});
    }
    void answer_versions() {
        const auto correlation = request();
        REQUIRE(correlation);
        wire::Writer out;
        out.i32(*correlation);
        wire::ApiVersionsResponse response;
        for (const auto& [key, low, high] : {std::array<std::int16_t, 3>{3, 0, 4}, {2, 90, 99}}) {
            auto& api = response.api_keys.emplace_back();
            api.api_key = key;
            api.min_version = low;
            api.max_version = high;
        }
        response.encode(out, wire::Version{4});
        write(OutBuf{out.finish().to_iobuf()});
    }
};

struct Rig {
    // `peer` runs once ApiVersions is answered; the connection is reset when it returns.
    void run(std::function<void(Peer&)> peer, std::function<void(Env&, ClientConn&)> client) {
        sim::Recorder recorder;
        sim::World world(5, recorder);
        bool done = false;
        const NodeId server = world.add_node("peer", 1, [&](Env& env, fiber::StopToken stop) {
            auto listener = env.net.listen({"peer", 1});
            REQUIRE(listener.ok());
            auto connection = (*listener)->accept(stop);
            if (!connection.ok()) return;
            Peer p{**connection, FrameReader(**connection, 1 << 20), stop};
            p.answer_versions();
            peer(p);
        });
        const NodeId user = world.add_node("user", 1, [&](Env& env, fiber::StopToken) {
            auto stream = env.net.connect({"peer", 1}, env.clock.in(5s));
            REQUIRE(stream.ok());
            ClientConn conn(env.fibers, *std::move(stream), {.max_in_flight = 4});
            REQUIRE(conn.start(env.clock.in(5s)).ok());
            client(env, conn);
            conn.close();
            done = true;
            world.halt();
        });
        world.start(server);
        world.start(user);
        world.run_until(MonoTime{} + 100s);
        REQUIRE(done);
    }
};

Result<wire::MetadataResponse> ask(Env& env, ClientConn& conn, Duration limit = 10s) {
    return conn.call<wire::MetadataResponse>(wire::MetadataRequest{}, env.clock.in(limit));
}

TEST_CASE("requests are pipelined, and each gets its own answer") {
    Rig rig;
    rig.run(
        [](Peer& peer) {
            std::vector<std::int32_t> ids;
            for (int i = 0; i < 3; ++i)
                ids.push_back(*peer.request());  // all three before an answer
            for (const std::int32_t id : ids) peer.answer(id, std::to_string(id));
            (void)peer.request();
        },
        [](Env& env, ClientConn& conn) {
            std::vector<std::string> got;
            fiber::Group group(env.fibers);
            for (int i = 0; i < 3; ++i) {
                group.spawn({}, [&](fiber::StopToken) {
                    const auto r = ask(env, conn);
                    REQUIRE(r.ok());
                    got.push_back(*r->cluster_id);
                });
            }
            group.join();
            CHECK(got == std::vector<std::string>{"2", "3", "4"});
            CHECK(conn.usable());
        });
}

TEST_CASE("no common version: nothing is sent, the connection stays") {
    Rig rig;
    rig.run(
        [](Peer& peer) {
            if (const auto r = peer.request()) CHECK(*r == -1);
        },
        [](Env& env, ClientConn& conn) {
            CHECK(!conn.serves<wire::ListOffsetsRequest>());
            const auto r =
                conn.call<wire::ListOffsetsResponse>(wire::ListOffsetsRequest{}, env.clock.in(1s));
            CHECK(r.code() == Errc::invalid);
            CHECK(conn.usable());
        });
}

TEST_CASE("a late answer costs the connection and everything under way") {
    Rig rig;
    rig.run(
        [](Peer& peer) {
            while (peer.request()) {
            }
        },
        [](Env& env, ClientConn& conn) {
            Errc other{};
            fiber::Group group(env.fibers);
            group.spawn({}, [&](fiber::StopToken) { other = ask(env, conn, 50s).code(); });
            CHECK(ask(env, conn, 1s).code() == Errc::timed_out);
            group.join();
            CHECK(other == Errc::timed_out);
            CHECK(!conn.usable());
            CHECK(ask(env, conn).code() == Errc::busy);  // surely not sent
        });
}

TEST_CASE("an answer with a wrong number, or to nobody, or that does not parse, is corrupt") {
    for (int way = 0; way < 3; ++way) {
        Rig rig;
        rig.run(
            [way](Peer& peer) {
                const std::int32_t id = *peer.request();
                if (way == 0) return peer.answer(id + 1, "x");
                wire::Writer out;
                out.i32(id);
                if (way == 1) out.i32(7);  // cut
                if (way == 2) {
                    wire::MetadataResponse{}.encode(out, wire::Version{4});
                    out.i8(0);  // one byte too many
                }
                peer.write(OutBuf{out.finish().to_iobuf()});
                (void)peer.request();
            },
            [](Env& env, ClientConn& conn) {
                CHECK(ask(env, conn).code() == Errc::corrupt);
                CHECK(!conn.usable());
            });
    }
}

TEST_CASE("the peer goes away: everything under way may have happened") {
    Rig rig;
    rig.run([](Peer& peer) { (void)peer.request(); },
            [](Env& env, ClientConn& conn) {
                const auto r = ask(env, conn);
                CHECK((r.code() == Errc::unreachable || r.code() == Errc::closed));
                CHECK(!conn.usable());
            });
}

TEST_CASE("over max_in_flight callers wait their turn, and may give up without harm") {
    Rig rig;
    rig.run(
        [](Peer& peer) {
            std::vector<std::int32_t> ids;
            for (int i = 0; i < 4; ++i) ids.push_back(*peer.request());
            for (const std::int32_t id : ids) peer.answer(id, "x");
            (void)peer.request();
        },
        [](Env& env, ClientConn& conn) {
            // 4 fill the pipe; the fifth gives up before the answers are on their way.
            fiber::Group group(env.fibers);
            int good = 0;
            for (int i = 0; i < 4; ++i) {
                group.spawn({}, [&](fiber::StopToken) { good += ask(env, conn).ok(); });
            }
            env.fibers.sleep_until(env.clock.in(Duration{10}));
            CHECK(ask(env, conn, Duration{1}).code() == Errc::busy);
            group.join();
            CHECK(good == 4);
            CHECK(conn.usable());
        });
}
}  // namespace
}  // namespace faultline::rpc

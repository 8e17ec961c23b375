#include "core/rpc/frame_io.h"

#include "tests/support/catch.h"
#include "tests/unit/rpc/scripted_connection.h"

namespace faultline::rpc {
namespace {
using test::ScriptedConnection;

std::string frame(const std::string& body) {
    const auto n = static_cast<std::uint32_t>(body.size());
    return std::string{static_cast<char>(n >> 24), static_cast<char>(n >> 16),
                       static_cast<char>(n >> 8), static_cast<char>(n)} +
           body;
}

class CountingSink final : public probe::Sink {
public:
    void on(MonoTime, NodeId, const probe::Event&) override {}
    probe::PartitionKey intern(std::string_view, PartitionIndex) override { return 1; }
    void reached(probe::Site s) override { splits += s == probe::Site::frame_split_across_reads; }
    bool perturb(probe::Site) override { return split_all; }
    int splits = 0;
    bool split_all = false;
};

TEST_CASE("pipelined frames come out of one read") {
    ScriptedConnection c;
    c.feed(frame("one") + frame("") + frame("three"));
    FrameReader reader(c, 100);
    REQUIRE(!reader.has_frame());
    REQUIRE((*reader.next(Deadline::never())).copy_string() == "one");
    REQUIRE(reader.has_frame());
    REQUIRE((*reader.next(Deadline::never())).empty());
    REQUIRE((*reader.next(Deadline::never())).copy_string() == "three");
    REQUIRE(c.reads == 1);
    REQUIRE(reader.buffered() == 0);
    REQUIRE(reader.next(Deadline::never()).code() == Errc::closed);
}

TEST_CASE("a frame shares the receive blocks") {
    ScriptedConnection c;
    c.feed(frame("abcdef"));
    FrameReader reader(c, 100);
    const IoBuf got = *reader.next(Deadline::never());
    REQUIRE(got.parts().size() == 1);
    REQUIRE(got.sub(2, 2).copy_string() == "cd");
}

TEST_CASE("every split of two frames into two reads gives the same frames") {
    const std::string bytes = frame("hello") + frame("world!");
    for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
        ScriptedConnection c;
        c.feed(bytes.substr(0, cut));
        c.feed(bytes.substr(cut));
        FrameReader reader(c, 100);
        REQUIRE((*reader.next(Deadline::never())).copy_string() == "hello");
        REQUIRE((*reader.next(Deadline::never())).copy_string() == "world!");
    }
}

TEST_CASE("a split is reported, and the simulator can ask for one") {
    const MonoTime now{};
    CountingSink sink;
    const probe::Probe probe(&sink, NodeId{1}, &now);
    ScriptedConnection whole;
    whole.feed(frame("hello"));
    FrameReader first(whole, 100, probe);
    REQUIRE(first.next(Deadline::never()).ok());
    REQUIRE(sink.splits == 0);

    sink.split_all = true;
    ScriptedConnection bytewise;
    bytewise.feed(frame("hello"));
    FrameReader second(bytewise, 100, probe);
    REQUIRE((*second.next(Deadline::never())).copy_string() == "hello");
    REQUIRE(sink.splits == 1);
    REQUIRE(bytewise.reads == 9);
}

TEST_CASE("bad lengths are refused before anything is allocated for them") {
    struct Case {
        std::string prefix;
        Errc want;
    };
    const Case cases[] = {{std::string("\xff\xff\xff\xff", 4), Errc::corrupt},
                          {std::string("\x80\x00\x00\x00", 4), Errc::corrupt},
                          {std::string("\x7f\xff\xff\xff", 4), Errc::too_large},
                          {std::string("\x00\x00\x00\x65", 4), Errc::too_large}};
    for (const Case& bad : cases) {
        ScriptedConnection c;
        c.feed(bad.prefix);
        FrameReader reader(c, 100);
        REQUIRE(reader.next(Deadline::never()).code() == bad.want);
        REQUIRE(reader.has_frame());  // its error is there without parking
        REQUIRE(c.largest_read <= 64U << 10);
    }
    ScriptedConnection c;
    c.feed(frame(std::string(100, 'x')));
    FrameReader reader(c, 100);
    REQUIRE((*reader.next(Deadline::never())).size() == 100);
}

TEST_CASE("a stream that ends inside a frame is not an orderly end") {
    const std::string bytes = frame("hello");
    for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
        ScriptedConnection c;
        c.feed(bytes.substr(0, cut));
        FrameReader reader(c, 100);
        REQUIRE(reader.next(Deadline::never()).code() == Errc::unreachable);
    }
}

TEST_CASE("after a time-out the next call goes on") {
    ScriptedConnection c;
    c.feed(frame("hello").substr(0, 6));
    c.fail(Errc::timed_out);
    c.feed(frame("hello").substr(6));
    FrameReader reader(c, 100);
    REQUIRE(reader.next(Deadline::never()).code() == Errc::timed_out);
    REQUIRE(reader.buffered() == 6);
    REQUIRE((*reader.next(Deadline::never())).copy_string() == "hello");
}

TEST_CASE("a large frame is read in large pieces") {
    ScriptedConnection c;
    const std::string body(3U << 20, 'y');
    c.feed(frame(body));
    FrameReader reader(c, 4U << 20);
    REQUIRE((*reader.next(Deadline::never())).copy_string() == body);
    REQUIRE(c.reads <= 14);
}

TEST_CASE("make_frame puts the length first") {
    const OutBuf out = make_frame(OutBuf{Slice::copy_of(as_bytes("abc"))});
    REQUIRE(out.size() == 7);
    IoBuf flat;
    for (const auto& part : out.parts()) flat.append(std::get<Slice>(part));
    REQUIRE(flat.copy_string() == frame("abc"));
    REQUIRE(make_frame(OutBuf{}).size() == 4);
}
}  // namespace
}  // namespace faultline::rpc

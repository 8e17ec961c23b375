#include "core/base/iobuf.h"

#include "core/base/hash128.h"
#include "core/base/ids.h"
#include "core/base/random.h"
#include "core/base/time.h"
#include "tests/support/catch.h"

using namespace faultline;

TEST_CASE("iobuf: slicing shares and keeps the bytes", "[iobuf]") {
    Rng rng(1);
    std::string model;
    IoBuf buf;
    for (int i = 0; i < 20; ++i) {
        std::string part(rng.below(30), static_cast<char>('a' + i));
        model += part;
        buf.append(Slice::copy_of(as_bytes(part)));
    }
    REQUIRE(buf.copy_string() == model);
    for (int i = 0; i < 500; ++i) {
        const std::size_t off = rng.below(model.size() + 1);
        const std::size_t len = rng.below(model.size() - off + 1);
        const IoBuf sub = buf.sub(off, len);
        REQUIRE(sub.copy_string() == model.substr(off, len));
        REQUIRE(as_text(sub.coalesce_copy().bytes()) == model.substr(off, len));
        IoBuf rest = buf;
        rest.trim_front(off);
        REQUIRE(rest.copy_string() == model.substr(off));
        REQUIRE((rest == IoBuf::copy_of(as_bytes(model.substr(off)))));
        REQUIRE((rest == buf) == (off == 0));
    }
}

TEST_CASE("iobuf: one part is coalesced without a copy", "[iobuf]") {
    const IoBuf buf = IoBuf::copy_of(as_bytes("hello"));
    CHECK(buf.coalesce_copy().bytes().data() == buf.parts()[0].bytes().data());
}

TEST_CASE("builder: taken slices stay as they were while more is written", "[iobuf]") {
    BufBuilder out(64);
    std::vector<Slice> taken;
    std::vector<std::string> model;
    for (int i = 0; i < 100; ++i) {
        std::string text(static_cast<std::size_t>(i), static_cast<char>('a' + i % 26));
        out.append(as_bytes(text));
        taken.push_back(out.take());
        model.push_back(text);
    }
    for (std::size_t i = 0; i < taken.size(); ++i) CHECK(as_text(taken[i].bytes()) == model[i]);
}

TEST_CASE("small vector: behaves like a vector across its inline limit", "[small_vec]") {
    SmallVec<std::string, 2> v;
    for (int i = 0; i < 10; ++i) {
        v.push_back("element number " + std::to_string(i));
        SmallVec<std::string, 2> copy = v, other = v;
        SmallVec<std::string, 2> moved = std::move(copy);
        copy = moved;
        other = std::move(moved);
        REQUIRE(copy.size() == static_cast<std::size_t>(i) + 1);
        REQUIRE(other.back() == "element number " + std::to_string(i));
    }
    v.emplace_back(v[0]);  // an argument inside the vector, at the moment it grows
    CHECK(v.back() == "element number 0");
    v.erase_front(9);
    CHECK(v.size() == 2);
    CHECK(v.front() == "element number 9");
}

TEST_CASE("random: equal seeds and labels give equal streams, others do not", "[random]") {
    Rng a(7), b(7), c(8);
    CHECK(a.next() == b.next());
    CHECK(a.next() != c.next());
    CHECK(a.fork("disk").next() == b.fork("disk").next());
    CHECK(a.fork("disk").next() != a.fork("net").next());
    // The first outputs of seed 1, as they were when the generator was made: other machines and
    // compilers must give the same, or no scenario replays there.
    Rng fixed(1);
    CHECK(fixed.next() == 14233695028433725123ULL);
    CHECK(fixed.next() == 151843346328975388ULL);
    CHECK(fixed.next() == 2778140871569557710ULL);
    std::vector<int> histogram(10);
    for (int i = 0; i < 10'000; ++i) ++histogram[fixed.below(10)];
    for (const int n : histogram) CHECK(std::abs(n - 1000) < 200);
    CHECK(fixed.between(-5, -5) == -5);
    CHECK(fixed.between(INT64_MIN, INT64_MAX) != fixed.between(INT64_MIN, INT64_MAX));
}

TEST_CASE("uuid: text form and back", "[ids]") {
    Rng rng(3);
    for (int i = 0; i < 100; ++i) {
        const Uuid id{.hi = rng.next(), .lo = rng.next()};
        Uuid back;
        REQUIRE(parse_uuid(to_string(id), back));
        REQUIRE(back == id);
    }
    CHECK(to_string(Uuid{}) == "AAAAAAAAAAAAAAAAAAAAAA");
    CHECK(to_string(Uuid{.hi = 0, .lo = 1}) == "AAAAAAAAAAAAAAAAAAAAAQ");  // Kafka's ONE_UUID
    Uuid out{.hi = 5, .lo = 5};
    CHECK_FALSE(parse_uuid("AAAAAAAAAAAAAAAAAAAAA", out));
    CHECK_FALSE(parse_uuid("AAAAAAAAAAAAAAAAAAAAA=", out));
    CHECK((out == Uuid{.hi = 5, .lo = 5}));
}

TEST_CASE("time: a huge timeout stays in the future", "[time]") {
    CHECK(MonoTime{5} + Duration::max() == MonoTime::never());
    CHECK(MonoTime{5} + 1ns == MonoTime{6});
}

TEST_CASE("hash128: order and every word count", "[hash]") {
    Hash128 a, b, c;
    a.add(1), a.add(2);
    b.add(2), b.add(1);
    c.add(1), c.add(2);
    CHECK(a.hex() == c.hex());
    CHECK(a.hex() != b.hex());
    CHECK(a.hex().size() == 32);
    c.add(0);
    CHECK(a.hex() != c.hex());
}

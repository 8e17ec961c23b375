#include "tests/bench/histogram.h"

#include "tests/support/catch.h"

using faultline::bench::Histogram;

TEST_CASE("histogram: small values are exact") {
    Histogram h;
    for (int i = 1; i <= 100; ++i) h.add(i);
    CHECK(h.count() == 100);
    CHECK(h.at(1'000) == 1);
    CHECK(h.at(50'000) == 50);
    CHECK(h.at(99'000) == 99);
    CHECK(h.at(100'000) == 100);
}

TEST_CASE("histogram: large values are known to a 64th, and never above the largest") {
    for (std::int64_t v = 1; v < std::int64_t{1} << 45; v = v * 7 / 3 + 1) {
        Histogram h;
        h.add(v);
        h.add(std::int64_t{1} << 47);
        const auto found = static_cast<std::int64_t>(h.at(50'000));
        INFO(v << " came back as " << found);
        CHECK(found >= v);
        CHECK(found - v <= v / 64);
        CHECK(h.largest() == std::uint64_t{1} << 47);
        CHECK(h.at(100'000) == h.largest());
    }
}

TEST_CASE("histogram: one late value in a thousand shows where it belongs") {
    Histogram h;
    for (int i = 0; i < 999; ++i) h.add(1'000);
    h.add(5'000'000);
    CHECK(h.at(99'000) < 1'020);
    CHECK(h.at(99'900) < 1'020);
    CHECK(h.at(99'999) == 5'000'000);
    CHECK(Histogram().at(50'000) == 0);
}

#include "core/base/text.h"

#include "tests/support/catch.h"

using namespace faultline;

TEST_CASE("text: the nearest word, or none when nothing is near", "[text]") {
    constexpr std::string_view words[] = {"retention.ms", "retention.bytes", "segment.ms"};
    CHECK(nearest_word("retenton.ms", words) == "retention.ms");
    CHECK(nearest_word("segments.ms", words) == "segment.ms");
    CHECK(nearest_word("xyzzy", words).empty());
}

TEST_CASE("text: durations", "[text]") {
    CHECK(parse_duration("250ms") == 250ms);
    CHECK(parse_duration("0") == Duration{0});
    CHECK(parse_duration("30d") == 24h * 30);
    CHECK(parse_duration("7ns") == 7ns);
    for (const char* bad : {"", "5", "-5s", "5 s", "5sec", "1.5s", "s", "99999999999999d"}) {
        CAPTURE(bad);
        CHECK_FALSE(parse_duration(bad).has_value());
    }
    CHECK(format_seconds(4213ms) == "4.213s");
    CHECK(format_seconds(1'000'001us, true) == "1.000001s");
}

TEST_CASE("text: sizes", "[text]") {
    CHECK(parse_size("64MiB") == 64ULL << 20);
    CHECK(parse_size("100") == 100ULL);
    for (const char* bad : {"", "MiB", "1MB", "1 KiB", "-1", "99999999999TiB"}) {
        CAPTURE(bad);
        CHECK_FALSE(parse_size(bad).has_value());
    }
}

TEST_CASE("text: globs", "[text]") {
    CHECK(glob_match("orders-0/*.log", "orders-0/00000000000000000000.log"));
    CHECK(glob_match("*", ""));
    CHECK(glob_match("a*b*c", "axxbyyc"));
    CHECK(glob_match("?.log", "1.log"));
    CHECK_FALSE(glob_match("*.log", "a.index"));
    CHECK_FALSE(glob_match("?.log", "12.log"));
    CHECK_FALSE(glob_match("", "x"));
}

TEST_CASE("text: an excerpt is short and cuts no character", "[text]") {
    CHECK(excerpt("") == "");
    CHECK(excerpt(std::string(1024, 'x')) == std::string(1024, 'x'));
    CHECK(excerpt(std::string(1025, 'x')) == std::string(1024, 'x') + "...");
    CHECK(excerpt(std::string(1022, 'x') + "\xe2\x82\xac" + "yy") ==
          std::string(1022, 'x') + "...");
    CHECK(excerpt(std::string(5000, '\x80')).size() < 1100);  // no UTF-8
}

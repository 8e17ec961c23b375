#include "tests/support/catch.h"
#include "tests/support/golden.h"
#include "tests/unit/visualize/sample_runs.h"
#include "visualize/render.h"
#include "visualize/slice.h"
#include "visualize/text_box.h"

namespace faultline::visualize {
namespace {
std::string drawn(const std::string& trace, const char* extension, const Filter& filter = {},
                  bool full = false) {
    const auto out = render(trace, extension, filter, full);
    if (!out) FAIL(out.error());
    return *out;
}
std::string tiny() {
    return test::trace_of([](sim::Recorder& r) { test::tiny_run(r); });
}
std::string violated() {
    return test::trace_of([](sim::Recorder& r) { test::crash_run(r, true); });
}
// The whole run, not the slice that explains its failure.
constexpr Filter kAll{.from = 0, .to = {}, .node = {}, .partition = {}};
std::size_t count(const std::string& text, std::string_view what) {
    std::size_t n = 0;
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1))
        ++n;
    return n;
}

TEST_CASE("a tiny run in every form") {
    const std::string trace = tiny();
    for (const char* extension : {"svg", "txt", "dot", "json", "jsonl"}) {
        CHECK(test::is_golden(std::string("tiny.") + extension, drawn(trace, extension)));
    }
}

TEST_CASE("a violated run as text") {
    CHECK(test::is_golden("violated.txt", drawn(violated(), "txt", kAll)));
}

TEST_CASE("a failed run's causes are arrows in the Perfetto form") {
    const std::string text = violated();
    const auto trace = read_trace(text);
    REQUIRE(trace.has_value());
    const auto slice = make_slice(*trace);
    REQUIRE(slice.has_value());
    const auto edges = slice_edges(*trace, *slice);
    REQUIRE_FALSE(edges.empty());
    for (const SliceEdge& e : edges) {
        REQUIRE(e.from < e.to);
        REQUIRE(e.to < slice->rows.size());
    }
    const std::string drawing = drawn(text, "pftrace");
    CHECK(count(drawing, "why") >= 1);
    for (const SliceRow& row : slice->rows) {
        if (row.lane >= 0) CHECK(drawing.find(row.text) != std::string::npos);
    }
    // Without a violation there is nothing to explain.
    CHECK(drawn(tiny(), "pftrace").find("why") == std::string::npos);
}

TEST_CASE("JSON lines: each event names an earlier one as its cause, or none") {
    const std::string lines = drawn(violated(), "jsonl");
    std::size_t at = lines.find('\n') + 1, events = 0, caused = 0;
    CHECK(lines.starts_with("{\"head\":"));
    while (at < lines.size()) {
        const std::size_t end = lines.find('\n', at);
        REQUIRE(end != std::string::npos);
        const std::string line = lines.substr(at, end - at);
        at = end + 1;
        ++events;
        const auto number = [&](const std::string& key) {
            const std::size_t k = line.find("\"" + key + "\":");
            return k == std::string::npos ? 0UL : std::stoul(line.substr(k + key.size() + 3));
        };
        CHECK(number("n") == events);
        CHECK(number("cause") < events);
        caused += number("cause") > 0 ? 1 : 0;
    }
    CHECK(events > 1000);
    CHECK(caused > 100);
}

TEST_CASE("a picture is the same each time") {
    const std::string trace = violated();
    for (const char* extension : {"svg", "html", "dot", "txt", "json", "jsonl", "pftrace"}) {
        CHECK(drawn(trace, extension) == drawn(trace, extension));
    }
}

TEST_CASE("repeated traffic is one band, what got no answer is an arrow") {
    const std::string svg = drawn(violated(), "svg", kAll);
    CHECK(svg.find(">400 Produce, 0.013\u20131.759 s, 1.1 ms each<") != std::string::npos);
    CHECK(count(svg, "marker-end") < 40);
    CHECK(count(svg, ">Produce, no answer<") == 2);
    CHECK(svg.find("power lost: 3 unsynced writes dropped, 1 torn at byte 50944") !=
          std::string::npos);
    CHECK(svg.find("Violated at 4.151 s, invariant 12: record 398 of p1") != std::string::npos);
    CHECK(count(drawn(violated(), "svg", {}, true), "marker-end") > 1500);
}

TEST_CASE("what is under way when a trace ends is not called lost") {
    const std::string whole = violated();
    const std::string svg = drawn(whole.substr(0, 40'000), "svg");
    CHECK(svg.find("incomplete trace") != std::string::npos);
    CHECK(svg.find("no answer") == std::string::npos);
    CHECK(svg.find("class=\"x\"") == svg.rfind("class=\"x\""));  // the legend's alone
}

// Every <text> of the picture, as a box of the estimated size: no two of them overlap.
TEST_CASE("no text overlaps another") {
    struct Text {
        double left, right, base;
        std::string text;
    };
    std::vector<std::string> traces = {tiny(), violated()};
    for (std::uint64_t seed = 1; seed <= 8; ++seed) {
        traces.push_back(
            test::trace_of([&](sim::Recorder& r) { test::busy_run(r, seed); }, test::busy_head()));
    }
    for (const std::string& trace : traces) {
        const std::string svg = drawn(trace, "svg", kAll);
        std::vector<Text> texts;
        for (std::size_t at = svg.find("<text "); at != std::string::npos;
             at = svg.find("<text ", at + 1)) {
            const auto attribute = [&](std::string_view name) {
                const std::size_t from = svg.find(std::string(name) + "=\"", at) + name.size() + 2;
                return svg.substr(from, svg.find('"', from) - from);
            };
            const std::size_t from = svg.find('>', at) + 1;
            const std::string text = svg.substr(from, svg.find('<', from) - from);
            const std::string css = attribute("class");
            const double font = css == "h1"                      ? 16
                                : css == "name" || css[0] == 'v' ? 13
                                : css == "h2"                    ? 11
                                                                 : 10;
            double x = std::stod(attribute("x"));
            const double w = text_width(text, font, css == "h1" || css == "name");
            if (css.find("right") != std::string::npos) x -= w;
            if (css.find("mid") != std::string::npos || css == "badget") x -= w / 2;
            texts.push_back({x, x + w, std::stod(attribute("y")), text});
        }
        REQUIRE(texts.size() > 20);
        for (std::size_t i = 0; i < texts.size(); ++i) {
            CHECK(texts[i].left >= 0);
            CHECK(texts[i].right <= 1200);
            for (std::size_t j = i + 1; j < texts.size(); ++j) {
                const Text &a = texts[i], &b = texts[j];
                INFO(a.text << " | " << b.text);
                CHECK((std::abs(a.base - b.base) >= 9 || a.right <= b.left || b.right <= a.left));
            }
        }
    }
}

TEST_CASE("filters leave out what was not asked for") {
    const std::string trace = violated();
    const std::string early = drawn(trace, "txt", {.from = 0, .to = 1'000'000'000});
    CHECK(early.find("CRASH") == std::string::npos);
    const std::string consumer = drawn(trace, "txt", {.node = "c1"});
    CHECK(consumer.find("Fetch") != std::string::npos);
    CHECK(consumer.find("Produce") == std::string::npos);
    CHECK(drawn(trace, "txt", {.partition = "orders/0"}).find("acked orders-0") !=
          std::string::npos);
    CHECK(render(trace, "txt", {.node = "n9"}, false).error() ==
          "no node 'n9' in this trace; it has p1, c1, n1");
    CHECK(render(trace, "txt", {.partition = "orders/7"}, false).error() ==
          "no partition 'orders/7' in this trace");
    CHECK(render(trace, "txt", {.from = 5, .to = 5}, false).error() == "--from is not before --to");
    CHECK(render(trace, "png", {}, false).error() ==
          "no timeline form '.png'; the output's name may end in .svg .html .dot .txt .json "
          ".jsonl .pftrace");
}

TEST_CASE("times of the command line") {
    CHECK(*parse_time("2.5s") == 2'500'000'000);
    CHECK(*parse_time("300ms") == 300'000'000);
    CHECK(*parse_time("1.5") == 1'500'000'000);
    CHECK(*parse_time("10us") == 10'000);
    for (const char* bad : {"", "s", "-1s", "1m", "nan", "1e30s"})
        CHECK_FALSE(parse_time(bad).has_value());
}

TEST_CASE("callouts never lie on the line of a later one's neighbour") {
    // The later text lies lower, so that its own line does not cross the earlier text.
    CHECK(pack_callouts({{0, 100}, {50, 150}, {200, 250}}, 5) == std::vector<int>{1, 0, 0});
    CHECK(pack_rows({{0, 100}, {50, 150}, {106, 200}}, 5) == std::vector<int>{0, 1, 0});
    CHECK(fitted("abcdef", 1000, 10) == "abcdef");
    CHECK(text_width(fitted("a long text that must be cut", 60, 10), 10) <= 60);
}
}  // namespace
}  // namespace faultline::visualize

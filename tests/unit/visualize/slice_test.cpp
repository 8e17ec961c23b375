#include "visualize/slice.h"

#include <set>

#include "tests/support/catch.h"
#include "tests/support/golden.h"
#include "tests/unit/visualize/sample_runs.h"
#include "visualize/render.h"
#include "visualize/text_box.h"

namespace faultline::visualize {
namespace {
Trace read(const std::string& bytes) {
    auto trace = read_trace(bytes);
    if (!trace) FAIL(to_string(trace.error()));
    return *trace;
}
Trace violated() {
    return read(test::trace_of([](sim::Recorder& r) { test::crash_run(r, true); }));
}

TEST_CASE("slice: a run that holds has none") {
    CHECK_FALSE(make_slice(read(test::trace_of([](sim::Recorder& r) { test::tiny_run(r); }))));
}

TEST_CASE("slice: few rows, with both facts, the crash and the violation last") {
    const Trace trace = violated();
    const auto slice = make_slice(trace);
    REQUIRE(slice);
    CHECK(slice->rows.size() <= Slice::kMostRows);
    CHECK(slice->rows.size() >= 8);
    CHECK(slice->partition == "orders-0");
    CHECK(slice->rows.back().kind == RowKind::violation);
    std::size_t facts = 0, crashes = 0;
    Ns before = 0;
    std::size_t event = 0;
    for (const SliceRow& row : slice->rows) {
        facts += row.fact ? 1 : 0;
        crashes += trace.types[trace.events[row.event].type].name == "NodeCrashed" ? 1 : 0;
        CHECK(row.at >= before);
        CHECK((row.event >= event || event == 0));
        before = row.at;
        event = row.last_event;
    }
    CHECK(facts == 2);
    CHECK(crashes == 1);
    CHECK(slice->lanes.size() == 3);
}

TEST_CASE("slice: every form is the same each time") {
    const Trace trace = violated();
    const auto slice = make_slice(trace);
    REQUIRE(slice);
    CHECK(test::is_golden("violated.slice.txt", slice_txt(trace, *slice)));
    CHECK(test::is_golden("violated.slice.svg", slice_svg(trace, *slice)));
    CHECK(test::is_golden("violated.slice.dot", slice_dot(trace, *slice)));
}

TEST_CASE("slice: a failed run is drawn as its slice, unless all or a part is asked for") {
    const std::string bytes = test::trace_of([](sim::Recorder& r) { test::crash_run(r, true); });
    const Trace trace = read(bytes);
    CHECK(*render(bytes, "txt", {}, false) == slice_txt(trace, *make_slice(trace)));
    CHECK(*render(bytes, "svg", {}, false) == slice_svg(trace, *make_slice(trace)));
    CHECK(*render(bytes, "txt", {}, true) != slice_txt(trace, *make_slice(trace)));
    CHECK(*render(bytes, "txt", {.node = "n1"}, false) != slice_txt(trace, *make_slice(trace)));
}

TEST_CASE("slice: sixty rows at most, whatever happened") {
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
        const Trace trace = read(
            test::trace_of([&](sim::Recorder& r) { test::busy_run(r, seed); }, test::busy_head()));
        const auto slice = make_slice(trace);
        if (!slice) continue;
        CHECK(slice->rows.size() <= Slice::kMostRows);
        CHECK(slice->rows.back().kind == RowKind::violation);
        std::set<std::size_t> seen;
        for (const SliceRow& row : slice->rows) CHECK(seen.insert(row.event).second);
    }
}

// No two texts of the picture overlap, and none leaves it.
TEST_CASE("slice: all text is legible") {
    struct Text {
        double left, right, base;
    };
    std::vector<std::string> traces = {
        test::trace_of([](sim::Recorder& r) { test::crash_run(r, true); })};
    for (std::uint64_t seed = 1; seed <= 6; ++seed) {
        traces.push_back(
            test::trace_of([&](sim::Recorder& r) { test::busy_run(r, seed); }, test::busy_head()));
    }
    for (const std::string& bytes : traces) {
        const Trace trace = read(bytes);
        const auto slice = make_slice(trace);
        if (!slice) continue;
        const std::string svg = slice_svg(trace, *slice);
        std::vector<Text> texts;
        const auto attribute = [&](std::size_t at, std::string_view name) {
            const std::size_t from = svg.find(std::string(name) + "=\"", at) + name.size() + 2;
            return svg.substr(from, svg.find('"', from) - from);
        };
        const double width = std::stod(attribute(svg.find("<svg"), "width"));
        for (std::size_t at = svg.find("<text "); at != std::string::npos;
             at = svg.find("<text ", at + 1)) {
            const std::size_t from = svg.find('>', at) + 1;
            const std::string text = svg.substr(from, svg.find('<', from) - from);
            const std::string css = attribute(at, "class");
            const double font = css == "h1" ? 18 : css == "name" || css == "v" ? 13 : 12;
            CHECK(font >= 11);
            double x = std::stod(attribute(at, "x"));
            const double w = text_width(text, font, css == "h1" || css == "name");
            if (css.find("num") != std::string::npos) x -= w;
            if (css == "name") x -= w / 2;
            texts.push_back({x, x + w, std::stod(attribute(at, "y"))});
        }
        REQUIRE(texts.size() > 10);
        for (std::size_t i = 0; i < texts.size(); ++i) {
            CHECK(texts[i].left >= 0);
            CHECK(texts[i].right <= width);
            for (std::size_t j = i + 1; j < texts.size(); ++j) {
                const Text &a = texts[i], &b = texts[j];
                CHECK((std::abs(a.base - b.base) >= 11 || a.right <= b.left || b.right <= a.left));
            }
        }
    }
}
}  // namespace
}  // namespace faultline::visualize

#include <limits>
#include <zlib.h>

#include "tests/support/catch.h"
#include "tests/unit/visualize/sample_runs.h"
#include "visualize/html/columns.h"
#include "visualize/html/page.h"

namespace faultline::visualize {
namespace {
Trace violated(bool lose = true) {
    return *read_trace(test::trace_of([=](sim::Recorder& r) { test::crash_run(r, lose); }));
}
Trace busy(std::uint64_t seed) {
    return *read_trace(
        test::trace_of([=](sim::Recorder& r) { test::busy_run(r, seed); }, test::busy_head()));
}
std::vector<std::size_t> all(const Trace& trace) {
    std::vector<std::size_t> events(trace.events.size());
    for (std::size_t i = 0; i < events.size(); ++i) events[i] = i;
    return events;
}

// Reads columns as the viewer's data.js does.
class Decoder {
public:
    explicit Decoder(std::string_view bytes) : bytes_(bytes) {}
    std::uint64_t varint() {
        std::uint64_t value = 0;
        for (int shift = 0;; shift += 7) {
            REQUIRE(at_ < bytes_.size());
            const auto byte = static_cast<unsigned char>(bytes_[at_++]);
            value |= std::uint64_t{byte & 0x7fU} << shift;
            if (byte < 0x80) return value;
        }
    }
    std::vector<std::int64_t> column(std::size_t count, Packing packing) {
        std::vector<std::int64_t> values;
        std::int64_t before = 0;
        for (std::size_t i = 0; i < count; ++i) {
            std::uint64_t u = 0;
            if (packing == Packing::fixed) {
                for (int k = 0; k < 64; k += 8) {
                    u |= std::uint64_t{static_cast<unsigned char>(bytes_[at_++])} << k;
                }
                values.push_back(static_cast<std::int64_t>(u));
                continue;
            }
            u = varint();
            const auto v = static_cast<std::int64_t>(u >> 1 ^ (~(u & 1) + 1));
            values.push_back(packing == Packing::delta ? before + v : v);
            before = values.back();
        }
        return values;
    }
    bool done() const { return at_ == bytes_.size(); }

private:
    std::string_view bytes_;
    std::size_t at_ = 0;
};

void check_round_trip(const Trace& trace) {
    const Columns columns = make_columns(trace, all(trace));
    REQUIRE(columns.count == trace.events.size());
    Decoder read(columns.bytes);
    std::vector<std::uint64_t> types;
    for (std::size_t i = 0; i < columns.count; ++i) types.push_back(read.varint());
    const auto times = read.column(columns.count, Packing::delta);
    std::vector<std::uint32_t> causes;
    for (std::size_t i = 0; i < columns.count; ++i) {
        const auto back = static_cast<std::uint32_t>(read.varint());
        causes.push_back(back == 0 ? kNoCause : static_cast<std::uint32_t>(i) - back);
    }
    std::vector<std::vector<std::vector<std::int64_t>>> fields(trace.types.size());
    for (std::size_t t = 0; t < trace.types.size(); ++t) {
        REQUIRE(columns.types[t].packings.size() == trace.types[t].fields.size());
        for (const Packing p : columns.types[t].packings) {
            fields[t].push_back(read.column(columns.types[t].count, p));
        }
    }
    CHECK(read.done());
    std::vector<std::size_t> rows(trace.types.size());
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < columns.count; ++i) {
        const Event& e = trace.events[i];
        wrong += types[i] != e.type || times[i] != e.at || causes[i] != e.cause;
        const std::size_t row = rows[e.type]++;
        for (std::size_t f = 0; f < fields[e.type].size(); ++f) {
            wrong += fields[e.type][f][row] != trace.fields(e)[f];
        }
    }
    CHECK(wrong == 0);
}

std::size_t position_after(const std::string& page, std::string_view what) {
    const std::size_t at = page.find(what);
    REQUIRE(at != std::string::npos);
    return at + what.size();
}

std::string unpacked(std::string_view base64) {
    constexpr std::string_view kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string raw;
    std::uint32_t word = 0;
    int bits = 0;
    for (const char c : base64) {
        if (c == '=') break;
        REQUIRE(kDigits.find(c) != std::string_view::npos);
        word = word << 6 | static_cast<std::uint32_t>(kDigits.find(c));
        if ((bits += 6) >= 8) raw += static_cast<char>(word >> (bits -= 8) & 0xff);
    }
    std::string out(16U << 20, '\0');
    uLongf size = out.size();
    REQUIRE(uncompress(reinterpret_cast<Bytef*>(out.data()), &size,
                       reinterpret_cast<const Bytef*>(raw.data()), raw.size()) == Z_OK);
    out.resize(size);
    return out;
}
}  // namespace

TEST_CASE("columns hold every event of a trace") {
    check_round_trip(violated());
    for (std::uint64_t seed = 1; seed <= 4; ++seed) check_round_trip(busy(seed));
}

TEST_CASE("columns hold numbers that the viewer's doubles do not") {
    Trace trace;
    trace.types = {{"Odd", {{"a", FieldKind::number, {}}, {"b", FieldKind::number, {}}}, -1}};
    constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
    constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
    trace.values = {kMin, 0, kMax, (std::int64_t{1} << 52) - 1, -1, 1 - (std::int64_t{1} << 52)};
    for (std::size_t i = 0; i < 3; ++i) trace.events.push_back({static_cast<Ns>(i), 0, i * 2});
    check_round_trip(trace);
    const Columns columns = make_columns(trace, all(trace));
    CHECK(columns.types[0].packings[0] == Packing::fixed);
    CHECK(columns.types[0].packings[1] == Packing::fixed);  // the difference is too large
}

TEST_CASE("the page holds the columns, and nothing that ends its script") {
    Trace trace = violated();
    trace.labels[1] = "</script><b>\"\\ &amp;";
    const std::string page = timeline_html(trace, {});
    const std::size_t from = position_after(page, "<script type=\"text/plain\" id=\"data0\">");
    const std::string_view data(page.data() + from, page.find('<', from) - from);
    CHECK(unpacked(data) == make_columns(trace, all(trace)).bytes);
    const std::size_t meta = position_after(page, "id=\"meta\">");
    CHECK(page.find("</script>", meta) == page.find('<', meta));
    CHECK(page.find("http://") == std::string::npos);
    CHECK(page.find("https://") == std::string::npos);
    CHECK(page.find("src=") == std::string::npos);
    CHECK(page == timeline_html(trace, {}));
}

TEST_CASE("a window keeps what tells the state before it, and nothing after") {
    const Trace trace = violated();
    const auto count = [&](const Filter& filter) {
        const std::string page = timeline_html(trace, filter);
        const std::size_t at = position_after(page, "\"count\":");
        return std::stoull(page.substr(at, 20));
    };
    const std::size_t whole = count({});
    CHECK(whole == trace.events.size());
    const std::size_t late = count({.from = 3'000'000'000});
    const std::size_t early = count({.to = 3'000'000'000});
    std::size_t passing = 0, after = 0;
    for (const Event& e : trace.events) {
        const std::string& name = trace.types[e.type].name;
        const bool lasting = name.starts_with("Node") || name.starts_with("Log");
        passing += e.at < 3'000'000'000 && !lasting;
        after += e.at > 3'000'000'000;
    }
    CHECK(early == whole - after);
    CHECK(late < whole);
    CHECK(late >= whole - passing);
}

TEST_CASE("the first event in which two runs differ") {
    const Trace a = violated(), b = violated(false);
    CHECK(!first_difference(a, a));
    const auto at = first_difference(a, b);
    REQUIRE(at);
    REQUIRE(*at < std::min(a.events.size(), b.events.size()));
    for (std::size_t i = 0; i < *at; ++i) {
        REQUIRE(a.describe(a.events[i]) == b.describe(b.events[i]));
    }
    CHECK((a.events[*at].at != b.events[*at].at ||
           a.describe(a.events[*at]) != b.describe(b.events[*at])));
    Trace shorter = a;
    shorter.events.resize(100);
    CHECK(first_difference(a, shorter) == std::size_t{100});
    // The same words under other numbers are no difference.
    Trace renumbered = a;
    renumbered.labels.push_back("something else");
    CHECK(!first_difference(a, renumbered));
    const std::string page = timeline_html(a, {}, &b);
    CHECK(page.find("\"difference\":[" + std::to_string(*at) + "," + std::to_string(*at) + "]") !=
          std::string::npos);
}
}  // namespace faultline::visualize

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "sim/search/pool.h"
#include "sim/search/report.h"
#include "sim/search/shrink.h"
#include "tests/support/catch.h"

using namespace faultline;
using namespace faultline::sim;

namespace {
RunResult violated(std::int32_t invariant, std::set<std::string> kinds, std::string transition) {
    RunResult r;
    r.verdict = "violated";
    r.exit_code = 1;
    r.invariant = invariant;
    r.name = "some-property";
    r.kinds = std::move(kinds);
    r.transition = std::move(transition);
    r.sentence = "one fact, but another";
    r.cpu_ns = 100;
    return r;
}

RunResult held() {
    RunResult r;
    r.verdict = "holds";
    r.exit_code = 0;
    r.events = 10;
    r.sites = {{"seen", 2}, {"unseen", 0}};
    r.premises = {{80, 5}, {86, 0}};
    return r;
}

Scenario quick(std::uint64_t seed) {
    Scenario s;
    s.name = "quick";
    s.seed = seed;
    s.length = 1s;
    s.cluster.topics.push_back({.name = "orders", .partitions = 1, .config = {}});
    s.producers.push_back({.id = "p1", .topic = "orders", .count = 20});
    return s;
}
}  // namespace

TEST_CASE("search: seeds are read as A..B", "[search]") {
    CHECK(parse_seeds("7") == SeedRange{7, 7});
    CHECK(parse_seeds("1..1000") == SeedRange{1, 1000});
    for (const char* bad : {"", "..", "1..", "..3", "18446744073709551615", "9223372036854775808",
                            "3..1", "a..b", "1...4", "-1..4", "1..99999999999999999999"})
        CHECK_FALSE(parse_seeds(bad));
}

TEST_CASE("search: a set of seeds keeps as few ranges as can be", "[search]") {
    SeedSet set;
    for (const std::uint64_t s : {5, 1, 3, 2, 9, 4}) set.add(s);
    CHECK(set.ranges() == std::vector<SeedRange>{{1, 5}, {9, 9}});
    CHECK(set.size() == 6);
    CHECK(set.contains(4));
    CHECK_FALSE(set.contains(6));
    set.add(SeedRange{4, 8});
    CHECK(set.ranges() == std::vector<SeedRange>{{1, 9}});
    set.add(SeedRange{0, 100});
    CHECK(set.ranges() == std::vector<SeedRange>{{0, 100}});
}

TEST_CASE("search: runs that show one defect are one failure", "[search]") {
    Report r;
    r.add("a.json", 9, violated(80, {"crash"}, "LogOpened"));
    r.add("a.json", 4, violated(80, {"crash"}, "LogOpened"));
    r.add("a.json", 5, violated(80, {"crash", "pause"}, "LogOpened"));
    r.add("a.json", 6, violated(81, {"crash"}, "LogOpened"));
    r.add("a.json", 7, held());
    CHECK(r.runs == 5);
    CHECK(r.failed == 4);
    REQUIRE(r.failures.size() == 3);
    const Failure& f = r.failures.at("a.json INV-80 at LogOpened with crash");
    CHECK(f.count == 2);
    CHECK(f.first_seed == 4);
}

TEST_CASE("search: a report survives its file, and merging adds up", "[search]") {
    Report a, b;
    a.add("x.json", 1, held());
    a.add("x.json", 2, violated(80, {"crash"}, "LogOpened"));
    b.add("x.json", 3, violated(80, {"crash"}, "LogOpened"));
    b.add("y.json", 3, held());
    std::string why;
    const auto back = parse_report(to_json(a), why);
    REQUIRE(back);
    CHECK(to_json(*back) == to_json(a));
    a.merge(b);
    CHECK(a.runs == 4);
    CHECK(a.done.at("x.json").ranges() == std::vector<SeedRange>{{1, 3}});
    CHECK(a.failures.at("x.json INV-80 at LogOpened with crash").count == 2);
    CHECK(a.sites.at("seen") == 4);
    CHECK(a.premises.at(86) == 0);
    for (const char* bad : {"", "{", "[]", "{\"faultline_sweep\": 1}", "{\"faultline_sweep\": 2}",
                            "{\"faultline_sweep\": \"2\"}"}) {
        why.clear();
        CHECK_FALSE(parse_report(bad, why));
        CHECK_FALSE(why.empty());
    }
}

TEST_CASE("search: only the parts of one sweep are joined", "[search]") {
    Report a, b;
    for (Report* r : {&a, &b}) {
        r->build = "one";
        r->scenarios = {{"x.json", "content"}};
    }
    a.add("x.json", 1, held());
    a.add("x.json", 2, held());
    b.add("x.json", 3, held());
    CHECK_FALSE(not_one_sweep(a, b));
    b.add("x.json", 2, held());
    CHECK(not_one_sweep(a, b) == "has seed 2 of x.json, which another one has too");
    b = a;
    b.done.clear();
    b.scenarios["x.json"] = "changed";
    CHECK(not_one_sweep(a, b) == "is about another version of x.json");
    b.scenarios = {{"y.json", "content"}};
    CHECK_FALSE(not_one_sweep(a, b));
    b.build = "two";
    CHECK(not_one_sweep(a, b) == "was made by another build of faultline");
    a.merge(Report{.build = "one", .scenarios = {{"y.json", "z"}}, .done = {}});
    CHECK(a.scenarios.size() == 2);
}

TEST_CASE("search: a sweep goes on with nothing but its own report", "[search]") {
    Report fresh, before;
    fresh.build = "one";
    fresh.scenarios = {{"x.json", "content"}, {"y.json", "content"}};
    before = fresh;
    before.scenarios.erase("y.json");
    before.add("x.json", 3, held());
    before.add("x.json", 5, held());
    CHECK_FALSE(not_of_sweep(before, fresh, {.seeds = {1, 10}}));
    CHECK_FALSE(not_of_sweep(before, fresh, {.seeds = {1, 10}, .part = 1, .parts = 2}));
    CHECK(not_of_sweep(before, fresh, {.seeds = {1, 4}}) ==
          "has seed 5 of x.json, which is not asked for");
    CHECK(not_of_sweep(before, fresh, {.seeds = {1, 10}, .part = 2, .parts = 2}) ==
          "has seed 3 of x.json, which is not asked for");
    before.done["z.json"].add(1);
    CHECK(not_of_sweep(before, fresh, {.seeds = {1, 10}}) ==
          "has seed 1 of z.json, which is not asked for");
    before.scenarios["x.json"] = "other";
    CHECK(not_of_sweep(before, fresh, {.seeds = {1, 10}}) == "is about another version of x.json");
    CHECK(build_id().size() == 32);
    CHECK(hash_of("a") != hash_of(std::string_view("a\0", 2)));
}

TEST_CASE("search: nothing run, or nothing but vacuous runs, proves nothing", "[search]") {
    Report r;
    CHECK(r.proves_nothing());
    RunResult vacuous = held();
    vacuous.verdict = "vacuous";
    vacuous.exit_code = 3;
    r.add("x.json", 1, vacuous);
    CHECK(r.proves_nothing());
    r.add("x.json", 2, held());
    CHECK_FALSE(r.proves_nothing());
}

TEST_CASE("search: a failure is the same when it is at the same place", "[search]") {
    CHECK(same_failure(violated(80, {"crash"}, "LogOpened"), violated(80, {}, "end")));
    CHECK_FALSE(same_failure(violated(80, {}, "end"), violated(81, {}, "end")));
    CHECK_FALSE(same_failure(violated(80, {}, "end"), held()));
    RunResult a = violated(kNoAbort, {}, "LogOpened"), b = violated(kNoAbort, {}, "end");
    a.sentence = b.sentence = "core/a.cpp:7: x > 0";
    CHECK(same_failure(a, b));
    CHECK(a.cluster() == b.cluster());
    b.sentence = "core/a.cpp:9: x > 0";
    CHECK_FALSE(same_failure(a, b));
    CHECK(a.cluster() != b.cluster());
    RunResult hangs, signal;
    hangs.transition = "hangs";
    signal.transition = "signal 11";
    CHECK_FALSE(same_failure(hangs, signal));
    signal.transition = "hangs";
    CHECK(same_failure(hangs, signal));
}

TEST_CASE("search: an expected violation that does not come is no death", "[search]") {
    Scenario s = quick(1);
    s.expect.violates = 80;
    const RunResult r = run_isolated(s, {});
    CHECK(r.verdict == "holds");
    CHECK(r.failed());
    CHECK(what_broke(r.invariant, r.name) == "expected-violation");
    CHECK(r.sentence ==
          "expected a violation of INV-80 (expect.violates), but every invariant held");
    CHECK(r.cluster().starts_with("expected-violation at "));
}

TEST_CASE("search: shrinking keeps to a limit of a second", "[search]") {
    Scenario s = quick(1);
    s.producers[0].delivery_timeout = 1ms;  // nobody answers so fast
    s.expect.all_acked = true;
    s.network.latency_min = s.network.latency_max = 5ms;
    const RunResult r = run_isolated(s, {.jobs = 1, .cpu_seconds = 1});
    REQUIRE(r.invariant == kProgress);
    const Shrunk shrunk = Shrinker(s, r, {.jobs = 1, .cpu_seconds = 1}, 20s, {}).run();
    CHECK(same_failure(shrunk.result, r));
    CHECK(shrunk.after <= shrunk.before);
}

TEST_CASE("search: a half-written report is not taken for one", "[search]") {
    const auto dir = std::filesystem::temp_directory_path() / "faultline-report-test";
    std::filesystem::create_directories(dir);
    const std::string path = (dir / "r.json").string();
    Report r;
    r.add("x.json", 1, held());
    REQUIRE(save_report(path, r));
    CHECK_FALSE(std::filesystem::exists(path + ".tmp"));
    std::string why;
    REQUIRE(load_report(path, why));
    const std::string whole = to_json(r);
    for (std::size_t n = 1; n + 1 < whole.size(); n += 7) {
        std::ofstream(path, std::ios::trunc) << whole.substr(0, n);
        REQUIRE_FALSE(load_report(path, why));
    }
    std::filesystem::remove_all(dir);
    CHECK(load_report(path, why)->runs == 0);  // no file: nothing was run yet
    std::filesystem::create_directories(path);
    CHECK_FALSE(load_report(path, why));  // a directory
    CHECK(why == "cannot be read");
    CHECK_FALSE(save_report(path, r));
    CHECK(std::distance(std::filesystem::directory_iterator(dir), {}) == 1);  // no rest of it
    std::filesystem::remove_all(dir);
}

TEST_CASE("search: a result survives the pipe", "[search]") {
    RunResult r = violated(80, {"crash", "pause"}, "LogOpened");
    r.effects = {{"a", 3}, {"b", 0}};
    r.premises = {{80, 7}};
    r.hash = "00ff";
    RunResult back;
    REQUIRE(from_line(to_line(r), back));
    CHECK(to_line(back) == to_line(r));
    CHECK_FALSE(from_line("", back));
    CHECK_FALSE(from_line("{\"verdict\": 3}", back));
}

TEST_CASE("search: the pool runs each job once, and tells how runs ended", "[search]") {
    std::set<std::uint64_t> done;
    std::uint64_t next = 0;
    run_pool(
        {.jobs = 3},
        [&]() -> std::optional<Job> {
            if (next == 10) return std::nullopt;
            return Job{next, quick(++next)};
        },
        [&](std::uint64_t id, const RunResult& r) {
            CHECK(done.insert(id).second);
            CHECK(r.verdict == "holds");
            CHECK(r.hash.size() == 32);
            return true;
        });
    CHECK(done.size() == 10);
    CHECK(run_isolated(quick(3), {}).hash == run_isolated(quick(3), {}).hash);
}

TEST_CASE("search: a run that does not end is a result", "[search]") {
    Scenario s = quick(1);
    s.length = 3600s * 24;
    s.producers[0].count = 100'000'000;
    s.producers[0].rate = 100'000;
    const RunResult r = run_isolated(s, {.jobs = 1, .cpu_seconds = 1});
    CHECK(r.verdict == "died");
    CHECK(r.cluster().starts_with("died at "));
    CHECK(r.transition == "hangs");
    CHECK(r.failed());
}

TEST_CASE("search: the first in order counts, whatever the number of jobs", "[search]") {
    std::vector<Scenario> all;
    for (std::uint64_t i = 0; i < 9; ++i) {
        all.push_back(quick(i));
        // What comes first takes longest.
        all.back().producers[0].count = i < 4 ? 2000 : 10;
    }
    for (const unsigned jobs : {1U, 4U}) {
        const auto hit =
            first_that(all, {.jobs = jobs}, [&](const RunResult& r) { return r.events > 5000; });
        CHECK(hit == std::optional<std::size_t>(0));
        CHECK_FALSE(first_that(all, {.jobs = jobs}, [](const RunResult&) { return false; }));
    }
}

TEST_CASE("search: ddmin leaves what is needed and nothing else", "[search]") {
    for (const std::set<int>& needed :
         {std::set<int>{3}, {1, 8}, {0, 4, 9}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}}) {
        std::vector<int> items(10);
        for (int i = 0; i < 10; ++i) items[static_cast<std::size_t>(i)] = i;
        int tests = 0;
        const auto left = ddmin(items, [&](const std::vector<std::vector<int>>& lists) {
            std::optional<std::size_t> hit;
            for (std::size_t i = 0; i < lists.size() && !hit; ++i) {
                ++tests;
                const std::set<int> there(lists[i].begin(), lists[i].end());
                if (std::includes(there.begin(), there.end(), needed.begin(), needed.end()))
                    hit = i;
            }
            return hit;
        });
        CHECK(std::set<int>(left.begin(), left.end()) == needed);
        CHECK(tests < 120);
    }
    const auto none =
        ddmin(std::vector<int>{1, 2, 3}, [](const auto&) { return std::optional<std::size_t>(0); });
    CHECK(none.empty());
}

TEST_CASE("search: elements are what a reader has to understand", "[search]") {
    Scenario s = quick(1);
    CHECK(count_elements(s) == 2);  // a topic and a producer
    s.cluster.config["log.segment.bytes"] = "2000";
    s.cluster.topics[0].config["segment.ms"] = "500";
    s.faults.push_back({});
    s.perturb = true;
    s.network.profile = NetworkProfile::wan;
    CHECK(count_elements(s) == 7);
}

#include "visualize/run_model.h"

#include "tests/support/catch.h"
#include "tests/unit/visualize/sample_runs.h"
#include "visualize/picture.h"

namespace faultline::visualize {
namespace {
using namespace sim;  // NOLINT: events by the dozen

constexpr NodeId kBroker{1}, kClient{2};

// Keeps the trace, which the Run refers to.
struct Made {
    explicit Made(const std::function<void(Recorder&)>& events)
        : trace(*read_trace(test::trace_of(events))), run(make_run(trace)) {}
    Trace trace;
    Run run;
};

MessageSent sent(std::uint64_t id, bool response, std::int16_t api, std::int32_t correlation) {
    return {
        id,       1,          response ? kBroker : kClient, response ? kClient : kBroker, 10, api,
        response, correlation};
}

TEST_CASE("the pieces of a message are one exchange") {
    const Made made([](Recorder& r) {
        r.record(MonoTime{10}, sent(1, false, 0, 7));
        r.record(MonoTime{11}, sent(2, false, -1, -1));  // more of the request
        r.record(MonoTime{20}, MessageDelivered{1, 10, true});
        r.record(MonoTime{21}, MessageDelivered{2, 10, true});
        r.record(MonoTime{30}, sent(3, true, 0, 7));
        r.record(MonoTime{31}, sent(4, true, -1, -1));  // a slice of a file, after the head
        r.record(MonoTime{40}, MessageDelivered{3, 10, true});
        r.record(MonoTime{45}, MessageDelivered{4, 10, true});
    });
    REQUIRE(made.run.exchanges.size() == 1);
    CHECK(made.run.exchanges[0].answered);
    CHECK(made.run.exchanges[0].begin == 10);
    CHECK(made.run.exchanges[0].end == 45);
}

TEST_CASE("what became of a request") {
    const auto fate = [](const std::function<void(Recorder&)>& rest) {
        const Made made([&](Recorder& r) {
            r.record(MonoTime{5}, NodeStarted{kBroker, 0});
            r.record(MonoTime{10}, sent(1, false, 0, 7));
            rest(r);
        });
        const Exchange& e = made.run.exchanges.at(0);
        return std::string(e.answered ? "answered" : e.open ? "open" : "failed");
    };
    const auto arrives = [](Recorder& r) { r.record(MonoTime{20}, MessageDelivered{1, 10, true}); };
    CHECK(fate([](Recorder&) {}) == "open");
    CHECK(fate(arrives) == "open");
    CHECK(fate([](Recorder& r) { r.record(MonoTime{20}, MessageDropped{1}); }) == "failed");
    CHECK(fate([](Recorder& r) {
              r.record(MonoTime{20}, ConnClosed{1, kClient, true});
          }) == "failed");
    CHECK(fate([&](Recorder& r) {
              arrives(r);
              r.record(MonoTime{25}, NodeCrashed{kBroker, true});
          }) == "failed");
    CHECK(fate([&](Recorder& r) {
              arrives(r);
              r.record(MonoTime{25}, sent(2, true, 0, 7));
              r.record(MonoTime{26}, MessageDropped{2});
          }) == "failed");
    CHECK(fate([&](Recorder& r) {
              arrives(r);
              r.record(MonoTime{25}, sent(2, true, 0, 7));
              r.record(MonoTime{30}, MessageDelivered{2, 10, true});
              r.record(MonoTime{99}, NodeCrashed{kBroker, true});
          }) == "answered");
}

TEST_CASE("the states of a node follow each other") {
    const Made made([](Recorder& r) {
        r.record(MonoTime{0}, NodeStarted{kBroker, 0});
        r.on(MonoTime{10}, kBroker, probe::BrokerReady{9092});
        r.record(MonoTime{20}, NodePaused{kBroker, true});
        r.record(MonoTime{30}, NodePaused{kBroker, false});
        r.record(MonoTime{40}, NodeCrashed{kBroker, false});
        r.record(MonoTime{50}, NodeStarted{kBroker, 1});
        r.record(MonoTime{60}, NodeStopped{kBroker, true});
        r.record(MonoTime{70}, NodeStarted{kClient, 0});
    });
    const Lane* lane = made.run.lane(1);
    REQUIRE(lane != nullptr);
    std::string states;
    for (const StateSpan& s : lane->states) {
        states += std::to_string(s.from) + "-" + std::to_string(s.to) + " " +
                  std::string(to_string(s.state)) + ", ";
    }
    CHECK(states ==
          "0-10 recovering, 10-20 up, 20-30 paused, 30-40 up, 40-50 down, 50-60 recovering, "
          "60-70 stopped, ");
}

TEST_CASE("words for times and numbers") {
    CHECK(time_text(2'310'400'000, 10'000'000'000) == "2.310 s");
    CHECK(time_text(12'345'678, 50'000'000) == "12.345 ms");
    CHECK(duration_text(850'000) == "850 us");
    CHECK(duration_text(1'240'000) == "1.2 ms");
    CHECK(duration_text(13'000'000'000) == "13 s");
    CHECK(duration_text(9'960'000) == "10 ms");
    CHECK(grouped(1'234'567) == "1,234,567");
    CHECK(grouped(-1'000) == "-1,000");
    CHECK(grouped(999) == "999");
    CHECK(short_path("d/n1/orders-0/00000000000000000120.log") == "orders-0/120.log");
    CHECK(short_path("orders-0/00000000000000000000.index") == "orders-0/0.index");
    CHECK(short_path("meta.properties") == "meta.properties");
}
}  // namespace
}  // namespace faultline::visualize

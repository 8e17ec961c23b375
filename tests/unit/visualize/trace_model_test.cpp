#include "visualize/trace_model.h"

#include "sim/trace/fields.h"
#include "tests/support/catch.h"
#include "tests/unit/visualize/sample_runs.h"
#include "visualize/render.h"

namespace faultline::visualize {
namespace {
std::string tiny() {
    return test::trace_of([](sim::Recorder& r) { test::tiny_run(r); });
}

TEST_CASE("a trace is read as it was written") {
    sim::Recorder check;
    const std::string bytes = test::trace_of([](sim::Recorder& r) { test::tiny_run(r); });
    test::tiny_run(check);
    const auto trace = read_trace(bytes);
    REQUIRE(trace.has_value());
    CHECK(trace->complete);
    CHECK(trace->hash == check.hash().hex());
    CHECK(trace->events.size() == check.events());
    CHECK(trace->scenario == "crash-torn-tail");
    CHECK(trace->seed == 7);
    REQUIRE(trace->nodes.size() == 3);
    CHECK(trace->node_name(2) == "p1");
    CHECK(trace->node_name(9) == "node 9");
    CHECK(trace->api_name(0) == "Produce");
    CHECK(trace->describe(trace->events[1]) ==
          "LogOpened node=n1 partition=orders-0 log_start=0 log_end=0 clean=true");
    CHECK(trace->events[1].at == 2'000'000);
}

// One event of every type, each field with a value of its own.
struct Every {
    sim::Recorder& recorder;
    std::int64_t next = 1;
    template <class E>
    E filled() {
        E event{};
        sim::for_each_field(event, [&]<class T>(std::string_view name, T& value) {
            const bool small = std::is_enum_v<T> || std::is_same_v<T, sim::Label> ||
                               sim::field_type<T>(name) == "partition" || std::is_same_v<T, bool>;
            const std::int64_t v = small ? 1 : (next = next * 3 % 20'011);
            if constexpr (std::is_enum_v<T> || std::is_integral_v<T>) {
                value = static_cast<T>(v);
            } else {
                value = T{static_cast<typename T::rep>(-v)};
                if (small) value = T{1};
            }
        });
        return event;
    }
};

TEST_CASE("every field of every event comes back") {
    std::vector<std::vector<std::int64_t>> wanted;
    const std::string bytes = test::trace_of([&](sim::Recorder& r) {
        (void)r.intern("text");
        (void)r.intern("orders", PartitionIndex{0});
        Every every{r};
        const auto keep = [&](const auto& event, bool of_core) {
            auto& list = wanted.emplace_back();
            if (of_core) list.push_back(4);
            sim::for_each_field(event, [&](std::string_view, const auto& value) {
                list.push_back(static_cast<std::int64_t>(sim::field_word(value)));
            });
        };
        sim::for_each_core_event([&]<class E>(std::type_identity<E>) {
            const E event = every.filled<E>();
            r.on(MonoTime{every.next}, NodeId{4}, event);
            keep(event, true);
        });
        sim::for_each_world_event([&]<class E>(std::type_identity<E>) {
            const E event = every.filled<E>();
            r.record(MonoTime{every.next}, event);
            keep(event, false);
        });
    });
    const auto trace = read_trace(bytes);
    REQUIRE(trace.has_value());
    REQUIRE(trace->events.size() == wanted.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        const auto fields = trace->fields(trace->events[i]);
        INFO(trace->types[trace->events[i].type].name);
        CHECK(std::vector<std::int64_t>(fields.begin(), fields.end()) == wanted[i]);
    }
}

TEST_CASE("every truncation is an error or an incomplete trace") {
    const std::string whole = tiny();
    std::size_t events = 0;
    for (std::size_t size = 0; size < whole.size(); ++size) {
        const auto trace = read_trace(std::string_view(whole).substr(0, size));
        if (!trace) {
            CHECK(trace.error().offset <= size);
            CHECK(trace.error().what.find("ends inside") != std::string::npos);
            continue;
        }
        CHECK_FALSE(trace->complete);
        CHECK(trace->cut.offset <= size);
        CHECK(trace->events.size() >= events);  // more bytes, not fewer events
        events = trace->events.size();
        CHECK(render(std::string_view(whole).substr(0, size), "svg", {}, false).has_value());
    }
    CHECK(events > 40);
}

TEST_CASE("no changed byte passes") {
    const std::string whole = tiny();
    std::size_t records = whole.find("orders") - 4;
    for (std::size_t i = 0; i < whole.size(); ++i) {
        for (const char flip : {'\x01', '\x80', '\xff'}) {
            std::string bytes = whole;
            bytes[i] = static_cast<char>(bytes[i] ^ flip);
            const auto trace = read_trace(bytes);
            // Names in the head and in the type table are not hashed; all records are.
            if (i >= records) CHECK((!trace || !trace->complete));
            if (trace) (void)render(bytes, "svg", {}, false);
        }
    }
}

TEST_CASE("errors say what and where") {
    const auto error = [](std::string bytes) {
        const auto trace = read_trace(bytes);
        REQUIRE_FALSE(trace.has_value());
        return to_string(trace.error());
    };
    const std::string whole = tiny();
    CHECK(error("PK\x03\x04 not this") == "byte 0: not a trace: it does not start with FLTRACE");
    std::string future = whole;
    future[8] = 3;
    CHECK(error(future) == "byte 8: trace version 3; this program reads version 2");
    CHECK(error(whole + "x") ==
          "byte " + std::to_string(whole.size()) + ": bytes after the end record");
    CHECK(error(whole.substr(0, 20)) == "byte 14: the file ends inside the head");
    std::string count = whole;
    count[whole.size() - 17] = 1;
    CHECK(error(count) == "byte " + std::to_string(whole.size() - 18) +
                              ": the end record says 1 events, the file has 45");
}

TEST_CASE("damage in a long trace is found at the next checkpoint") {
    std::string bytes = test::trace_of([](sim::Recorder& r) {
        for (int i = 0; i < 20'000; ++i) {
            r.on(MonoTime{i}, NodeId{1}, probe::SegmentRolled{0, Offset{1}});
        }
    });
    const std::size_t at = bytes.size() / 2;
    std::string damaged;
    for (std::size_t i = at; i < at + 10 && damaged.empty(); ++i) {  // an offset, 1 as a zigzag
        if (bytes[i] == 2 && bytes[i - 1] == 0) {
            bytes[i] = 4;
            const auto trace = read_trace(bytes);
            REQUIRE_FALSE(trace.has_value());
            damaged = to_string(trace.error());
            CHECK(trace.error().offset > i);
            CHECK(trace.error().offset < i + 5 * 4096);
        }
    }
    CHECK(damaged.find("since the last checkpoint") != std::string::npos);
}
}  // namespace
}  // namespace faultline::visualize

#include "sim/trace/fields.h"

#include <set>

#include "sim/trace/recorder.h"
#include "tests/support/catch.h"

namespace faultline::sim {
namespace {
template <class T>
T changed(T value) {
    if constexpr (std::is_same_v<T, bool>) {
        return !value;
    } else if constexpr (std::is_enum_v<T>) {
        return static_cast<T>(static_cast<int>(value) ^ 1);
    } else if constexpr (std::is_integral_v<T>) {
        return static_cast<T>(value ^ 1);
    } else {
        return T{static_cast<typename T::rep>(value.v ^ 1)};
    }
}

// A recorder that knows label 1 and partition 1, so that numbers 0 and 1 are valid everywhere.
std::string hash_of(MonoTime at, NodeId node, const auto& event) {
    Recorder recorder;
    (void)recorder.intern("some text");
    (void)recorder.intern("orders", PartitionIndex{0});
    if constexpr (std::is_constructible_v<probe::Event, decltype(event)>) {
        recorder.on(at, node, event);
    } else {
        recorder.record(at, event);
    }
    return recorder.hash().hex();
}

// Each field of each event, its time and its node change the hash, and no two of them alike.
const auto check_sensitive = []<class E>(std::type_identity<E>) {
    INFO(EventInfo<E>::name);
    std::set<std::string> hashes;
    const E base{};
    hashes.insert(hash_of(MonoTime{5}, NodeId{1}, base));
    hashes.insert(hash_of(MonoTime{6}, NodeId{1}, base));
    std::size_t expected = 2;
    if constexpr (std::is_constructible_v<probe::Event, E>) {
        hashes.insert(hash_of(MonoTime{5}, NodeId{2}, base));
        ++expected;
    }
    for (std::size_t i = 0; i < EventInfo<E>::count; ++i) {
        E event = base;
        std::size_t at = 0;
        for_each_field(event, [&](std::string_view, auto& value) {
            if (at++ == i) value = changed(value);
        });
        hashes.insert(hash_of(MonoTime{5}, NodeId{1}, event));
        ++expected;
    }
    CHECK(hashes.size() == expected);
};

TEST_CASE("every field of every event changes the hash") {
    for_each_core_event(check_sensitive);
    for_each_world_event(check_sensitive);
}

TEST_CASE("the type of an event is part of the hash") {
    CHECK(hash_of({}, {}, probe::SegmentRolled{1, Offset{4}}) !=
          hash_of({}, {}, probe::SegmentDeleted{1, Offset{4}}));
}

TEST_CASE("field names are unique within an event") {
    const auto check = []<class E>(std::type_identity<E>) {
        std::set<std::string_view> names;
        E event{};
        for_each_field(event, [&](std::string_view name, auto&) { names.insert(name); });
        CHECK(names.size() == EventInfo<E>::count);
    };
    for_each_core_event(check);
    for_each_world_event(check);
}

TEST_CASE("the hash does not depend on the order in which names were interned") {
    Recorder one, two;
    const Label a1 = one.intern("a");
    (void)one.intern("b");
    (void)two.intern("b");
    const Label a2 = two.intern("a");
    REQUIRE(a1 != a2);
    one.record({}, Note{NodeId{1}, a1});
    two.record({}, Note{NodeId{1}, a2});
    CHECK(one.hash().hex() == two.hash().hex());
    two.record({}, Note{NodeId{1}, a2});
    CHECK(one.hash().hex() != two.hash().hex());
}

TEST_CASE("interning gives the same number for the same text") {
    Recorder recorder;
    CHECK(recorder.intern("") == Label{});
    CHECK(recorder.intern("x") == recorder.intern("x"));
    CHECK(recorder.text(recorder.intern("x")) == "x");
    const auto key = recorder.intern("orders", PartitionIndex{3});
    CHECK(key == recorder.intern("orders", PartitionIndex{3}));
    CHECK(key != recorder.intern("orders", PartitionIndex{4}));
    CHECK(recorder.partition_name(key) == "orders-3");
    CHECK(recorder.partition_name(0).empty());
}

TEST_CASE("listeners see every event in order and may record further ones") {
    struct Oracle : Listener {
        explicit Oracle(Recorder& r) : recorder(r) {}
        void on_probe(MonoTime at, NodeId, const probe::Event&) override {
            recorder.record(at, Violation{12, Label{}});
        }
        void on_sim(MonoTime, const SimEvent& event) override { seen.push_back(event.index()); }
        Recorder& recorder;
        std::vector<std::size_t> seen;
    };
    Recorder recorder;
    Oracle oracle(recorder);
    recorder.add_listener(oracle);
    recorder.on(MonoTime{1}, NodeId{1}, probe::BrokerReady{9092});
    REQUIRE(oracle.seen.size() == 1);
    CHECK(oracle.seen[0] == SimEvent{Violation{}}.index());
    CHECK(recorder.events() == 2);
}

TEST_CASE("listeners are told of nothing that comes after the end of the trace") {
    struct Counter : Listener {
        void on_sim(MonoTime, const SimEvent&) override { ++seen; }
        int seen = 0;
    };
    Recorder recorder;
    Counter counter;
    recorder.add_listener(counter);
    recorder.record(MonoTime{1}, NodeStarted{NodeId{1}, 0});
    REQUIRE(recorder.finish().ok());
    recorder.record(MonoTime{2}, NodeStarted{NodeId{1}, 1});
    CHECK(counter.seen == 1);
    CHECK(recorder.events() == 2);
}
}  // namespace
}  // namespace faultline::sim

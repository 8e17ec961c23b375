// The rules of several batches under way, first one by one, then every way in which a few batches
// can go: each attempt answered, refused, its answer lost, late or never arriving, its time over.
#include "core/logic/client/in_flight.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/logic/producer/producer_state.h"
#include "tests/support/catch.h"

namespace faultline::client {
namespace {
using Id = InFlight::Id;
using Fate = BatchVerdict::Fate;

InFlight numbered(std::size_t limit = 5) {
    InFlight f(limit, true);
    f.identified(7, 0);
    // The first one alone.
    const Id first = f.take(1);
    REQUIRE(!f.may_take());
    REQUIRE(f.answered(first, BatchAnswer::written).fate == Fate::done);
    return f;
}

TEST_CASE("nothing goes before there is a producer id, then one until the broker has taken one") {
    InFlight f(5, true);
    REQUIRE(f.wants_id());
    REQUIRE(!f.may_take());
    f.identified(7, 0);
    const Id a = f.take(3);
    REQUIRE(f.numbers(a) == InFlight::Numbers{7, 0, 0});
    REQUIRE(!f.may_take());
    REQUIRE(f.answered(a, BatchAnswer::written).fate == Fate::done);
    const Id b = f.take(2), c = f.take(1);
    REQUIRE(f.numbers(b).sequence == 3);
    REQUIRE(f.numbers(c).sequence == 5);
}

TEST_CASE("five are under way with numbers, whatever is asked for; as many as asked without") {
    InFlight f = numbered(100);
    for (int i = 0; i < 5; ++i) (void)f.take(1);
    REQUIRE(!f.may_take());
    InFlight plain(7, false);
    REQUIRE(!plain.wants_id());
    for (int i = 0; i < 7; ++i) REQUIRE(plain.numbers(plain.take(1)) == InFlight::Numbers{});
    REQUIRE(!plain.may_take());
}

TEST_CASE("after a refusal the first goes again alone, then the others in order") {
    InFlight f = numbered();
    const Id a = f.take(1), b = f.take(1), c = f.take(1);
    REQUIRE(f.answered(a, BatchAnswer::refused).pause);
    REQUIRE(!f.may_take());
    const BatchVerdict overtaken = f.answered(b, BatchAnswer::out_of_order);
    REQUIRE(overtaken.fate == Fate::again);
    REQUIRE(!overtaken.pause);
    REQUIRE(f.answered(c, BatchAnswer::out_of_order).fate == Fate::again);
    REQUIRE(f.next_again() == a);
    f.resent(a);
    REQUIRE(!f.next_again());
    REQUIRE(!f.may_take());
    REQUIRE(f.answered(a, BatchAnswer::written).fate == Fate::done);
    REQUIRE(f.next_again() == b);
    f.resent(b);
    REQUIRE(f.next_again() == c);
    f.resent(c);
    REQUIRE(f.numbers(b).sequence == 2);
    REQUIRE(f.numbers(c).sequence == 3);
    REQUIRE(f.may_take());
}

TEST_CASE("a lost answer's batch keeps its numbers, or fails: it may be in the log") {
    InFlight f = numbered();
    const Id a = f.take(1), b = f.take(1);
    (void)f.answered(a, BatchAnswer::unclear);
    (void)f.answered(b, BatchAnswer::unclear);
    f.resent(a);
    REQUIRE(f.numbers(a) == InFlight::Numbers{7, 0, 1});
    SECTION("it was not there, and the broker expects others") {
        const BatchVerdict v = f.answered(a, BatchAnswer::out_of_order);
        REQUIRE(v.fate == Fate::failed);
        REQUIRE(v.maybe_written);
        // b is asked for under its old numbers before anything is numbered anew.
        REQUIRE(f.epoch() == 0);
        REQUIRE(f.next_again() == b);
        f.resent(b);
        REQUIRE(f.answered(b, BatchAnswer::written).fate == Fate::done);
        REQUIRE(f.epoch() == 1);
        REQUIRE(f.numbers(f.take(1)) == InFlight::Numbers{7, 1, 0});
    }
    SECTION("it was there") {
        REQUIRE(f.answered(a, BatchAnswer::written).fate == Fate::done);
        REQUIRE(f.next_again() == b);
        REQUIRE(f.epoch() == 0);
    }
}

TEST_CASE("a batch whose time is over under way leaves a gap: the epoch rises once all is clear") {
    InFlight f = numbered();
    const Id a = f.take(1), b = f.take(2), c = f.take(1);
    const BatchVerdict v = f.expired(a);
    REQUIRE(v.fate == Fate::failed);
    REQUIRE(v.maybe_written);
    REQUIRE(!f.may_take());
    REQUIRE(f.answered(b, BatchAnswer::out_of_order).fate == Fate::again);
    REQUIRE(f.epoch() == 0);  // c is under way
    REQUIRE(f.answered(c, BatchAnswer::out_of_order).fate == Fate::again);
    REQUIRE(f.epoch() == 1);
    REQUIRE(f.numbers(b) == InFlight::Numbers{7, 1, 0});
    REQUIRE(f.numbers(c) == InFlight::Numbers{7, 1, 2});
    f.resent(b);
    REQUIRE(!f.next_again());  // the new epoch is not known to the broker yet
}

TEST_CASE("the last one's numbers are given again only when nobody can have seen them") {
    InFlight f = numbered();
    REQUIRE(!f.answered(f.take(4), BatchAnswer::refused_for_good).maybe_written);
    REQUIRE(f.epoch() == 0);
    const Id next = f.take(1);
    REQUIRE(f.numbers(next).sequence == 1);
    REQUIRE(f.answered(next, BatchAnswer::unclear_for_good).maybe_written);
    REQUIRE(f.epoch() == 1);
}

TEST_CASE("a fenced producer, and one whose epochs are used up, asks for another id") {
    InFlight f = numbered();
    const Id a = f.take(1);
    REQUIRE(f.answered(a, BatchAnswer::fenced).fate == Fate::again);
    REQUIRE(f.wants_id());
    REQUIRE(!f.next_again());
    f.identified(8, INT16_MAX);
    REQUIRE(f.numbers(a) == InFlight::Numbers{8, INT16_MAX, 0});
    f.resent(a);
    REQUIRE(f.answered(a, BatchAnswer::forgotten).fate == Fate::again);
    REQUIRE(f.wants_id());
    f.renounce();
    REQUIRE(f.next_again() == a);
    REQUIRE(f.numbers(a) == InFlight::Numbers{});
}

TEST_CASE("a split batch's halves stand in its place under its numbers") {
    InFlight f = numbered();
    const Id a = f.take(5), b = f.take(1);
    REQUIRE(f.may_split(a));
    const auto [one, two] = f.split(a, 2);
    REQUIRE(f.ids() == std::vector<Id>{one, two, b});
    REQUIRE(f.numbers(one).sequence == 1);
    REQUIRE(f.numbers(two).sequence == 3);
    REQUIRE(f.next_again() == one);
    REQUIRE(!f.may_split(b));
}

TEST_CASE("halves are under way one after the other where the limit says so") {
    InFlight f = numbered(2);
    const Id a = f.take(5), b = f.take(1);
    const auto [one, two] = f.split(a, 2);
    f.resent(one);
    REQUIRE(!f.next_again());  // b is under way, too
    REQUIRE(f.answered(b, BatchAnswer::out_of_order).fate == Fate::again);
    REQUIRE(f.next_again() == two);
}

TEST_CASE("sequences go round after the largest") {
    REQUIRE(sequence_past(INT32_MAX, 1) == 0);
    REQUIRE(sequence_past(INT32_MAX - 1, 5) == 3);
}

TEST_CASE("what each of Kafka's errors says of a batch") {
    using wire::KafkaError;
    REQUIRE(meaning_of(KafkaError::none) == BatchAnswer::written);
    REQUIRE(meaning_of(KafkaError::duplicate_sequence_number) == BatchAnswer::written);
    REQUIRE(meaning_of(KafkaError::not_enough_replicas) == BatchAnswer::refused);
    REQUIRE(meaning_of(KafkaError::not_leader_or_follower) == BatchAnswer::unclear);
    REQUIRE(meaning_of(KafkaError::not_enough_replicas_after_append) == BatchAnswer::unclear);
    REQUIRE(meaning_of(KafkaError::message_too_large) == BatchAnswer::refused_for_good);
    REQUIRE(meaning_of(KafkaError::unknown_producer_id) == BatchAnswer::forgotten);
}

// --- every way -----------------------------------------------------------------------------------

// A producer of a few records, one a batch, and a leader that keeps the broker's rules. An attempt
// is on its way until the leader looks at it, in the order of its connection; what was sent on one
// that is cut may still be looked at, before or after what the next one brings.
struct Model {
    struct Attempt {
        Id id = 0;
        std::int32_t record = 0;
        InFlight::Numbers numbers{};
        int connection = 0;
        bool heard = true;  // the producer still waits for its answer
    };
    explicit Model(std::size_t limit) : flight(limit, true) { flight.identified(7, 0); }

    InFlight flight;
    std::map<Id, std::int32_t> records;
    std::int32_t next = 0, losses = 2, refusals = 2, expiries = 2;
    int connection = 0;
    std::vector<Attempt> under_way;
    logic::ProducerStates broker;
    std::vector<std::int32_t> log;
    std::map<std::int32_t, BatchVerdict> fates;
    std::string story;

    static constexpr std::int32_t kRecords = 4;

    void send() {
        Id id = 0;
        if (const auto again = flight.next_again()) {
            id = *again;
            flight.resent(id);
        } else {
            id = flight.take(1);
            records[id] = next++;
        }
        under_way.push_back({id, records[id], flight.numbers(id), connection});
        story += " send" + std::to_string(records[id]);
    }
    bool may_send() const { return flight.next_again() || (next < kRecords && flight.may_take()); }
    void hear(Id id, BatchAnswer answer) {
        const BatchVerdict v = flight.answered(id, answer);
        if (v.fate != Fate::again) fates[records[id]] = v;
    }
    BatchAnswer look_at(const Attempt& a) {
        const logic::ProducerBatch batch{a.numbers.producer_id, a.numbers.epoch, a.numbers.sequence,
                                         1};
        switch (broker.check(batch).check) {
            case logic::ProducerCheck::duplicate: return BatchAnswer::written;
            case logic::ProducerCheck::out_of_order_sequence: return BatchAnswer::out_of_order;
            case logic::ProducerCheck::invalid_producer_epoch: return BatchAnswer::fenced;
            case logic::ProducerCheck::append: break;
        }
        const Offset at{static_cast<std::int64_t>(log.size())};
        broker.appended(batch, at, at, 0, {});
        log.push_back(a.record);
        return BatchAnswer::written;
    }
    // The leader looks at the oldest attempt of a connection.
    void process(bool refuse, int from) {
        const auto first = std::ranges::find(under_way, from, &Attempt::connection);
        const Attempt a = *first;
        under_way.erase(first);
        story += (refuse ? " refuse" : " take") + std::to_string(a.record);
        const BatchAnswer answer = refuse ? BatchAnswer::refused : look_at(a);
        if (a.heard) hear(a.id, answer);
    }
    // The connection is cut. What was sent stays on its way, or never arrives.
    void cut(bool arrives) {
        story += arrives ? " cut" : " cut-and-lost";
        ++connection;
        const auto lost = under_way;
        for (Attempt& a : under_way) a.heard = false;
        if (!arrives) under_way.clear();
        for (const Attempt& a : lost) {
            if (a.heard) hear(a.id, BatchAnswer::unclear);
        }
    }
    void expire() {
        const Id id = flight.ids().front();
        story += " expire" + std::to_string(records[id]);
        for (Attempt& a : under_way) a.heard = a.heard && a.id != id;
        fates[records[id]] = flight.expired(id);
    }

    // What must hold at any time: nothing twice, nothing out of order, no answer that is not true.
    // Millions of states are judged: an assertion of Catch's for each comparison costs minutes
    // under the sanitizers, so only a breach is told to it.
    void judge() const {
        if (!ordered_once() || !answers_true()) FAIL(story);
    }
    bool ordered_once() const {
        return std::ranges::adjacent_find(log, std::greater_equal<>()) == log.end();
    }
    bool answers_true() const {
        return std::ranges::all_of(fates, [&](const auto& fate) {
            const auto& [record, v] = fate;
            const bool there = std::ranges::find(log, record) != log.end();
            if (v.fate == Fate::done) return there;
            return v.fate != Fate::failed || v.maybe_written || !there;
        });
    }
};

struct Walk {
    std::uint64_t ends = 0, renumbered = 0, unclear = 0, all_done = 0;

    static std::set<int> connections(const Model& m) {
        std::set<int> all;
        for (const Model::Attempt& a : m.under_way) all.insert(a.connection);
        return all;
    }
    void from(const Model& m, int depth) {
        m.judge();
        bool moved = false;
        const auto step = [&](auto change) {
            Model copy = m;
            change(copy);
            moved = true;
            from(copy, depth - 1);
        };
        if (depth > 0) {
            if (m.may_send()) step([](Model& c) { c.send(); });
            for (const int at : connections(m)) {
                step([&](Model& c) { c.process(false, at); });
                if (m.refusals == 0 || at != m.connection) continue;
                step([&](Model& c) {
                    --c.refusals;
                    c.process(true, at);
                });
            }
            const auto heard = [](const Model::Attempt& a) { return a.heard; };
            if (m.losses > 0 && std::ranges::any_of(m.under_way, heard)) {
                for (const bool arrives : {true, false}) {
                    step([&](Model& c) {
                        --c.losses;
                        c.cut(arrives);
                    });
                }
            }
            if (m.expiries > 0 && !m.flight.empty()) {
                step([](Model& c) {
                    --c.expiries;
                    c.expire();
                });
            }
        }
        if (moved) return;
        ++ends;
        if (m.flight.epoch() > 0) ++renumbered;
        if (m.fates.size() < static_cast<std::size_t>(Model::kRecords)) return;
        const auto of = [&](Fate fate) {
            return std::ranges::count_if(m.fates,
                                         [&](const auto& f) { return f.second.fate == fate; });
        };
        if (of(Fate::done) == Model::kRecords) ++all_done;
        if (of(Fate::failed) > 0) ++unclear;
    }
};

TEST_CASE("whatever happens: in order, each once, and answers are true") {
    const std::size_t limit = GENERATE(1U, 2U, 5U);
    const bool known = GENERATE(true, false);
    Model m(limit);
    if (known) {  // the broker has taken a batch
        m.send();
        m.process(false, 0);
    }
    Walk walk;
    walk.from(m, 12);
    INFO(limit);
    REQUIRE(walk.ends > 1000);
    REQUIRE(walk.all_done > 100);
    REQUIRE(walk.renumbered > 100);
    REQUIRE(walk.unclear > 100);
}

TEST_CASE("when nothing goes wrong any more, all ends") {
    // From every state of a shorter walk: the rest is answered, and nothing hangs.
    struct Finish : Walk {
        std::uint64_t seen = 0;
        void go(Model m) {
            for (int i = 0; i < 60 && !(m.flight.empty() && m.next == Model::kRecords); ++i) {
                if (!m.under_way.empty()) {
                    m.process(false, m.under_way.front().connection);
                } else if (m.may_send()) {
                    m.send();
                } else {
                    break;
                }
                m.judge();
            }
            INFO(m.story);
            REQUIRE(m.fates.size() == static_cast<std::size_t>(Model::kRecords));
            ++seen;
        }
        void walk(const Model& m, int depth) {
            go(m);
            if (depth == 0) return;
            const auto step = [&](auto change) {
                Model copy = m;
                change(copy);
                walk(copy, depth - 1);
            };
            if (m.may_send()) step([](Model& c) { c.send(); });
            if (!m.under_way.empty()) {
                const int at = m.under_way.front().connection;
                step([&](Model& c) { c.process(false, at); });
                step([&](Model& c) { c.process(true, at); });
                step([](Model& c) { c.cut(true); });
                step([](Model& c) { c.cut(false); });
            }
            if (!m.flight.empty()) step([](Model& c) { c.expire(); });
        }
    } finish;
    finish.walk(Model(5), 8);
    REQUIRE(finish.seen > 10'000);
}
}  // namespace
}  // namespace faultline::client

// A run's history, made by hand, and the oracles that judge it.
#pragma once
#include "sim/oracle/oracle.h"

namespace faultline::sim {

class MadeHistory {
public:
    // With `only`, no other oracle listens: it must speak on its own.
    explicit MadeHistory(std::int32_t only = 0, std::int32_t brokers = 1) {
        cast.brokers = brokers;
        cast.producers = {
            {.id = "p1", .topic = "orders"},
            {.id = "p2", .topic = "orders", .acks = Acks::leader, .idempotence = false}};
        cast.consumers = {{.id = "c1", .topic = "orders"}};
        cast.retention_ms["orders"] = 60'000;
        cast.topics = {"orders"};
        oracles = make_oracles(judge, cast);
        constexpr std::int32_t kGathers = 95;  // for the other checks of a history
        for (auto& o : oracles) {
            const bool wanted = only == 0 || o->invariant() == only || o->invariant() == kGathers;
            if (wanted && o->listens()) recorder.add_listener(*o);
            if (o->invariant() == kGathers && only != 0 && only != kGathers)
                gatherer = std::move(o);
        }
        std::erase_if(oracles, [&](const auto& o) {
            return o == nullptr || (only != 0 && o->invariant() != only);
        });
        p = recorder.intern("orders", PartitionIndex{0});
        q = recorder.intern("orders", PartitionIndex{1});
        open(0);
    }
    MadeHistory& at(Duration t) {
        now = MonoTime{} + t;
        return *this;
    }
    template <class E>
    MadeHistory& probe(E event) {
        recorder.on(now, NodeId{1}, event);
        return *this;
    }
    template <class E>
    MadeHistory& world(E event) {
        recorder.record(now, event);
        return *this;
    }
    MadeHistory& open(std::int64_t end) {
        return probe(probe::LogOpened{p, Offset{0}, Offset{end}, false});
    }
    // A good record's whole way: sent, appended, durable, visible, answered, acknowledged.
    MadeHistory& acked(std::int32_t client, std::int64_t record, std::int64_t offset) {
        return answered(client, record, offset).read(client, record, offset);
    }
    // The same until its answer is under way, and the end of it.
    MadeHistory& answered(std::int32_t client, std::int64_t record, std::int64_t offset) {
        probe(probe::ProduceSent{p, client, record, 1});
        return written(offset);
    }
    MadeHistory& written(std::int64_t offset) {
        probe(probe::BatchAppended{p, Epoch{0}, Offset{offset}, Offset{offset}, 1});
        if (flushes) probe(probe::LogFlushed{p, Offset{offset + 1}});
        probe(probe::HighWatermark{p, Epoch{0}, Offset{offset + 1}});
        return probe(probe::ProduceAnswered{p, 0, Offset{offset}, Offset{offset}});
    }
    MadeHistory& read(std::int32_t client, std::int64_t record, std::int64_t offset) {
        return probe(probe::ProduceAcked{p, client, record, 1, Offset{offset}});
    }
    MadeHistory& delivered(std::int32_t consumer, std::int64_t offset, std::int32_t client,
                           std::int64_t record) {
        return probe(probe::RecordDelivered{p, consumer, Offset{offset}, client, record});
    }
    // A request of client node 2 on connection 1, or the answer to one.
    MadeHistory& request(std::int32_t correlation, std::int16_t api = 1) {
        return world(MessageSent{++messages, 1, NodeId{2}, NodeId{1}, 50, api, false, correlation});
    }
    MadeHistory& answer(std::int32_t correlation) {
        return world(MessageSent{++messages, 1, NodeId{1}, NodeId{2}, 50, 1, true, correlation});
    }
    // From now on nothing waits for the disk.
    MadeHistory& lazily() {
        flushes = cast.flush_before_ack = false;
        return *this;
    }
    MadeHistory& crash(bool power) { return world(NodeCrashed{NodeId{1}, power}); }
    // 0: holds.
    int verdict() {
        for (const auto& o : oracles) o->finish(now);
        return judge.finding() ? judge.finding()->invariant : 0;
    }
    std::string sentence() const { return judge.finding() ? judge.finding()->sentence : ""; }

    Recorder recorder;
    Judge judge{recorder};
    Cast cast;
    std::vector<std::unique_ptr<Oracle>> oracles;
    std::unique_ptr<Oracle> gatherer;  // listens, but does not judge
    probe::PartitionKey p = 0, q = 0;
    MonoTime now{};
    std::uint64_t messages = 0;
    bool flushes = true;
};
inline constexpr std::int32_t kConsumer = 0, kAuditor = 1;
}  // namespace faultline::sim

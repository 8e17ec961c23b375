// A history of three brokers with one partition of three replicas, made by hand.
#pragma once
#include "sim/oracle/oracle.h"

namespace faultline::sim {

class ClusterHistory {
public:
    // No other oracle than `only` listens: it must speak on its own.
    // `lazy`: acknowledgements do not wait for the disk.
    explicit ClusterHistory(std::int32_t only, const TopicContract& contract = {3, 2, false},
                            bool lazy = false) {
        cast.flush_before_ack = !lazy;
        cast.brokers = 3;
        cast.controllers = 3;
        cast.producers = {{.id = "p1", .topic = "orders"}};
        cast.consumers = {{.id = "c1", .topic = "orders"}};
        cast.topics = {"orders"};
        cast.cluster_topics["orders"] = contract;
        cast.faults = {FaultKind::crash, FaultKind::wipe, FaultKind::restart};
        cast.healed = MonoTime{} + 100s;
        oracles = make_oracles(judge, cast);
        std::erase_if(oracles, [&](const auto& o) { return o->invariant() != only; });
        for (const auto& o : oracles) recorder.add_listener(*o);
        p = recorder.intern("orders", PartitionIndex{0});
        for (int n = 1; n <= 3; ++n) open(n, 0);
    }
    template <class E>
    ClusterHistory& probe(int node, E event) {
        recorder.on(now, NodeId{node}, event);
        return *this;
    }
    template <class E>
    ClusterHistory& world(E event) {
        recorder.record(now, event);
        return *this;
    }
    ClusterHistory& at(Duration t) {
        now = MonoTime{} + t;
        return *this;
    }
    ClusterHistory& open(int node, std::int64_t end) {
        return probe(node, probe::LogOpened{p, Offset{0}, Offset{end}, false});
    }
    ClusterHistory& lead(int node, std::int32_t epoch, std::uint64_t isr = 0b1110) {
        probe(node, probe::LeaderChanged{p, Epoch{epoch}, NodeId{node}});
        return probe(node, probe::IsrChanged{p, Epoch{epoch}, 0, isr});
    }
    ClusterHistory& follow(int node, std::int32_t epoch, int leader) {
        return probe(node, probe::PartitionFollows{p, Epoch{epoch}, NodeId{leader}});
    }
    // One record, durable where `durable`.
    ClusterHistory& write(int node, std::int64_t offset, std::int32_t epoch, std::uint32_t crc = 7,
                          bool durable = true) {
        probe(node, probe::BatchAppended{p, Epoch{epoch}, Offset{offset}, Offset{offset}, crc});
        return durable ? probe(node, probe::LogFlushed{p, Offset{offset + 1}}) : *this;
    }
    ClusterHistory& write_all(std::int64_t offset, std::int32_t epoch) {
        return write(1, offset, epoch).write(2, offset, epoch).write(3, offset, epoch);
    }
    ClusterHistory& hw(int node, std::int64_t to, std::int32_t epoch) {
        return probe(node, probe::HighWatermark{p, Epoch{epoch}, Offset{to}});
    }
    ClusterHistory& fetched(int leader, int follower, std::int64_t at, std::int32_t epoch) {
        return probe(leader, probe::FollowerFetched{p, Epoch{epoch}, NodeId{follower}, Offset{at}});
    }
    ClusterHistory& cut(int node, std::int64_t from, std::int64_t to) {
        return probe(node, probe::LogTruncated{p, Offset{from}, Offset{to}});
    }
    ClusterHistory& acked(std::int64_t record, std::int64_t offset) {
        return probe(9, probe::ProduceAcked{p, 0, record, 1, Offset{offset}});
    }
    ClusterHistory& delivered(std::int32_t consumer, std::int64_t offset, std::int64_t record) {
        return probe(9, probe::RecordDelivered{p, consumer, Offset{offset}, 0, record});
    }
    ClusterHistory& crash(int node, bool power) { return world(NodeCrashed{NodeId{node}, power}); }
    // n1 leads in epoch 1, and record 0 is on all three and committed.
    ClusterHistory& begun() {
        follow(2, 1, 1).follow(3, 1, 1).lead(1, 1);
        return write_all(0, 1).hw(1, 1, 1);
    }
    // 0: holds.
    int verdict() {
        for (const auto& o : oracles) o->finish(now);
        return judge.finding() ? judge.finding()->invariant : 0;
    }
    std::string sentence() const { return judge.finding() ? judge.finding()->sentence : ""; }
    std::string remark() const { return oracles.front()->remark(); }
    std::uint64_t premises() const { return oracles.front()->premises(); }

    Recorder recorder;
    Judge judge{recorder};
    Cast cast;
    std::vector<std::unique_ptr<Oracle>> oracles;
    probe::PartitionKey p = 0;
    MonoTime now{};
};
}  // namespace faultline::sim

// How far the clients of a run have come: what the run waits for after the faults, and INV-88.
#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "sim/oracle/oracle.h"

namespace faultline::sim {

class Progress final : public Listener {
public:
    explicit Progress(const Cast& cast) : cast_(cast) {}

    void on_probe(MonoTime at, NodeId node, const probe::Event& event) override;

    // Every record of every producer has its answer, good or bad.
    bool producers_done() const;
    // Every consumer of a topic has read its partitions up to their high watermarks. A partition
    // that the broker reported as corrupt is not waited for.
    bool consumers_done(const Recorder& recorder) const;
    bool auditor_done(const Recorder& recorder) const;
    // What is missing, for a sentence; empty when nothing is.
    std::string missing(const Recorder& recorder) const;

    std::uint64_t acked = 0, failed = 0, delivered = 0;  // records

private:
    bool caught_up(std::int32_t consumer, const std::string& topic, const Recorder& recorder) const;
    const Cast& cast_;
    std::map<std::int32_t, std::int64_t> answered_;  // by producer
    // Retention has deleted everything below the high watermark.
    bool nothing_left(probe::PartitionKey key, std::int64_t hw) const;
    bool of_replica(NodeId node, const probe::Event& event);
    void expect_up_to(probe::PartitionKey key, std::int64_t end);
    // The high watermark, or what was acknowledged above it and is in the log.
    std::map<probe::PartitionKey, std::int64_t> high_watermark_;
    std::map<probe::PartitionKey, std::int64_t> log_start_, log_end_;
    std::map<std::pair<NodeId, probe::PartitionKey>, std::int64_t> replica_end_;
    std::map<probe::PartitionKey, std::int32_t> leader_epoch_;
    std::set<probe::PartitionKey> corrupt_;
    std::map<std::pair<std::int32_t, probe::PartitionKey>, std::int64_t> next_;
};
}  // namespace faultline::sim

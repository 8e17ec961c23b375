// What an event costs the active controller: the decision, its records brought into the image, and
// the image given to the shards. No simulator.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

namespace faultline::bench {

struct EventCost {
    std::string event;
    double us = 0;            // of processor time, the median of many
    std::size_t changes = 0;  // records that it wrote, or partitions of its broker; at least 1
};

// Of a cluster of `brokers` with so many partitions of three replicas, in topics of 100.
std::vector<EventCost> cost_of_events(int brokers, int partitions);
}  // namespace faultline::bench

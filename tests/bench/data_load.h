// A Kafka client that costs next to nothing, for measuring a broker: frames are encoded once, one
// blocking connection, one thread that sends and one that receives.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>

#include "core/wire/compression.h"
#include "tests/bench/histogram.h"

namespace faultline::bench {

struct Outcome {
    std::uint64_t requests = 0, bytes = 0;  // of batches
    double seconds = 0;
    Histogram latency;  // ns
};

struct ProduceLoad {
    std::size_t record = 100, batch = 1 << 20;  // bytes; of a record's value and, at most, a batch
    std::int32_t count = 0;                     // records of a batch; 0: as many as fit
    wire::Codec codec = wire::Codec::none;
};

// Each dies with one line on stderr when the broker does not do its part.
class DataLoad {
public:
    explicit DataLoad(std::uint16_t port) : port_(port) {}
    // Of one partition, one replica.
    void create_topic(const std::string& topic) const;
    // acks=all; at most `depth` requests without their answer. Latency is from the send.
    Outcome produce(const std::string& topic, const ProduceLoad& load, std::uint64_t bytes,
                    int depth) const;
    // acks=all, sent at a fixed rate whatever the answers do. Latency is from the moment at which
    // a request should have been sent: one that waits behind a late one counts its wait.
    Outcome produce_at_rate(const std::string& topic, const ProduceLoad& load, int per_second,
                            std::chrono::milliseconds time) const;
    // From the beginning, one request at a time.
    Outcome fetch(const std::string& topic, std::int32_t max_bytes, std::uint64_t bytes) const;

private:
    std::uint16_t port_;
};
}  // namespace faultline::bench

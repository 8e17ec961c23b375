// How many connections there may be: in all, of one address, and new ones a second.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "core/base/time.h"
#include "core/broker/config.h"

namespace faultline::broker {

// Counts the connections of a node; shard 0 has the one that counts. Never parks.
class ConnectionSlots {
public:
    enum class Answer : std::uint8_t {
        granted,
        full,         // max.connections: wait, as Kafka's acceptors do
        too_many_of,  // max.connections.per.ip: close, as Kafka does
        too_fast,     // max.connection.creation.rate: wait
    };
    explicit ConnectionSlots(const BrokerConfig& config)
        : config_(config),
          most_(config.max_connections),
          per_second_(config.connections_per_second) {}
    // max.connections, as it is set now. Connections beyond it stay.
    void allow(std::size_t most) noexcept { most_ = most; }
    // max.connection.creation.rate, as it is set now; 0 grants none. After a quiet time as many as
    // of one second are granted at once.
    void allow_per_second(std::size_t most) noexcept { per_second_ = most; }
    // `host` is the peer's address.
    Answer take(const std::string& host, MonoTime now);
    // Requires that take() granted it.
    void give_back(const std::string& host);

private:
    const BrokerConfig& config_;
    std::size_t most_, per_second_;
    MonoTime due_{};  // when all granted so far would have come at an even pace
    std::size_t all_ = 0;
    std::map<std::string, std::size_t> by_host_;
};
}  // namespace faultline::broker

// How many connections there may be: in all, and of one address.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "core/broker/config.h"

namespace faultline::broker {

// Counts the connections of a node; shard 0 has the one that counts. Never parks.
class ConnectionSlots {
public:
    enum class Answer : std::uint8_t {
        granted,
        full,         // max.connections: wait, as Kafka's acceptors do
        too_many_of,  // max.connections.per.ip: close, as Kafka does
    };
    explicit ConnectionSlots(const BrokerConfig& config)
        : config_(config), most_(config.max_connections) {}
    // max.connections, as it is set now. Connections beyond it stay.
    void allow(std::size_t most) noexcept { most_ = most; }
    // `host` is the peer's address.
    Answer take(const std::string& host);
    // Requires that take() granted it.
    void give_back(const std::string& host);

private:
    const BrokerConfig& config_;
    std::size_t most_;
    std::size_t all_ = 0;
    std::map<std::string, std::size_t> by_host_;
};
}  // namespace faultline::broker

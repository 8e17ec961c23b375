// One partition of a producer: what waits and what is under way.
#pragma once
#include <deque>
#include <map>
#include <string>
#include <utility>

#include "core/client/producer.h"

namespace faultline::client {

struct Producer::Sending {
    Batch batch;
    IoBuf bytes;  // as it was sent, under `numbers`
    InFlight::Numbers numbers{};
    ConnRef conn{};  // of `call`
    rpc::ClientConn::Posted call{};
    MonoTime answer_by{};
};

struct Producer::Lane {
    Lane(std::string t, std::int32_t p, InFlight f)
        : topic(std::move(t)), partition(p), flight(std::move(f)) {}
    std::string topic;
    std::int32_t partition;
    fiber::Condition changed;  // there is more to send, or an answer; outlives `sending`
    std::deque<Batch> queue;   // not sent yet
    InFlight flight;           // decides about `sending`
    std::map<Id, Sending> sending;
    std::uint32_t failures = 0;  // in a row
    MonoTime paused_until{};
};

// What a record costs beside its bytes.
inline constexpr std::size_t kRecordOverhead = 32;
std::size_t header_bytes(const std::vector<wire::RecordHeader>& headers);
}  // namespace faultline::client

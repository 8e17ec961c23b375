// What a leader refused for a moment, so that what the producer sent behind it is refused in the
// same way. Pure.
//
// A producer with several requests in flight sends B1 B2 B3. A broker that does not lead yet, or
// has no room, refuses B1 and B2 with an error that asks for another try; a moment later it serves,
// and B3 is out of order. Kafka answers OUT_OF_ORDER_SEQUENCE_NUMBER, from which librdkafka
// concludes that nothing in flight was written, begins a new producer epoch and sends all again. It
// is wrong when B1 was a repeat: its first try, to the leader before, may stand in this log, and
// then it stands there twice. A producer that has not been known here is worse off: any sequence
// may begin, so B3 is taken and B1 can never be. With the error of B1 for B3, clients send both
// again, in order.
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "core/base/time.h"
#include "core/logic/producer/producer_state.h"

namespace faultline::logic {

class RefusedBatches {
public:
    static constexpr std::size_t kMost =
        1024;  // producers; who was refused first is forgotten first
    static constexpr Duration kKept =
        1s;  // long enough for what was sent at once; what comes later is judged anew

    // `batch` was refused with `error`, the code of an error that asks for another try.
    void refused(const ProducerBatch& batch, std::int16_t error, MonoTime now);
    // The error of a batch that came before this one, of the same producer and epoch, and has not
    // been taken since.
    std::optional<std::int16_t> behind(const ProducerBatch& batch, MonoTime now) const;
    // It stands in the log, since now or before.
    void taken(const ProducerBatch& batch);
    std::size_t size() const noexcept { return first_.size(); }

private:
    struct First {  // the earliest batch of a producer that was refused
        std::int64_t producer_id;
        std::int16_t producer_epoch;
        std::int32_t base_sequence;
        std::int16_t error;
        MonoTime at;
    };
    std::vector<First> first_;  // oldest first
};
}  // namespace faultline::logic

#include "core/logic/producer/refused_batches.h"

#include <algorithm>

namespace faultline::logic {

void RefusedBatches::refused(const ProducerBatch& batch, std::int16_t error, MonoTime now) {
    if (batch.producer_id < 0 || batch.base_sequence < 0) return;
    const auto it = std::ranges::find(first_, batch.producer_id, &First::producer_id);
    if (it != first_.end()) {
        if (it->producer_epoch > batch.producer_epoch) return;  // late, and fenced by now
        const bool still = it->producer_epoch == batch.producer_epoch && now - it->at <= kKept;
        if (still && sequence_precedes(it->base_sequence, batch.base_sequence)) return;
        first_.erase(it);
    }
    if (first_.size() == kMost) first_.erase(first_.begin());
    first_.push_back({batch.producer_id, batch.producer_epoch, batch.base_sequence, error, now});
}

std::optional<std::int16_t> RefusedBatches::behind(const ProducerBatch& batch, MonoTime now) const {
    const auto it = std::ranges::find(first_, batch.producer_id, &First::producer_id);
    if (it == first_.end() || it->producer_epoch != batch.producer_epoch || now - it->at > kKept ||
        !sequence_precedes(it->base_sequence, batch.base_sequence))
        return std::nullopt;
    return it->error;
}

void RefusedBatches::taken(const ProducerBatch& batch) {
    std::erase_if(first_, [&](const First& f) {
        return f.producer_id == batch.producer_id &&
               (f.producer_epoch < batch.producer_epoch ||
                (f.producer_epoch == batch.producer_epoch &&
                 !sequence_precedes(batch.base_sequence, f.base_sequence)));
    });
}
}  // namespace faultline::logic

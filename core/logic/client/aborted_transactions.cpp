#include "core/logic/client/aborted_transactions.h"

#include <algorithm>

namespace faultline::client {

AbortedTransactions::AbortedTransactions(std::vector<One> aborted) : ahead_(std::move(aborted)) {
    std::ranges::stable_sort(ahead_, std::greater<>{}, &One::first_offset);
}

bool AbortedTransactions::hides(const wire::BatchHeader& batch) {
    while (!ahead_.empty() && ahead_.back().first_offset <= batch.last_offset()) {
        open_.insert(ahead_.back().producer_id);
        ahead_.pop_back();
    }
    return batch.transactional() && !batch.control() && open_.contains(batch.producer_id);
}

void AbortedTransactions::marker(const wire::BatchHeader& batch, Bytes key) {
    constexpr std::size_t kSize = 4;  // version, type: two bytes each
    const bool abort = key.size() >= kSize && key[2] == std::byte{0} && key[3] == std::byte{0};
    if (abort) open_.erase(batch.producer_id);
}
}  // namespace faultline::client

// Which records a read_committed consumer does not show.
#pragma once
#include <cstdint>
#include <set>
#include <vector>

#include "core/wire/record_batch.h"

namespace faultline::client {

// Of one partition in one answer to Fetch, which names the transactions that were aborted among the
// records it carries (KIP-98).
class AbortedTransactions {
public:
    struct One {
        std::int64_t producer_id = -1, first_offset = 0;
    };
    AbortedTransactions() = default;
    explicit AbortedTransactions(std::vector<One> aborted);
    // Whether the records of `batch` belong to an aborted transaction. Asked of each batch once, in
    // order.
    bool hides(const wire::BatchHeader& batch);
    // A marker with this key ends a transaction of the batch's producer. Keys that are no marker's
    // change nothing.
    void marker(const wire::BatchHeader& batch, Bytes key);

private:
    std::vector<One> ahead_;  // by offset, the last first
    std::set<std::int64_t> open_;
};
}  // namespace faultline::client

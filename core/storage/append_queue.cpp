#include "core/storage/append_queue.h"

#include "core/base/assert.h"

namespace faultline::storage {

void AppendQueue::enter(Turn& turn) {
    if (!led_) {
        led_ = turn.leads = true;
        return;
    }
    waiting_.push_back(turn);
    (void)turn.waiter.park(Deadline::never());  // only wake() ends it
    FL_INVARIANT(17, turn.done != (turn.leads && led_));
}

void AppendQueue::leave() noexcept {
    FL_INVARIANT(17, led_);
    if (waiting_.empty()) {
        led_ = false;
        return;
    }
    Turn& next = waiting_.pop_front();
    next.leads = true;
    next.waiter.wake();
}

void AppendQueue::take_appends(std::vector<Turn*>& out, std::size_t max_bytes) {
    std::size_t bytes = 0;
    while (!waiting_.empty() && waiting_.front().is_append) {
        bytes += waiting_.front().bytes.size();
        if (bytes > max_bytes) return;
        out.push_back(&waiting_.pop_front());
    }
}

void AppendQueue::fail_appends(Error error) {
    waiting_.for_each([error](Turn& turn) {
        if (!turn.is_append) return;
        turn.unlink();
        finish(turn, error);
    });
}

void AppendQueue::finish(Turn& turn, Result<void> result) {
    turn.result = result;
    turn.done = true;
    turn.waiter.wake();
}
}  // namespace faultline::storage

// Cooperative cancellation inside one shard: cheaper and more deterministic than std::stop_token.
#pragma once
#include "core/base/intrusive_list.h"

namespace faultline::fiber {

class Waiter;
struct StopTag;

// Parked waiters to cancel. Owned by a StopSource.
struct StopState {
    bool requested = false;
    IntrusiveList<Waiter, StopTag> waiters;
};

// A view of a StopSource, which must outlive it. A default token never stops.
class StopToken {
public:
    StopToken() = default;
    bool stop_requested() const noexcept { return s_ != nullptr && s_->requested; }

private:
    friend class StopSource;
    friend class Waiter;
    explicit StopToken(StopState* s) : s_(s) {}
    StopState* s_ = nullptr;
};

class StopSource {
public:
    StopSource() = default;
    StopSource(const StopSource&) = delete;
    StopSource& operator=(const StopSource&) = delete;
    StopToken token() noexcept { return StopToken{&s_}; }
    bool stop_requested() const noexcept { return s_.requested; }
    // Wakes every parked waiter with Wake::cancelled, oldest first. Later parks return at once.
    void request_stop() noexcept;

private:
    StopState s_;
};
}  // namespace faultline::fiber

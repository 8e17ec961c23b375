#include "core/broker/connection_slots.h"

#include <algorithm>

#include "core/base/assert.h"

namespace faultline::broker {

ConnectionSlots::Answer ConnectionSlots::take(const std::string& host, MonoTime now) {
    if (all_ >= most_) return Answer::full;
    const auto own = config_.max_connections_of.find(host);
    const std::size_t most =
        own == config_.max_connections_of.end() ? config_.max_connections_per_ip : own->second;
    const auto known = by_host_.find(host);
    if ((known == by_host_.end() ? 0 : known->second) >= most) return Answer::too_many_of;
    if (per_second_ < INT32_MAX) {
        constexpr Duration kSecond = std::chrono::seconds(1);
        if (per_second_ == 0) return Answer::too_fast;
        const Duration gap = kSecond / static_cast<std::int64_t>(per_second_);
        const MonoTime due = std::max(due_, now) + gap;
        if (due - now > std::max(kSecond, gap)) return Answer::too_fast;
        due_ = due;
    }
    ++by_host_[host];
    ++all_;
    return Answer::granted;
}

void ConnectionSlots::give_back(const std::string& host) {
    const auto known = by_host_.find(host);
    FL_ASSERT(known != by_host_.end() && all_ > 0);
    --all_;
    if (--known->second == 0) by_host_.erase(known);
}
}  // namespace faultline::broker

#include "core/logic/replica/throttle.h"

#include <algorithm>
#include <charconv>

namespace faultline::logic {
namespace {

constexpr std::int64_t kMost = INT64_MAX / 4;  // bytes: sums of two stay in range

// "3:1"
bool is_replica(std::string_view text, PartitionIndex partition, NodeId broker) {
    const char* const end = text.data() + text.size();
    std::int32_t index = -1, id = -1;
    const auto [colon, bad_index] = std::from_chars(text.data(), end, index);
    if (bad_index != std::errc{} || colon == end || *colon != ':') return false;
    const auto [rest, bad_id] = std::from_chars(colon + 1, end, id);
    return bad_id == std::errc{} && rest == end && index == partition.v && id == broker.v;
}
}  // namespace

bool names_replica(std::string_view throttled, PartitionIndex partition, NodeId broker) {
    if (throttled == "*") return true;
    while (!throttled.empty()) {
        const auto comma = std::min(throttled.find(','), throttled.size());
        std::string_view one = throttled.substr(0, comma);
        throttled.remove_prefix(std::min(comma + 1, throttled.size()));
        while (one.starts_with(' ')) one.remove_prefix(1);
        while (one.ends_with(' ')) one.remove_suffix(1);
        if (is_replica(one, partition, broker)) return true;
    }
    return false;
}

void ThrottleBucket::set_rate(std::int64_t rate, MonoTime now) {
    if (rate > kMost) rate = kNoThrottle;
    if (rate == rate_) return;
    rate_ = level_ = rate;
    filled_ = now;
}

void ThrottleBucket::fill(MonoTime now) {
    constexpr std::int64_t kSecond = 1'000'000;
    const std::int64_t micros = (now - filled_).count() / 1'000;
    const std::int64_t seconds = micros / kSecond, rest = micros % kSecond;
    if (rate_ == 0 || level_ >= rate_ || seconds > (rate_ - level_) / rate_) {
        level_ = rate_;
        filled_ = now;
        return;
    }
    // Whole seconds and the rest apart: no product is too large.
    const std::int64_t more =
        seconds * rate_ + rate_ / kSecond * rest + rate_ % kSecond * rest / kSecond;
    if (more == 0) return;  // too early: none of the time is given away
    level_ = std::min(level_ + more, rate_);
    filled_ = now;
}

bool ThrottleBucket::used_up(MonoTime now) {
    if (rate_ == kNoThrottle) return false;
    fill(now);
    return level_ <= 0;
}

void ThrottleBucket::take(std::uint64_t bytes, MonoTime now) {
    if (rate_ == kNoThrottle) return;
    fill(now);
    const auto taken = static_cast<std::int64_t>(std::min<std::uint64_t>(bytes, kMost));
    level_ = std::max(level_ - taken, -kMost);
}

std::int64_t share_of_rate(std::int64_t rate, std::int64_t own, std::int64_t all) {
    if (rate == kNoThrottle || own >= all) return rate;
    if (own <= 0) return 0;
    const std::int64_t share = rate / all * own + rate % all * own / all;
    return rate == 0 ? 0 : std::max<std::int64_t>(share, 1);
}
}  // namespace faultline::logic

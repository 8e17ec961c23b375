#include "core/storage/batch_scan.h"

#include <algorithm>
#include <array>

namespace faultline::storage {
namespace {
constexpr std::uint64_t kHeaderChunk = 16U << 10U;
constexpr std::uint64_t kCrcChunk = 1U << 20U;
}  // namespace

// Makes [at_, at_ + want) part of the window. False when the file ended first.
Result<bool> BatchScan::fill(std::uint64_t want) {
    const std::uint64_t have = window_at_ + window_.size();
    if (at_ >= window_at_ && at_ + want <= have) return true;
    const std::uint64_t chunk = check_ == Check::crc ? kCrcChunk : kHeaderChunk;
    const std::uint64_t len = std::min(std::max(want, chunk), end_ - at_);
    FL_TRY(window_, file_->read(at_, len));
    window_at_ = at_;
    return window_.size() >= want;
}

Result<BatchScan::Step> BatchScan::next() {
    if (!first_) at_ = next_position();
    first_ = false;
    if (at_ >= end_) return Step::end;
    short_ = end_ - at_ < kBatchHeaderBytes;
    if (short_) return Step::damaged;
    FL_TRY(const bool whole_header, fill(kBatchHeaderBytes));
    short_ = !whole_header;
    if (short_) return Step::damaged;
    std::array<std::byte, kBatchHeaderBytes> raw;
    window_.copy_out(at_ - window_at_, raw);
    const auto header = plausible_header(raw);
    if (!header) return Step::damaged;
    header_ = *header;
    short_ = header_.size() > end_ - at_;
    if (short_) return Step::damaged;
    if (check_ == Check::header) return Step::batch;
    FL_TRY(const bool whole_batch, fill(header_.size()));
    short_ = !whole_batch;
    if (short_ || !crc_matches(header_, batch())) return Step::damaged;
    return Step::batch;
}
}  // namespace faultline::storage

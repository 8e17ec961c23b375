// Walks the batches of a segment file.
#pragma once
#include <cstdint>
#include <optional>

#include "core/base/iobuf.h"
#include "core/base/result.h"
#include "core/env/disk.h"
#include "core/storage/batch_header.h"

namespace faultline::storage {

// Reads ahead in chunks, so that small batches do not cost a read each. `end` is never read over.
class BatchScan {
public:
    enum class Check : std::uint8_t { header, crc };
    BatchScan(FileRef file, std::uint64_t from, std::uint64_t end, Check check)
        : file_(std::move(file)), at_(from), end_(end), check_(check) {}

    enum class Step : std::uint8_t {
        batch,    // header() stands at position()
        end,      // position() == end
        damaged,  // what is at position() is not a good batch; the scan does not go on
    };
    // Parks. io.
    Result<Step> next();
    const BatchHeader& header() const noexcept { return header_; }
    std::uint64_t position() const noexcept { return at_; }
    std::uint64_t next_position() const noexcept { return at_ + header_.size(); }
    // Of a damaged step: the file ends inside the batch or its header.
    bool short_of_length() const noexcept { return short_; }
    // Of a batch step with Check::crc: its bytes. Shared with the window.
    IoBuf batch() const { return window_.sub(at_ - window_at_, header_.size()); }

private:
    Result<bool> fill(std::uint64_t want);
    FileRef file_;
    std::uint64_t at_, end_;
    Check check_;
    bool first_ = true, short_ = false;
    BatchHeader header_;
    IoBuf window_;
    std::uint64_t window_at_ = 0;
};
}  // namespace faultline::storage

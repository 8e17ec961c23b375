// Writes the file of docs/formats/trace.md.
#pragma once
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/hash128.h"
#include "core/base/ids.h"
#include "core/base/result.h"
#include "core/base/time.h"

namespace faultline::sim {

// Buffers and never allocates after it is made. A write error is kept and reported by end(): a run
// is worth more than its trace.
class TraceFile {
public:
    // Creates or truncates `path`, on the host. io with the errno when that fails.
    static Result<std::unique_ptr<TraceFile>> create(std::string_view path,
                                                     std::string_view head_json);
    ~TraceFile();
    TraceFile(const TraceFile&) = delete;
    TraceFile& operator=(const TraceFile&) = delete;

    void label(std::string_view text);
    void partition(std::string_view topic, PartitionIndex index);
    // begin_event, then one field() for each field of the type, in order. `back`: how many events
    // before this one its cause is; 0: it has none.
    void begin_event(std::size_t type, MonoTime at, std::uint64_t back);
    void field(std::int64_t value) {
        const auto u = static_cast<std::uint64_t>(value);
        varint(u << 1 ^ (value < 0 ? ~std::uint64_t{0} : 0));
    }
    void checkpoint(const Hash128& hash);
    // Writes the end record and closes. io when any write failed.
    Result<void> end(std::uint64_t events, const Hash128& hash);

    static constexpr std::uint64_t kCheckpointEvery = 4096;  // events

private:
    explicit TraceFile(std::FILE* file);
    void reserve(std::size_t bytes) {
        if (used_ + bytes > kBuffer) flush();
    }
    void varint(std::uint64_t value) {
        while (value >= 0x80) {
            buffer_[used_++] = static_cast<char>(value | 0x80);
            value >>= 7;
        }
        buffer_[used_++] = static_cast<char>(value);
    }
    void fixed(std::uint64_t value, int bytes);
    void string(std::string_view text);
    void types();
    void flush();

    static constexpr std::size_t kBuffer = 256 * 1024;
    static constexpr std::size_t kLargestEvent = 16 * 10;  // kind, time and up to 14 fields
    std::FILE* file_;
    std::unique_ptr<char[]> buffer_;
    std::size_t used_ = 0;
    std::int64_t last_ns_ = 0;
    int error_ = 0;  // errno of the first failed write
};
}  // namespace faultline::sim

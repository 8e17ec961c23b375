#include "core/storage/log_dump.h"

#include <map>
#include <optional>

#include <fmt/format.h>

#include "core/logic/storage/recovery_plan.h"
#include "core/storage/batch_scan.h"
#include "core/storage/segment_index.h"
#include "core/wire/record_batch.h"

namespace faultline::storage {
namespace {
constexpr std::size_t kIndexLimit = 1U << 30U;

struct Dumped {  // of a batch, for the checks of the indexes
    Offset last;
    std::int64_t max_timestamp;
};

std::string_view codec_name(const BatchHeader& h) {
    return h.codec() > 4 ? "unknown" : wire::to_string(static_cast<wire::Codec>(h.codec()));
}

std::string batch_line(const BatchHeader& h, std::uint64_t position, bool valid) {
    // Sequence numbers go on with 0 behind the largest 32-bit one.
    const std::int64_t sum = std::int64_t{h.base_sequence} + h.last_delta;
    const std::int64_t last_sequence = h.base_sequence < 0 ? -1 : sum & INT32_MAX;
    return fmt::format(
        "baseOffset: {} lastOffset: {} count: {} baseSequence: {} lastSequence: {} producerId: {} "
        "producerEpoch: {} partitionLeaderEpoch: {} isTransactional: {} isControl: {} position: {} "
        "{}: {} size: {} magic: {} compresscodec: {} crc: {} isvalid: {}",
        h.base.v, h.last().v, h.count, h.base_sequence, last_sequence, h.producer_id,
        h.producer_epoch, h.epoch.v, h.transactional(), h.control(), position,
        h.append_time() ? "LogAppendTime" : "CreateTime", h.max_timestamp, h.size(),
        static_cast<int>(h.magic), codec_name(h), h.crc, valid);
}

// Bytes as text; what does not print is written as \xNN.
std::string printable(Bytes bytes) {
    std::string out;
    for (const std::byte b : bytes) {
        const auto c = std::to_integer<unsigned char>(b);
        if (c >= 0x20 && c != 0x7f) {
            out += static_cast<char>(c);
        } else {
            out += fmt::format("\\x{:02x}", c);
        }
    }
    return out;
}

bool dump_records(const IoBuf& batch, const DumpOptions& options, const DumpLine& out) {
    auto reader = wire::RecordReader::open(batch, false);
    if (!reader.ok()) {
        out(fmt::format("  the records cannot be read: {}", to_string(reader.error())));
        return false;
    }
    for (;;) {
        auto record = reader->next();
        if (!record.ok()) {
            out(fmt::format("  the records cannot be read: {}", to_string(record.error())));
            return false;
        }
        if (!*record) return true;
        const wire::RecordView& r = **record;
        const auto size = [](const std::optional<Bytes>& b) {
            return b ? static_cast<std::int64_t>(b->size()) : -1;
        };
        std::string line =
            fmt::format("| offset: {} {}: {} keySize: {} valueSize: {} headers: {}", r.offset,
                        reader->header().log_append_time() ? "LogAppendTime" : "CreateTime",
                        r.timestamp, size(r.key), size(r.value), r.headers);
        if (options.records && r.key) line += " key: " + printable(*r.key);
        if (options.records && r.value) line += " payload: " + printable(*r.value);
        out(line);
    }
}

struct Indexes {
    bool found = false;
    IoBuf offsets, times;
};

Result<Indexes> read_indexes(Disk& disk, const std::string& stem) {
    Indexes out;
    auto offsets = read_file(disk, stem + ".index", kIndexLimit);
    auto times = read_file(disk, stem + ".timeindex", kIndexLimit);
    for (const auto* r : {&offsets, &times}) {
        if (!r->ok() && r->code() != Errc::not_found) return r->error();
    }
    out.found = offsets.ok() && times.ok();
    if (out.found) {
        out.offsets = *std::move(offsets);
        out.times = *std::move(times);
    }
    return out;
}

// Every entry must name a batch: where it begins, where it ends, what its timestamp is.
bool check_indexes(const Indexes& files, Offset base, std::uint64_t log_bytes,
                   const std::map<std::uint64_t, Dumped>& batches, const DumpLine& out) {
    SegmentIndex index(base);
    if (!index.decode(files.offsets, files.times, log_bytes)) {
        out("the indexes are not in order; a start rebuilds them");
        return false;
    }
    bool good = true;
    for (const IndexEntry& e : index.offsets()) {
        const auto at = batches.find(static_cast<std::uint64_t>(e.position));
        if (at != batches.end() && at->second.last == base + e.last) continue;
        good = false;
        out(fmt::format("index entry offset: {} position: {} names no batch", (base + e.last).v,
                        e.position));
    }
    std::map<std::int64_t, std::int64_t> by_last;
    for (const auto& [position, batch] : batches) by_last[batch.last.v] = batch.max_timestamp;
    for (const TimeEntry& e : index.times()) {
        const auto at = by_last.find((base + e.last).v);
        if (at != by_last.end() && at->second == e.timestamp) continue;
        good = false;
        out(fmt::format("time index entry timestamp: {} offset: {} does not match its batch",
                        e.timestamp, (base + e.last).v));
    }
    return good;
}

Result<bool> dump_log(Disk& disk, const std::string& path, Offset base, const DumpOptions& options,
                      const DumpLine& out) {
    FL_TRY(FileRef file, disk.open(path, OpenMode::read));
    FL_TRY(const std::uint64_t size, file->size());
    out(fmt::format("Dumping {}", path));
    out(fmt::format("Log starting offset: {}", base.v));
    std::map<std::uint64_t, Dumped> batches;
    BatchScan walk(file, 0, size, BatchScan::Check::header);
    bool good = true;
    for (;;) {
        FL_TRY(const BatchScan::Step step, walk.next());
        if (step == BatchScan::Step::end) break;
        if (step == BatchScan::Step::damaged) {
            out(fmt::format("Found {} bytes at position {} that are no batch",
                            size - walk.position(), walk.position()));
            good = false;
            break;
        }
        const BatchHeader& h = walk.header();
        FL_TRY(const IoBuf batch, file->read(walk.position(), h.size()));
        const bool valid = batch.size() == h.size() && crc_matches(h, batch);
        good &= valid;
        out(batch_line(h, walk.position(), valid));
        if (valid && (options.records || options.deep)) good &= dump_records(batch, options, out);
        batches[walk.position()] = {h.last(), h.max_timestamp};
    }
    FL_TRY(const Indexes indexes, read_indexes(disk, path.substr(0, path.size() - 4)));
    if (indexes.found) good &= check_indexes(indexes, base, size, batches, out);
    return good;
}

Result<bool> dump_index(Disk& disk, const std::string& path, Offset base, bool times,
                        const DumpLine& out) {
    FL_TRY(const IoBuf file, read_file(disk, path, kIndexLimit));
    out(fmt::format("Dumping {}", path));
    SegmentIndex index(base);
    const bool good = times ? index.decode({}, file, INT32_MAX) : index.decode(file, {}, INT32_MAX);
    for (const IndexEntry& e : index.offsets()) {
        out(fmt::format("offset: {} position: {}", (base + e.last).v, e.position));
    }
    for (const TimeEntry& e : index.times()) {
        out(fmt::format("timestamp: {} offset: {}", e.timestamp, (base + e.last).v));
    }
    if (!good) out("the entries are not in order; a start rebuilds them");
    return good;
}
}  // namespace

Result<bool> dump_file(Disk& disk, const std::string& path, const DumpOptions& options,
                       const DumpLine& out) {
    const auto slash = path.rfind('/');
    const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
    using logic::storage::parse_segment_name;
    if (const auto base = parse_segment_name(name, ".log")) {
        return dump_log(disk, path, *base, options, out);
    }
    if (const auto base = parse_segment_name(name, ".index")) {
        return dump_index(disk, path, *base, false, out);
    }
    if (const auto base = parse_segment_name(name, ".timeindex")) {
        return dump_index(disk, path, *base, true, out);
    }
    return Error{Errc::invalid, 0, "log.dump"};
}
}  // namespace faultline::storage

// Arbitrary bytes as a partition's files: opening must not crash, and what opens must be a log that
// is consistent with itself, serves good batches alone, and opens again as it was.
//
// Input: one byte of flags, then either pieces (flag 1 clear) of [kind u8][length u16][bytes], each
// a file, or edits (flag 1 set) of [place u16][value u8] to a valid log's bytes, whose CRCs then
// are made right again (flag 32).
#include <cstdint>
#include <string>
#include <vector>

#include "core/base/assert.h"
#include "core/base/crc32c.h"
#include "core/storage/batch_header.h"
#include "core/storage/log_dump.h"
#include "core/storage/partition_log.h"
#include "core/wire/record_batch.h"
#include "tests/support/batches.h"
#include "tests/support/test_world.h"

using namespace faultline;
using namespace faultline::storage;
using namespace faultline::test;

namespace {
constexpr const char* kNames[] = {
    "00000000000000000000.log", "00000000000000000000.index", "00000000000000000000.timeindex",
    "00000000000000000010.log", "00000000000000000010.index", "00000000000000000010.timeindex",
    "leader-epoch-checkpoint",  "00000000000000000020.log"};

struct Input {
    const std::uint8_t* data;
    std::size_t size;
    std::uint8_t byte() {
        if (size == 0) return 0;
        --size;
        return *data++;
    }
    std::size_t word() {
        const std::size_t high = byte();
        return high << 8U | byte();
    }
    std::string take(std::size_t n) {
        n = n < size ? n : size;
        std::string out(reinterpret_cast<const char*>(data), n);
        data += n;
        size -= n;
        return out;
    }
};

void put_files(MemoryDisk& disk, Input in, std::uint8_t flags) {
    if ((flags & 1U) != 0) {
        std::string bytes;
        std::vector<std::size_t> starts;
        for (int i = 0; i < 5; ++i) {
            starts.push_back(bytes.size());
            bytes += make_batch(2, 40 + 300 * (i % 2), 100 + i, Offset{i * 2}).copy_string();
        }
        while (in.size >= 3) {
            const std::size_t place = in.word() % (bytes.size() + 1);
            const auto value = static_cast<char>(in.byte());
            if (place == bytes.size()) {
                bytes += value;
            } else {
                bytes[place] = value;
            }
        }
        starts.push_back(bytes.size());
        for (std::size_t i = 0; (flags & 32U) != 0 && i + 1 < starts.size(); ++i) {
            const std::size_t from = starts[i] + kCrcFrom;
            const std::uint32_t crc = crc32c(as_bytes(bytes).subspan(from, starts[i + 1] - from));
            for (unsigned b = 0; b < 4; ++b) {
                bytes[from - 4 + b] = static_cast<char>(crc >> (24 - 8 * b));
            }
        }
        disk.put(std::string("d/t-0/") + kNames[0], bytes);
        return;
    }
    while (in.size > 3) {
        const char* name = kNames[in.byte() % std::size(kNames)];
        const std::size_t length = in.word();
        disk.put(std::string("d/t-0/") + name, in.take(length));
    }
}

// Reads everything; a damaged batch may stop a read, and is never part of one.
void check_reads(PartitionLog& log) {
    for (Offset at = log.log_start(); at < log.log_end();) {
        auto read = log.read({.from = at, .max_bytes = 500});
        if (!read.ok()) {
            FL_ASSERT(read.code() == Errc::corrupt);
            return;
        }
        if (read->slices.empty()) return;
        FL_ASSERT(read->next > at && read->next <= log.log_end());
        for (std::size_t i = 0; i < read->slices.size(); ++i) {
            const FileSlice& slice = read->slices[i];
            auto bytes = slice.file->read(slice.off, slice.len);
            FL_ASSERT(bytes.ok() && bytes->size() == slice.len);
            std::size_t whole = 0;
            for (const IoBuf& batch : wire::split_batches(*bytes)) {
                whole += batch.size();
                const auto raw = batch.coalesce_copy();
                const auto header = parse_batch_header(raw.bytes());
                FL_ASSERT(crc_matches(header, raw.bytes()));
            }
            FL_ASSERT(whole == slice.len);
        }
        at = read->next;
    }
}

void open_and_check(TestWorld& world, const LogContext& context, std::uint8_t flags) {
    LogOpenOptions options;
    options.partition = {"t", PartitionIndex{0}};
    options.path = "d/t-0";
    options.config.segment_bytes = 4000;
    options.compacted = (flags & 2U) != 0;
    options.clean = (flags & 4U) != 0;
    options.recovery_point = Offset{(flags & 8U) != 0 ? 10 : 0};
    if ((flags & 16U) != 0) options.log_start = Offset{5};
    auto dir = std::make_shared<LogDir>(context, "d", 0);
    for (const std::string& path : world.disk.paths()) {
        (void)dump_file(world.disk, path, {.records = true}, [](std::string_view) {});
    }
    auto opened = PartitionLog::open(context, dir, options);
    if (!opened.ok()) {
        FL_ASSERT(opened.code() == Errc::corrupt);
        return;
    }
    const LogRef log = *opened;
    check_reads(*log);
    (void)log->offset_for_timestamp(100);
    (void)log->max_timestamp();
    const auto appended = log->append(make_batch(1, 20, 7), Epoch{1});
    if (appended.ok()) FL_ASSERT(appended->end() == log->log_end());
    const Offset start = log->log_start(), end = log->log_end();
    (void)log->truncate_to(Offset{end.v - 1});
    check_reads(*log);
    const Offset cut = log->log_end();
    FL_ASSERT(log->close().ok());
    options.clean = true;
    options.log_start = start;
    auto again = PartitionLog::open(context, dir, options);
    if (!again.ok()) {
        FL_ASSERT(again.code() == Errc::corrupt);
        return;
    }
    FL_ASSERT((*again)->log_start() == start && (*again)->log_end() == cut);
    FL_ASSERT((*again)->close().ok());
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input in{data, size};
    const std::uint8_t flags = in.byte();
    TestWorld world;
    put_files(world.disk, in, flags);
    const LogContext context{world.disk, world.clock, world.scheduler, world.probe, world.log};
    world.run([&] { open_and_check(world, context, flags); });
    return 0;
}

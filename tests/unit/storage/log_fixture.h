// A PartitionLog on a MemoryDisk, and what its bytes should be.
#pragma once
#include "core/storage/batch_header.h"
#include "core/storage/partition_log.h"
#include "tests/support/batches.h"
#include "tests/support/catch.h"
#include "tests/support/test_world.h"

namespace faultline::test {
using namespace faultline::storage;

struct LogRig : TestWorld {
    explicit LogRig(std::uint64_t seed = 0) : TestWorld(seed) {
        dir = std::make_shared<LogDir>(context, "d", 0);
    }
    Result<LogRef> open(bool clean = false, Offset recovery_point = Offset{0}) {
        LogOpenOptions o;
        o.partition = {"t", PartitionIndex{0}};
        o.path = "d/t-0";
        o.config = config;
        o.clean = clean;
        o.recovery_point = recovery_point;
        o.log_start = log_start;
        return PartitionLog::open(context, dir, o);
    }
    // What a restart after a crash sees: a directory that is well again.
    void reboot() { dir = std::make_shared<LogDir>(context, "d", 0); }
    LogContext context{disk, clock, scheduler, probe, log};
    LogDirRef dir;
    LogConfig config;
    std::optional<Offset> log_start;
};

inline std::string bytes_of(const ReadResult& r) {
    std::string out;
    for (std::size_t i = 0; i < r.slices.size(); ++i) {
        auto read = r.slices[i].file->read(r.slices[i].off, r.slices[i].len);
        if (read.ok()) out += read->copy_string();
    }
    return out;
}

// The batches in `bytes`; requires them to be whole and good.
inline std::vector<BatchHeader> batches_of(const std::string& bytes) {
    std::vector<BatchHeader> out;
    for (std::size_t at = 0; at < bytes.size();) {
        const auto h = plausible_header(as_bytes(std::string_view(bytes).substr(at)));
        REQUIRE(h);
        REQUIRE(at + h->size() <= bytes.size());
        REQUIRE(crc_matches(*h, as_bytes(std::string_view(bytes).substr(at, h->size()))));
        out.push_back(*h);
        at += h->size();
    }
    return out;
}

// Everything that the log serves from its start; requires dense offsets up to log_end.
inline std::vector<BatchHeader> read_all(PartitionLog& log, std::uint64_t max_bytes = 1 << 20) {
    std::vector<BatchHeader> out;
    Offset at = log.log_start();
    while (at < log.log_end()) {
        auto r = log.read({.from = at, .max_bytes = max_bytes});
        REQUIRE(r.ok());
        REQUIRE(r->next > at);
        for (const BatchHeader& h : batches_of(bytes_of(*r))) {
            if (!out.empty()) REQUIRE(h.base == out.back().last() + 1);
            out.push_back(h);
        }
        at = r->next;
        REQUIRE(out.back().last() + 1 == at);
    }
    return out;
}

inline AppendResult must_append(PartitionLog& log, const IoBuf& batch, Epoch epoch = Epoch{0}) {
    auto r = log.append(batch, epoch);
    REQUIRE(r.ok());
    return *r;
}
}  // namespace faultline::test

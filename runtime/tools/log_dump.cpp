#include <cerrno>
#include <cstring>
#include <fstream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "core/wire/record_batch.h"
#include "runtime/tools/tools.h"

namespace faultline::tools {
namespace {

struct DumpOptions {
    std::vector<std::string> files;
    bool records = false;
};

// The rest of the file from `size` bytes of one batch on, or nothing and a line that says why.
bool dump_batch(std::ifstream& in, const std::string& file, std::uint64_t at, std::uint64_t left,
                bool records, std::uint64_t* size) {
    std::array<std::byte, wire::kBatchHeader> head;
    if (left < head.size() ||
        !in.read(reinterpret_cast<char*>(head.data()), static_cast<std::streamsize>(head.size()))) {
        fmt::print("{}: byte {}: {} bytes left, less than a batch header: a torn tail\n", file, at,
                   left);
        return false;
    }
    const wire::BatchHeader h = wire::parse_batch_header(head);
    if (h.magic != 2 ||
        h.length < static_cast<std::int32_t>(wire::kBatchHeader - wire::kBatchLengthEnd)) {
        fmt::print("{}: byte {}: not a record batch (magic {}, length {})\n", file, at, h.magic,
                   h.length);
        return false;
    }
    if (h.size() > left) {
        fmt::print("{}: byte {}: a batch of {} bytes where {} are left: a torn tail\n", file, at,
                   h.size(), left);
        return false;
    }
    Block* block = Block::allocate(h.size());
    std::memcpy(block->data(), head.data(), head.size());
    in.read(reinterpret_cast<char*>(block->data() + head.size()),
            static_cast<std::streamsize>(h.size() - head.size()));
    const IoBuf batch{Slice(block, 0, static_cast<std::uint32_t>(h.size()))};
    auto reader = wire::RecordReader::open(batch);
    fmt::print(
        "baseOffset: {} lastOffset: {} count: {} baseSequence: {} producerId: {} "
        "producerEpoch: {} partitionLeaderEpoch: {} isTransactional: {} isControl: {} "
        "position: {} timestamp: {} size: {} compresscodec: {} crc: {} isvalid: {}\n",
        h.base_offset, h.last_offset(), h.count, h.base_sequence, h.producer_id, h.producer_epoch,
        h.leader_epoch, h.transactional(), h.control(), at, h.max_timestamp, h.size(),
        h.codec_bits() <= 4 ? wire::to_string(h.codec()) : "unknown", h.crc, reader.ok());
    *size = h.size();
    if (!reader.ok()) return false;
    while (records) {
        const auto record = reader->next();
        if (!record.ok()) {
            fmt::print("{}: byte {}: the batch's records do not parse\n", file, at);
            return false;
        }
        if (!*record) break;
        const wire::RecordView& r = **record;
        fmt::print("| offset: {} timestamp: {} keySize: {} valueSize: {} headers: {}\n", r.offset,
                   r.timestamp, r.key ? static_cast<std::int64_t>(r.key->size()) : -1,
                   r.value ? static_cast<std::int64_t>(r.value->size()) : -1, r.headers);
    }
    return true;
}

int dump(const DumpOptions& options) {
    int code = kOk;
    for (const std::string& file : options.files) {
        std::ifstream in(file, std::ios::binary | std::ios::ate);
        if (!in) {
            return bad_input(
                fmt::format("faultline: {}: cannot be read: {}; give segment files, as "
                            "DATA/TOPIC-PARTITION/00000000000000000000.log",
                            file, std::strerror(errno)));
        }
        const auto end = static_cast<std::uint64_t>(in.tellg());
        in.seekg(0);
        fmt::print("Dumping {}\n", file);
        for (std::uint64_t at = 0, size = 0; at < end; at += size) {
            if (dump_batch(in, file, at, end - at, options.records, &size)) continue;
            code = kFailed;
            break;
        }
    }
    return code;
}
}  // namespace

void add_log(CLI::App& app, std::vector<Command>& commands) {
    CLI::App* log =
        app.add_subcommand("log",
                           "Example:  faultline log dump data/orders-0/00000000000000000000.log\n\n"
                           "Looks at the files of a log.");
    log->require_subcommand(1);
    CLI::App* sub = log->add_subcommand(
        "dump",
        "Example:  faultline log dump --records data/orders-0/00000000000000000000.log\n\n"
        "Prints each batch of segment files and checks it. Exit 1 where one is damaged.");
    auto o = std::make_shared<DumpOptions>();
    sub->add_option("files", o->files, "segment files (.log)")->required();
    sub->add_flag("--records", o->records, "also each record");
    commands.push_back({sub, [o] { return dump(*o); }});
}
}  // namespace faultline::tools

#include "core/controller/metadata_snapshot.h"

#include <charconv>

#include <fmt/format.h>

#include "core/controller/control_records.h"
#include "core/wire/record_batch.h"

namespace faultline::controller {
namespace {
constexpr std::size_t kBatchBytes = 1U << 20;  // a batch is closed when it is over that
constexpr std::string_view kSuffix = ".checkpoint";
constexpr std::size_t kEndDigits = 20, kEpochDigits = 10;

template <class Number>
bool digits(std::string_view text, Number& out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc{} && end == text.data() + text.size() && out >= 0;
}

// Reads batch after batch, and says what is missing at the end.
class Parser {
public:
    explicit Parser(MetadataSnapshot& into) : into_(into) {}

    Result<void> batch(const IoBuf& bytes) {
        FL_TRY(wire::RecordReader reader, wire::RecordReader::open(bytes));
        const wire::BatchHeader& header = reader.header();
        if (header.leader_epoch != into_.id.epoch.v || header.base_offset != next_ || ended_)
            return Error{Errc::corrupt, 0, "snapshot.batch"};
        next_ = header.last_offset() + 1;
        while (true) {
            FL_TRY(const auto record, reader.next());
            if (!record) return {};
            FL_CHECK(header.control() ? control(*record) : data(*record));
        }
    }

    Result<void> end() const {
        if (!begun_ || !ended_) return Error{Errc::corrupt, 0, "snapshot.incomplete"};
        return {};
    }

private:
    Result<void> control(const wire::RecordView& record) {
        const auto type = control_type_of(record);
        if (!type || begun_ == (*type == static_cast<int>(ControlType::snapshot_header)))
            return Error{Errc::corrupt, 0, "snapshot.control"};
        if (!begun_) {
            begun_ = true;
            FL_TRY(into_.last_timestamp_ms, parse_snapshot_header(*record.value));
        } else if (*type == static_cast<int>(ControlType::voters)) {
            FL_TRY(auto voters, parse_voters(*record.value));
            into_.voters = std::move(voters);
        } else if (*type == static_cast<int>(ControlType::snapshot_footer)) {
            ended_ = true;
        }
        return {};
    }

    Result<void> data(const wire::RecordView& record) {
        if (!begun_ || !record.value) return Error{Errc::corrupt, 0, "snapshot.record"};
        FL_TRY(auto decoded, model::decode_metadata_record(*record.value));
        if (decoded) into_.records.push_back(*std::move(decoded));
        return {};
    }

    MetadataSnapshot& into_;
    std::int64_t next_ = 0;
    bool begun_ = false, ended_ = false;
};
}  // namespace

std::string snapshot_file_name(const SnapshotId& id) {
    return fmt::format("{:020}-{:010}{}", id.end.v, id.epoch.v, kSuffix);
}

std::optional<SnapshotId> parse_snapshot_file_name(std::string_view name) {
    if (name.size() != kEndDigits + 1 + kEpochDigits + kSuffix.size() || !name.ends_with(kSuffix) ||
        name[kEndDigits] != '-')
        return {};
    SnapshotId id;
    if (!digits(name.substr(0, kEndDigits), id.end.v) ||
        !digits(name.substr(kEndDigits + 1, kEpochDigits), id.epoch.v))
        return {};
    return id;
}

IoBuf encode_snapshot(const MetadataSnapshot& snapshot, WallTime now) {
    IoBuf out;
    Offset next{0};
    const Epoch epoch = snapshot.id.epoch;
    const auto control = [&](const ControlRecord& record) {
        out.append(encode_control_batch(next, epoch, {record}, now));
        next = next + 1;
    };
    control(snapshot_header_record(snapshot.last_timestamp_ms));
    if (snapshot.voters) {
        control(kraft_version_record(1));
        control(voters_record(*snapshot.voters));
    }
    wire::BatchBuilder batch;
    const auto close = [&] {
        if (batch.count() == 0) return;
        batch.set_base_offset(next.v);
        batch.set_leader_epoch(epoch.v);
        next = next + batch.count();
        out.append(batch.finish(wire::Codec::none));
    };
    for (const model::MetadataRecord& record : snapshot.records) {
        const Slice bytes = model::encode_metadata_record(record).coalesce_copy();
        batch.add(now.ms, std::nullopt, bytes.bytes());
        if (batch.size() > kBatchBytes) close();
    }
    close();
    control(snapshot_footer_record());
    return out;
}

Result<MetadataSnapshot> decode_snapshot(const SnapshotId& id, const IoBuf& bytes) {
    MetadataSnapshot snapshot;
    snapshot.id = id;
    Parser parser(snapshot);
    std::size_t taken = 0;
    for (const IoBuf& one : wire::split_batches(bytes)) {
        FL_CHECK(parser.batch(one));
        taken += one.size();
    }
    FL_CHECK(parser.end());
    if (taken != bytes.size()) return Error{Errc::corrupt, 0, "snapshot.rest"};
    return snapshot;
}
}  // namespace faultline::controller

// The fast way through the records of a batch against the slow one.
#include "core/wire/plain_records.h"

#include <algorithm>

#include "core/base/crc32c.h"
#include "core/base/random.h"
#include "core/wire/record_batch.h"
#include "tests/support/catch.h"

using namespace faultline;
using namespace faultline::wire;

namespace {
constexpr WallTime kNow{1'700'000'000'000};

IoBuf random_batch(Rng& rng) {
    BatchBuilder b;
    const auto count = 1 + rng.below(40);
    const bool keys = rng.chance(3, 4), headers = rng.chance(1, 4), odd_times = rng.chance(1, 3);
    const std::string text(300, 'v');
    for (std::uint64_t i = 0; i < count; ++i) {
        std::int64_t time = kNow.ms - static_cast<std::int64_t>(rng.below(100));
        if (odd_times && rng.chance(1, 8)) time = rng.chance(1, 2) ? -1 : 5;
        if (odd_times && rng.chance(1, 8)) time = kNow.ms + 4'000'000;
        const auto piece = [&] { return as_bytes(text).first(rng.below(text.size())); };
        std::optional<Bytes> key, value;
        if (keys && !rng.chance(1, 20)) key = piece();
        if (!rng.chance(1, 20)) value = piece();
        std::vector<RecordHeader> h;
        if (headers && rng.chance(1, 2)) h.push_back({"h", std::string("x")});
        b.add(time, key, value, h);
    }
    return b.finish(rng.chance(1, 10) ? Codec::gzip : Codec::none);
}

// Bytes that are changed, and the CRC of what they are then; in one part or in several.
IoBuf disturbed(const IoBuf& batch, Rng& rng) {
    std::vector<std::byte> bytes(batch.size());
    batch.copy_out(0, bytes);
    for (std::uint64_t n = rng.below(3); n > 0 && bytes.size() > kBatchHeader; --n) {
        const auto at = kBatchHeader + rng.below(bytes.size() - kBatchHeader);
        bytes[at] = static_cast<std::byte>(rng.below(256));
    }
    const std::uint32_t crc = crc32c(Bytes(bytes).subspan(kCrcFrom));
    for (int i = 0; i < 4; ++i)
        bytes[17 + static_cast<std::size_t>(i)] = static_cast<std::byte>(crc >> (24 - 8 * i));
    IoBuf out;
    for (std::size_t at = 0; at < bytes.size();) {
        const std::size_t n = std::min<std::size_t>(bytes.size() - at,
                                                    rng.chance(1, 2) ? 10'000 : 1 + rng.below(400));
        out.append(IoBuf::copy_of(Bytes(bytes).subspan(at, n)));
        at += n;
    }
    return out;
}

struct Slow {
    bool parses = true, ordered = true;
    std::vector<std::int32_t> no_key, bad_time;
    std::int64_t max_timestamp = -1;
};

Slow read_slowly(const IoBuf& batch, const AppendRules& rules) {
    Slow s;
    auto reader = RecordReader::open(batch);
    if (!reader.ok()) return {.parses = false, .no_key = {}, .bad_time = {}};
    for (std::int32_t i = 0;; ++i) {
        const auto r = reader->next();
        if (!r.ok()) {
            s.parses = false;
            return s;
        }
        if (!*r) return s;
        if ((*r)->offset != i) {
            s.ordered = false;
            return s;
        }
        const std::int64_t t = (*r)->timestamp;
        if (!(*r)->key) s.no_key.push_back(i);
        if (t != -1 && (t > kNow.ms + rules.after_max_ms || t < kNow.ms - rules.before_max_ms))
            s.bad_time.push_back(i);
        s.max_timestamp = std::max(s.max_timestamp, t);
    }
}
}  // namespace

TEST_CASE("plain records: what the fast way says of a batch is what the slow one says", "[wire]") {
    Rng rng(20261130);
    AppendRules rules;
    rules.after_max_ms = 3'600'000;
    rules.before_max_ms = 1'000'000;
    int refused = 0, taken = 0;
    for (int round = 0; round < 30'000; ++round) {
        rules.compacted = rng.chance(1, 3);
        const IoBuf batch = disturbed(random_batch(rng), rng);
        const Slow slow = read_slowly(batch, rules);
        CheckedBatch checked;
        const auto refusal = check_produce(batch, rules, kNow, checked);
        CAPTURE(round);
        if (!slow.parses || !slow.ordered) {
            REQUIRE(refusal);
            CHECK(refusal->error == KafkaError::invalid_record);
            CHECK(refusal->bad_records.empty());
            ++refused;
        } else if (rules.compacted && !slow.no_key.empty()) {
            REQUIRE(refusal);
            CHECK(refusal->bad_records == slow.no_key);
        } else if (!slow.bad_time.empty()) {
            REQUIRE(refusal);
            CHECK(refusal->error == KafkaError::invalid_timestamp);
            CHECK(refusal->bad_records == slow.bad_time);
        } else {
            REQUIRE_FALSE(refusal);
            CHECK(checked.header.max_timestamp == slow.max_timestamp);
            ++taken;
        }
    }
    CHECK(refused > 1'000);
    CHECK(taken > 1'000);
}

TEST_CASE("plain records: it takes what is usual and stops in front of the rest", "[wire]") {
    BatchBuilder b;
    const std::string value(100, 'v');
    for (int i = 0; i < 200; ++i) {
        std::vector<RecordHeader> headers;
        if (i == 150) headers.push_back({"h", {}});
        b.add(kNow.ms + i, std::nullopt, as_bytes(value), headers);
    }
    const IoBuf batch = b.finish(Codec::none);
    std::vector<std::byte> bytes(batch.size());
    batch.copy_out(0, bytes);
    const Bytes records = Bytes(bytes).subspan(kBatchHeader);
    const PlainRun run = take_plain(records, 0, 200);
    CHECK(run.records == 150);
    CHECK(run.null_key);
    CHECK(run.least_delta == 0);
    CHECK(run.most_delta == 149);
    CHECK(take_plain(records.subspan(run.bytes), 150, 50).records == 0);
    CHECK(take_plain(records, 0, 7).records == 7);
    CHECK(take_plain(records, 1, 7).records == 0);
    // Never beyond what is there: any beginning of it, at the end of its own memory.
    for (std::size_t n = 0; n < 600; ++n) {
        const std::vector<std::byte> begin(records.begin(), records.begin() + static_cast<long>(n));
        const PlainRun some = take_plain(begin, 0, 200);
        CHECK(some.bytes <= n);
        CHECK(some.records <= static_cast<std::int32_t>(n / 100));
    }
}

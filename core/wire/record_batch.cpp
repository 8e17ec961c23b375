#include "core/wire/record_batch.h"

#include <algorithm>
#include <cstring>

#include "core/base/assert.h"
#include "core/base/crc32c.h"

namespace faultline::wire {
namespace {

template <class T>
T load(Bytes b, std::size_t at) {
    std::uint64_t x = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i)
        x = x << 8 | std::to_integer<std::uint64_t>(b[at + i]);
    return static_cast<T>(x);
}
template <class T>
void store(MutBytes b, std::size_t at, T value) {
    for (std::size_t i = 0; i < sizeof(T); ++i) {
        b[at + i] =
            static_cast<std::byte>(static_cast<std::uint64_t>(value) >> (8 * (sizeof(T) - 1 - i)));
    }
}

// A zigzag varint off the front of `b`; false when it is cut off or longer than `most` bytes. One
// and two bytes, which nearly all lengths and deltas are, stand in front of the loop.
[[gnu::always_inline]] inline bool take_varlong(Bytes& b, std::int64_t& out,
                                                std::size_t most = 10) {
    std::uint64_t x = 0;
    if (b.size() >= 2) [[likely]] {
        const auto first = std::to_integer<std::uint64_t>(b[0]);
        const auto second = std::to_integer<std::uint64_t>(b[1]);
        const bool one = first < 0x80;
        if (one || second < 0x80) [[likely]] {
            x = one ? first : (first & 0x7f) | second << 7;
            b = b.subspan(one ? 1 : 2);
            out = static_cast<std::int64_t>(x >> 1) ^ -static_cast<std::int64_t>(x & 1);
            return true;
        }
    }
    for (std::size_t i = 0; i < b.size() && i < most; ++i) {
        const auto byte = std::to_integer<std::uint64_t>(b[i]);
        x |= (byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            b = b.subspan(i + 1);
            out = static_cast<std::int64_t>(x >> 1) ^ -static_cast<std::int64_t>(x & 1);
            return true;
        }
    }
    return false;
}
[[gnu::always_inline]] inline bool take_varint(Bytes& b, std::int64_t& out) {
    return take_varlong(b, out, 5) && out >= INT32_MIN && out <= INT32_MAX;
}
// Length and bytes; -1 is null. False when they are not there.
[[gnu::always_inline]] inline bool take_bytes(Bytes& b, std::optional<Bytes>& out) {
    std::int64_t n = 0;
    if (!take_varint(b, n) || n < -1 || n > static_cast<std::int64_t>(b.size())) return false;
    out.reset();
    if (n >= 0) {
        out = b.first(static_cast<std::size_t>(n));
        b = b.subspan(static_cast<std::size_t>(n));
    }
    return true;
}

void put_varlong(BufBuilder& out, std::int64_t value) {
    std::uint64_t x =
        static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63);
    std::byte* to = out.reserve(10);
    std::size_t n = 0;
    for (; x >= 0x80; x >>= 7) to[n++] = static_cast<std::byte>(x | 0x80);
    to[n++] = static_cast<std::byte>(x);
    out.commit(n);
}
std::size_t varlong_size(std::int64_t value) {
    std::uint64_t x =
        static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63);
    std::size_t n = 1;
    for (; x >= 0x80; x >>= 7) ++n;
    return n;
}
std::size_t bytes_size(std::size_t n, bool null) {
    return null ? 1 : varlong_size(static_cast<std::int64_t>(n)) + n;
}
void put_bytes(BufBuilder& out, const std::optional<Bytes>& b) {
    put_varlong(out, b ? static_cast<std::int64_t>(b->size()) : -1);
    if (b) out.append(*b);
}
Error corrupt(const char* where) { return {Errc::corrupt, 0, where}; }

// The batch of `header` and its records as they go out; length and CRC are filled in.
IoBuf sealed(BatchHeader header, Slice payload) {
    header.length = static_cast<std::int32_t>(kBatchHeader - kBatchLengthEnd + payload.size());
    Block* block = Block::allocate(kBatchHeader);
    const MutBytes head{block->data(), kBatchHeader};
    write_batch_header(header, head);
    store(head, 17, crc32c_extend(crc32c(Bytes(head).subspan(kCrcFrom)), payload.bytes()));
    IoBuf out(Slice(block, 0, kBatchHeader));
    if (!payload.empty()) out.append(std::move(payload));
    return out;
}
}  // namespace

BatchHeader parse_batch_header(Bytes b) {
    FL_ASSERT(b.size() >= kBatchHeader);
    return {.base_offset = load<std::int64_t>(b, 0),
            .length = load<std::int32_t>(b, 8),
            .leader_epoch = load<std::int32_t>(b, 12),
            .magic = load<std::int8_t>(b, 16),
            .crc = load<std::uint32_t>(b, 17),
            .attributes = load<std::int16_t>(b, 21),
            .last_offset_delta = load<std::int32_t>(b, 23),
            .base_timestamp = load<std::int64_t>(b, 27),
            .max_timestamp = load<std::int64_t>(b, 35),
            .producer_id = load<std::int64_t>(b, 43),
            .producer_epoch = load<std::int16_t>(b, 51),
            .base_sequence = load<std::int32_t>(b, 53),
            .count = load<std::int32_t>(b, 57)};
}

void write_batch_header(const BatchHeader& h, MutBytes b) {
    FL_ASSERT(b.size() >= kBatchHeader);
    store(b, 0, h.base_offset);
    store(b, 8, h.length);
    store(b, 12, h.leader_epoch);
    store(b, 16, h.magic);
    store(b, 17, h.crc);
    store(b, 21, h.attributes);
    store(b, 23, h.last_offset_delta);
    store(b, 27, h.base_timestamp);
    store(b, 35, h.max_timestamp);
    store(b, 43, h.producer_id);
    store(b, 51, h.producer_epoch);
    store(b, 53, h.base_sequence);
    store(b, 57, h.count);
}

Result<HeaderView> next_header(Bytes& bytes) {
    std::optional<Bytes> key, value;
    if (!take_bytes(bytes, key) || !key || !take_bytes(bytes, value))
        return corrupt("record.header");
    return HeaderView{as_text(*key), value};
}

Result<RecordReader> RecordReader::open(const IoBuf& batch, bool check_crc) {
    if (batch.size() < kBatchHeader) return corrupt("batch.size");
    std::byte head[kBatchHeader];
    batch.copy_out(0, head);
    RecordReader r;
    r.header_ = parse_batch_header(head);
    const BatchHeader& h = r.header_;
    if (h.magic != 2 || h.length < 0 || h.count < 0 || h.size() != batch.size())
        return corrupt("batch.header");
    if (check_crc && crc32c(batch, kCrcFrom) != r.header_.crc) return corrupt("batch.crc");
    if (r.header_.codec_bits() > 4) return corrupt("batch.codec");
    IoBuf payload = batch.sub(kBatchHeader, batch.size() - kBatchHeader);
    if (r.header_.codec() == Codec::none) {
        r.bytes_ = std::move(payload);
    } else {
        FL_TRY(Slice plain, decompress(r.header_.codec(), payload.coalesce_copy().bytes()));
        r.bytes_.append(std::move(plain));
    }
    r.move_to(0);
    return r;
}

void RecordReader::move_to(std::size_t position) {
    const auto parts = bytes_.parts();
    if (parts.empty()) return;
    while (part_ + 1 < parts.size() && position >= part_start_ + parts[part_].size()) {
        part_start_ += parts[part_++].size();
    }
    rest_ = parts[part_].bytes().subspan(position - part_start_);
}

// A received batch may lie in several blocks; only a record across their border is copied.
inline bool RecordReader::take_record(Bytes& body) {
    std::int64_t length = 0;
    Bytes rest = rest_;
    if (take_varint(rest, length)) {
        if (length < 0) return false;
        if (length <= static_cast<std::int64_t>(rest.size())) {
            body = rest.first(static_cast<std::size_t>(length));
            rest_ = rest.subspan(static_cast<std::size_t>(length));
            if (rest_.empty()) move_to(bytes_.size() - left());
            return true;
        }
    }
    const std::size_t at = bytes_.size() - left();
    std::byte head[5];
    const std::size_t n = std::min(left(), sizeof head);
    bytes_.copy_out(at, {head, n});
    Bytes prefix{head, n};
    if (!take_varint(prefix, length) || length < 0) return false;
    const std::size_t from = at + n - prefix.size();
    if (length > static_cast<std::int64_t>(bytes_.size() - from)) return false;
    const auto size = static_cast<std::size_t>(length);
    joined_.push_back(bytes_.sub(from, size).coalesce_copy());
    body = joined_.back().bytes();
    move_to(from + size);
    return true;
}

std::size_t RecordReader::left() const {
    const auto parts = bytes_.parts();
    if (parts.empty()) return 0;
    return bytes_.size() - part_start_ - parts[part_].size() + rest_.size();
}

Result<std::optional<RecordView>> RecordReader::next() {
    RecordView v;
    FL_TRY(const bool more, next(v));
    if (!more) return std::optional<RecordView>{};
    return std::optional<RecordView>{v};
}

Result<bool> RecordReader::next(RecordView& v) {
    if (index_ >= header_.count) {
        // Kafka reads a batch that counts no records as empty, whatever follows.
        if (header_.count > 0 && left() != 0) return corrupt("batch.count");
        return false;
    }
    std::int64_t timestamp_delta = 0, offset_delta = 0, headers = 0;
    Bytes body;
    if (!take_record(body)) return corrupt("record.length");
    if (body.empty()) return corrupt("record.attributes");
    body = body.subspan(1);  // attributes: unused
    if (!take_varlong(body, timestamp_delta) || !take_varint(body, offset_delta) ||
        !take_bytes(body, v.key) || !take_bytes(body, v.value) || !take_varint(body, headers) ||
        headers < 0) {
        return corrupt("record");
    }
    v.offset = wrap_add(header_.base_offset, offset_delta);
    v.timestamp = header_.log_append_time() ? header_.max_timestamp
                                            : wrap_add(header_.base_timestamp, timestamp_delta);
    v.headers = static_cast<std::int32_t>(headers);
    v.header_bytes = body;
    for (std::int64_t i = 0; i < headers; ++i) FL_CHECK(next_header(body));
    if (!body.empty()) return corrupt("record.length");
    ++index_;
    return true;
}

PlainRun RecordReader::take_plain() {
    const PlainRun run = wire::take_plain(rest_, index_, header_.count - index_);
    rest_ = rest_.subspan(run.bytes);  // never to the end of the part
    index_ += run.records;
    return run;
}

std::vector<IoBuf> split_batches(const IoBuf& records) {
    std::vector<IoBuf> all;
    std::size_t at = 0;
    while (records.size() - at >= kBatchHeader) {
        std::byte head[kBatchHeader];
        records.copy_out(at, head);
        const BatchHeader h = parse_batch_header(head);
        if (h.length < static_cast<std::int32_t>(kBatchHeader - kBatchLengthEnd) ||
            h.size() > records.size() - at)
            break;
        all.push_back(records.sub(at, h.size()));
        at += h.size();
    }
    return all;
}

IoBuf rewrite_batch(const BatchHeader& original, const std::vector<RecordView>& kept,
                    std::optional<std::int64_t> delete_horizon) {
    constexpr int kCodec = 7, kHorizon = 64;
    BatchHeader h = original;
    h.count = static_cast<std::int32_t>(kept.size());
    h.attributes = static_cast<std::int16_t>(original.attributes & ~kHorizon);
    h.base_timestamp = -1;
    Slice payload;
    if (kept.empty()) {
        h.attributes = static_cast<std::int16_t>(h.attributes & ~kCodec);
    } else {
        h.base_timestamp = delete_horizon.value_or(kept.front().timestamp);
        if (delete_horizon) h.attributes = static_cast<std::int16_t>(h.attributes | kHorizon);
        h.max_timestamp = kept.front().timestamp;
        BufBuilder records;
        for (const RecordView& r : kept) {
            h.max_timestamp = std::max(h.max_timestamp, r.timestamp);
            const std::int64_t time_delta = wrap_sub(r.timestamp, h.base_timestamp);
            const std::int64_t offset_delta = wrap_sub(r.offset, original.base_offset);
            const std::size_t size = 1 + varlong_size(time_delta) + varlong_size(offset_delta) +
                                     bytes_size(r.key ? r.key->size() : 0, !r.key) +
                                     bytes_size(r.value ? r.value->size() : 0, !r.value) +
                                     varlong_size(r.headers) + r.header_bytes.size();
            put_varlong(records, static_cast<std::int64_t>(size));
            const std::byte attributes{0};
            records.append({&attributes, 1});
            put_varlong(records, time_delta);
            put_varlong(records, offset_delta);
            put_bytes(records, r.key);
            put_bytes(records, r.value);
            put_varlong(records, r.headers);
            records.append(r.header_bytes);
        }
        payload = records.take();
        if (h.codec() != Codec::none) payload = compress(h.codec(), payload.bytes());
    }
    return sealed(h, std::move(payload));
}

void BatchBuilder::add(std::int64_t timestamp, std::optional<Bytes> key, std::optional<Bytes> value,
                       const std::vector<RecordHeader>& headers) {
    if (count_ == 0) {
        header_.base_timestamp = header_.max_timestamp = timestamp;
    }
    header_.max_timestamp = std::max(header_.max_timestamp, timestamp);
    const std::int64_t delta = wrap_sub(timestamp, header_.base_timestamp);
    std::size_t size = 1 + varlong_size(delta) + varlong_size(count_) +
                       bytes_size(key ? key->size() : 0, !key) +
                       bytes_size(value ? value->size() : 0, !value) +
                       varlong_size(static_cast<std::int64_t>(headers.size()));
    for (const RecordHeader& h : headers) {
        size +=
            bytes_size(h.key.size(), false) + bytes_size(h.value ? h.value->size() : 0, !h.value);
    }
    put_varlong(records_, static_cast<std::int64_t>(size));
    const std::byte attributes{0};
    records_.append({&attributes, 1});
    put_varlong(records_, delta);
    put_varlong(records_, count_);
    put_bytes(records_, key);
    put_bytes(records_, value);
    put_varlong(records_, static_cast<std::int64_t>(headers.size()));
    for (const RecordHeader& h : headers) {
        put_bytes(records_, as_bytes(h.key));
        put_bytes(records_, h.value ? std::optional{as_bytes(*h.value)} : std::nullopt);
    }
    ++count_;
}

IoBuf BatchBuilder::finish(Codec codec) {
    FL_ASSERT(count_ > 0);
    Slice payload = records_.take();
    if (codec != Codec::none) payload = compress(codec, payload.bytes());
    header_.count = count_;
    header_.last_offset_delta = count_ - 1;
    header_.attributes =
        static_cast<std::int16_t>((header_.attributes & ~7) | static_cast<int>(codec));
    IoBuf out = sealed(header_, std::move(payload));
    header_ = {};
    records_ = BufBuilder();
    count_ = 0;
    return out;
}
}  // namespace faultline::wire

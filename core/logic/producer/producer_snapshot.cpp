#include "core/logic/producer/producer_snapshot.h"

#include <type_traits>
#include <utility>

#include "core/base/crc32c.h"

namespace faultline::logic {
namespace {
constexpr std::int16_t kVersion = 1;     // Kafka's
constexpr std::int16_t kOurVersion = 1;  // of what stands behind Kafka's
constexpr std::size_t kCrcAt = 2, kCoveredFrom = 6;
constexpr std::size_t kEntryBytes = 46;

template <class T>
void put(std::string& out, T value) {
    const auto v = static_cast<std::make_unsigned_t<T>>(value);
    for (std::size_t i = sizeof(T); i-- > 0;) out += static_cast<char>(v >> (8 * i) & 0xffU);
}

// Reads big-endian numbers; after the first one that is not there, everything is 0.
class Numbers {
public:
    explicit Numbers(Bytes bytes) : left_(bytes) {}
    template <class T>
    T next() {
        if (left_.size() < sizeof(T)) {
            good_ = false;
            return 0;
        }
        std::make_unsigned_t<T> v = 0;
        for (std::size_t i = 0; i < sizeof(T); ++i) {
            v = static_cast<std::make_unsigned_t<T>>(v << 8U |
                                                     std::to_integer<std::uint8_t>(left_[i]));
        }
        left_ = left_.subspan(sizeof(T));
        return static_cast<T>(v);
    }
    bool good() const noexcept { return good_; }
    std::size_t left() const noexcept { return left_.size(); }

private:
    Bytes left_;
    bool good_ = true;
};

void put_mark(std::string& out, const LogMark& mark) {
    put(out, mark.segment.v);
    put(out, mark.position);
    put(out, mark.last_entry);
    put(out, mark.first_timestamp);
    put(out, mark.largest_timestamp);
    put(out, mark.largest_at.v);
    for (const LogMark::Prefix& p : {mark.offsets, mark.times, mark.epochs}) {
        put(out, p.bytes);
        put(out, p.crc);
    }
    put(out, mark.first.v);
    put(out, mark.dense_from.v);
}

LogMark next_mark(Numbers& in) {
    LogMark mark;
    mark.segment = Offset{in.next<std::int64_t>()};
    mark.position = in.next<std::int64_t>();
    mark.last_entry = in.next<std::int64_t>();
    mark.first_timestamp = in.next<std::int64_t>();
    mark.largest_timestamp = in.next<std::int64_t>();
    mark.largest_at = Offset{in.next<std::int64_t>()};
    for (LogMark::Prefix* p : {&mark.offsets, &mark.times, &mark.epochs}) {
        p->bytes = in.next<std::int64_t>();
        p->crc = in.next<std::uint32_t>();
    }
    mark.first = Offset{in.next<std::int64_t>()};
    mark.dense_from = Offset{in.next<std::int64_t>()};
    return mark;
}

bool possible(const LogMark& m) {
    return m.segment.v >= 0 && m.position >= 0 && m.last_entry >= 0 &&
           (m.last_entry < m.position || m.last_entry == 0) && m.offsets.bytes >= 0 &&
           m.times.bytes >= 0;
}

// The older batches of a producer, and when it was heard of.
void put_memory(std::string& out, const ProducerStates::State& state) {
    put(out, state.touched.ms);
    const std::size_t older = state.batches.empty() ? 0 : state.batches.size() - 1;
    put(out, static_cast<std::int8_t>(older));
    for (std::size_t i = 0; i < older; ++i) {
        const ProducerStates::Batch& b = state.batches[i];
        put(out, b.base_sequence);
        put(out, b.last_sequence);
        put(out, b.first.v);
        put(out, b.last.v);
        put(out, b.timestamp);
    }
}

bool next_memory(Numbers& in, ProducerStates::State& state, WallTime now) {
    state.touched = std::min(WallTime{in.next<std::int64_t>()}, now);
    const auto older = static_cast<std::size_t>(in.next<std::uint8_t>());
    if (older >= ProducerStates::kRemembered || (older > 0 && state.batches.empty())) return false;
    std::vector<ProducerStates::Batch> batches;
    for (std::size_t i = 0; i < older; ++i) {
        ProducerStates::Batch b{};
        b.base_sequence = in.next<std::int32_t>();
        b.last_sequence = in.next<std::int32_t>();
        b.first = Offset{in.next<std::int64_t>()};
        b.last = Offset{in.next<std::int64_t>()};
        b.timestamp = in.next<std::int64_t>();
        batches.push_back(b);
    }
    batches.insert(batches.end(), state.batches.begin(), state.batches.end());
    state.batches = std::move(batches);
    return in.good();
}

std::pair<std::int64_t, ProducerStates::State> next_entry(Numbers& in, WallTime now) {
    const auto id = in.next<std::int64_t>();
    ProducerStates::State state;
    state.epoch = in.next<std::int16_t>();
    const auto last_sequence = in.next<std::int32_t>();
    const Offset last{in.next<std::int64_t>()};
    const auto delta = in.next<std::int32_t>();
    const auto timestamp = in.next<std::int64_t>();
    (void)in.next<std::int32_t>();  // coordinator epoch
    (void)in.next<std::int64_t>();  // first offset of the open transaction
    state.touched = now;
    if (last_sequence >= 0 && delta >= 0)
        state.batches = {
            {sequence_before(last_sequence, delta), last_sequence, last + -delta, last, timestamp}};
    return {id, std::move(state)};
}
}  // namespace

std::string print_producer_snapshot(const ProducerStates& producers, const LogMark& mark) {
    std::string covered;
    const auto entries = producers.entries();
    put(covered, static_cast<std::int32_t>(entries.size()));
    for (const ProducerStates::Entry& e : entries) {
        put(covered, e.producer_id);
        put(covered, e.producer_epoch);
        put(covered, e.last_sequence);
        put(covered, e.last_offset.v);
        put(covered, e.offset_delta);
        put(covered, e.last_timestamp);
        put(covered, std::int32_t{-1});  // coordinator epoch
        put(covered, std::int64_t{-1});  // no transaction is open
    }
    put(covered, kOurVersion);
    put_mark(covered, mark);
    for (const auto& [id, state] : producers.states()) put_memory(covered, state);
    std::string out;
    put(out, kVersion);
    put(out, crc32c(as_bytes(covered)));
    return out + covered;
}

std::optional<ProducerSnapshot> parse_producer_snapshot(Bytes bytes, WallTime now) {
    if (bytes.size() < kCoveredFrom) return {};
    Numbers head(bytes.first(kCoveredFrom));
    if (head.next<std::int16_t>() != kVersion) return {};
    static_assert(kCrcAt == sizeof kVersion);
    if (head.next<std::uint32_t>() != crc32c(bytes.subspan(kCoveredFrom))) return {};
    Numbers in(bytes.subspan(kCoveredFrom));
    const auto count = in.next<std::int32_t>();
    if (!in.good() || count < 0 || static_cast<std::size_t>(count) > in.left() / kEntryBytes)
        return {};
    std::vector<std::pair<std::int64_t, ProducerStates::State>> entries;
    for (std::int32_t i = 0; i < count; ++i) entries.push_back(next_entry(in, now));
    ProducerSnapshot out;
    // Kafka's ends here; what another version put behind it is passed over, as Kafka would.
    if (in.left() > 0 && in.next<std::int16_t>() == kOurVersion) {
        out.mark = next_mark(in);
        if (!in.good() || !possible(*out.mark)) return {};
        for (auto& [id, state] : entries) {
            if (!next_memory(in, state, now)) return {};
        }
        if (in.left() > 0) return {};
    }
    for (auto& [id, state] : entries) {
        if (id >= 0) out.producers.restore(id, std::move(state));
    }
    if (!in.good()) return {};
    return out;
}
}  // namespace faultline::logic

#include "visualize/html/columns.h"

#include <new>
#include <zlib.h>

namespace faultline::visualize {
namespace {
// The viewer computes in doubles, which hold whole numbers to 2^53; zigzag doubles.
constexpr std::int64_t kExact = std::int64_t{1} << 52;

void varint(std::string& out, std::uint64_t v) {
    for (; v >= 0x80; v >>= 7) out += static_cast<char>(v | 0x80);
    out += static_cast<char>(v);
}

std::uint64_t zigzag(std::int64_t v) {
    return static_cast<std::uint64_t>(v) << 1 ^ static_cast<std::uint64_t>(v >> 63);
}

bool exact(std::int64_t v) { return v > -kExact && v < kExact; }

Packing packing_of(const std::vector<std::int64_t>& values) {
    std::uint64_t plain = 0, delta = 0;
    std::int64_t before = 0;
    for (const std::int64_t v : values) {
        if (!exact(v) || !exact(v - before)) return Packing::fixed;
        for (std::uint64_t u = zigzag(v); u != 0; u >>= 7) ++plain;
        for (std::uint64_t u = zigzag(v - before); u != 0; u >>= 7) ++delta;
        before = v;
    }
    return delta < plain ? Packing::delta : Packing::plain;
}

void append(std::string& out, const std::vector<std::int64_t>& values, Packing packing) {
    std::int64_t before = 0;
    for (const std::int64_t v : values) {
        if (packing == Packing::fixed) {
            for (int i = 0; i < 64; i += 8) {
                out += static_cast<char>(static_cast<std::uint64_t>(v) >> i & 0xff);
            }
            continue;
        }
        const auto difference = static_cast<std::int64_t>(static_cast<std::uint64_t>(v) -
                                                          static_cast<std::uint64_t>(before));
        varint(out, zigzag(packing == Packing::delta ? difference : v));
        before = v;
    }
}

constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string base64(const std::string& in) {
    std::string out;
    out.reserve((in.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < in.size(); i += 3) {
        std::uint32_t word = 0;
        for (std::size_t k = 0; k < 3; ++k) {
            word = word << 8 | (i + k < in.size() ? static_cast<unsigned char>(in[i + k]) : 0U);
        }
        for (std::size_t k = 0; k < 4; ++k) {
            out += i + k > in.size() ? '=' : kDigits[word >> (18 - 6 * k) & 63];
        }
    }
    return out;
}
// For each event how many of the chosen ones before it its cause stands; 0: none.
void append_causes(std::string& out, const Trace& trace, const std::vector<std::size_t>& events) {
    std::vector<std::size_t> number(trace.events.size());  // from 1; 0: left out
    for (std::size_t i = 0; i < events.size(); ++i) number[events[i]] = i + 1;
    for (std::size_t i = 0; i < events.size(); ++i) {
        std::uint32_t cause = trace.events[events[i]].cause;
        while (cause != kNoCause && number[cause] == 0) cause = trace.events[cause].cause;
        varint(out, cause == kNoCause ? 0 : i + 1 - number[cause]);
    }
}
}  // namespace

Columns make_columns(const Trace& trace, const std::vector<std::size_t>& events) {
    Columns columns{events.size(), std::vector<TypeColumns>(trace.types.size()), {}};
    std::vector<std::vector<std::size_t>> of_type(trace.types.size());
    std::vector<std::int64_t> times;
    for (const std::size_t i : events) {
        const Event& event = trace.events[i];
        varint(columns.bytes, event.type);
        times.push_back(event.at);
        of_type[event.type].push_back(event.first);
    }
    append(columns.bytes, times, Packing::delta);
    append_causes(columns.bytes, trace, events);
    std::vector<std::int64_t> values;
    for (std::size_t t = 0; t < of_type.size(); ++t) {
        columns.types[t].count = of_type[t].size();
        for (std::size_t f = 0; f < trace.types[t].fields.size(); ++f) {
            values.clear();
            for (const std::size_t first : of_type[t]) values.push_back(trace.values[first + f]);
            const Packing packing = packing_of(values);
            columns.types[t].packings.push_back(packing);
            append(columns.bytes, values, packing);
        }
    }
    return columns;
}

std::string packed(const std::string& bytes) {
    uLongf size = compressBound(static_cast<uLong>(bytes.size()));
    std::string out(size, '\0');
    if (compress2(reinterpret_cast<Bytef*>(out.data()), &size,
                  reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uLong>(bytes.size()),
                  6) != Z_OK) {
        throw std::bad_alloc();  // with room for the bound, memory is all that can be missing
    }
    out.resize(size);
    return base64(out);
}
}  // namespace faultline::visualize

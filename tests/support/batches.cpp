#include "tests/support/batches.h"

#include <algorithm>

#include "core/base/crc32c.h"

namespace faultline::test {
namespace {
void be(std::string& out, std::int64_t value, int bytes) {
    for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i) & 0xff);
}
void varint(std::string& out, std::int64_t value) {
    auto v = static_cast<std::uint64_t>(value) << 1U ^ static_cast<std::uint64_t>(value >> 63);
    for (; v >= 0x80; v >>= 7U) out += static_cast<char>((v & 0x7fU) | 0x80U);
    out += static_cast<char>(v);
}
}  // namespace

IoBuf make_batch(const std::vector<TestRecord>& records, Offset base, Epoch epoch) {
    std::int64_t newest = records.at(0).timestamp;
    std::string body;
    for (std::size_t i = 0; i < records.size(); ++i) {
        std::string one;
        be(one, 0, 1);
        varint(one, records[i].timestamp - records[0].timestamp);
        varint(one, static_cast<std::int64_t>(i));
        varint(one, -1);
        varint(one, static_cast<std::int64_t>(records[i].value.size()));
        one += records[i].value;
        varint(one, 0);
        varint(body, static_cast<std::int64_t>(one.size()));
        body += one;
        newest = std::max(newest, records[i].timestamp);
    }
    std::string covered;
    const auto count = static_cast<std::int64_t>(records.size());
    be(covered, 0, 2);
    be(covered, count - 1, 4);
    be(covered, records[0].timestamp, 8);
    be(covered, newest, 8);
    be(covered, -1, 8);
    be(covered, -1, 2);
    be(covered, -1, 4);
    be(covered, count, 4);
    covered += body;
    std::string out;
    be(out, base.v, 8);
    be(out, static_cast<std::int64_t>(covered.size()) + 9, 4);
    be(out, epoch.v, 4);
    be(out, 2, 1);
    be(out, crc32c(as_bytes(covered)), 4);
    out += covered;
    return IoBuf::copy_of(as_bytes(out));
}

IoBuf make_batch(int records, int bytes, std::int64_t timestamp, Offset base) {
    std::vector<TestRecord> all;
    for (int i = 0; i < records; ++i) {
        std::string value;
        for (int b = 0; b < bytes; ++b)
            value += static_cast<char>('a' + (i * 7 + b * 3 + timestamp) % 26);
        all.push_back({timestamp + i, value});
    }
    return make_batch(all, base);
}
}  // namespace faultline::test

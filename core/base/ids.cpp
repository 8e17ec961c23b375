#include "core/base/ids.h"

#include <array>

namespace faultline {
namespace {
constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
}

std::string to_string(const Uuid& id) {
    // 128 bits in 6-bit groups from the top; the last character carries two bits and four zeros.
    std::string out(22, 'A');
    for (unsigned i = 0; i < 22; ++i) {
        unsigned group = 0;
        for (unsigned b = 0; b < 6; ++b) {
            const unsigned bit = i * 6 + b;
            unsigned value = 0;
            if (bit < 64) {
                value = static_cast<unsigned>(id.hi >> (63 - bit)) & 1U;
            } else if (bit < 128) {
                value = static_cast<unsigned>(id.lo >> (127 - bit)) & 1U;
            }
            group = group << 1 | value;
        }
        out[i] = kAlphabet[group];
    }
    return out;
}

bool parse_uuid(std::string_view text, Uuid& out) {
    if (text.size() != 22) return false;
    Uuid id;
    for (unsigned i = 0; i < 22; ++i) {
        const auto group = kAlphabet.find(text[i]);
        if (group == std::string_view::npos) return false;
        for (unsigned b = 0; b < 6; ++b) {
            const unsigned bit = i * 6 + b;
            const std::uint64_t value = group >> (5 - b) & 1U;
            if (bit < 64) {
                id.hi |= value << (63 - bit);
            } else if (bit < 128) {
                id.lo |= value << (127 - bit);
            }
        }
    }
    out = id;
    return true;
}
}  // namespace faultline

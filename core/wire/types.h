// What the generated message structs are made of.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "core/base/assert.h"
#include "core/base/iobuf.h"

namespace faultline::wire {

// The version of one message.
struct Version {
    std::int16_t v = 0;
    friend constexpr auto operator<=>(Version, Version) = default;
};

// Inclusive. Empty when low > high.
struct VersionRange {
    std::int16_t low = 0, high = -1;
    constexpr bool contains(Version x) const { return low <= x.v && x.v <= high; }
    constexpr bool empty() const { return low > high; }
    friend constexpr bool operator==(VersionRange, VersionRange) = default;
};

// Bytes that are not in memory: a hole of `length` bytes in an encoded message, to be filled by
// whoever knows the token (the broker puts a file slice there). The codec never looks inside.
struct External {
    std::uint64_t token = 0;
    std::uint32_t length = 0;
    friend bool operator==(const External&, const External&) = default;
};

// A field of type `records`: null, bytes that are shared and never copied, or External.
class Records {
public:
    Records() = default;
    Records(IoBuf bytes) : v_(std::move(bytes)) {}  // NOLINT: implicit by design
    Records(External hole) : v_(hole) {}            // NOLINT: implicit by design
    bool is_null() const noexcept { return v_.index() == 0; }
    bool is_external() const noexcept { return v_.index() == 2; }
    std::size_t size() const noexcept {
        if (const IoBuf* b = std::get_if<IoBuf>(&v_)) return b->size();
        if (const External* e = std::get_if<External>(&v_)) return e->length;
        return 0;
    }
    // Requires that bytes are held (not null, not external).
    const IoBuf& bytes() const {
        FL_ASSERT(v_.index() == 1);
        return std::get<IoBuf>(v_);
    }
    // Requires is_external().
    const External& external() const {
        FL_ASSERT(v_.index() == 2);
        return std::get<External>(v_);
    }
    friend bool operator==(const Records&, const Records&) = default;

private:
    std::variant<std::monostate, IoBuf, External> v_;
};

// A tagged field that the schema does not know at the version read; it is written back as it came
// (KIP-482).
struct UnknownTag {
    std::uint32_t tag = 0;
    IoBuf bytes;
    friend bool operator==(const UnknownTag&, const UnknownTag&) = default;
};
}  // namespace faultline::wire

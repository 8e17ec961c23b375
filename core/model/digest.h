// Two 64 bit hashes side by side over what a value says: to compare what should be equal, not
// against malice.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/base/ids.h"
#include "core/base/random.h"

namespace faultline::model {

class Digest {
public:
    void add(std::uint64_t value) {
        a_ = mix64(a_ ^ value);
        b_ = mix64(b_ + value);
    }
    void add(std::int64_t value) { add(static_cast<std::uint64_t>(value)); }
    void add(std::string_view text) {
        add(std::uint64_t{text.size()});
        while (!text.empty()) {
            std::uint64_t word = 0;
            for (std::size_t i = 0; i < 8 && i < text.size(); ++i)
                word |= std::uint64_t{static_cast<unsigned char>(text[i])} << (8 * i);
            add(word);
            text.remove_prefix(text.size() < 8 ? text.size() : 8);
        }
    }
    void add(const std::vector<std::int32_t>& ids) {
        add(std::uint64_t{ids.size()});
        for (const std::int32_t id : ids) add(std::int64_t{id});
    }
    void add(const Uuid& id) {
        add(id.hi);
        add(id.lo);
    }
    Uuid value() const noexcept { return {.hi = a_, .lo = b_}; }

private:
    std::uint64_t a_ = 1, b_ = 2;
};

// Of a set: whatever came in and out in whatever order, equal sets have equal sums.
class DigestSum {
public:
    void add(const Uuid& d) noexcept { sum_ = {.hi = sum_.hi + d.hi, .lo = sum_.lo + d.lo}; }
    void remove(const Uuid& d) noexcept { sum_ = {.hi = sum_.hi - d.hi, .lo = sum_.lo - d.lo}; }
    const Uuid& value() const noexcept { return sum_; }

private:
    Uuid sum_;
};
}  // namespace faultline::model

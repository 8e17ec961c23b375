// The hash of every unordered container in core. Its salt is zero, except in the determinism check,
// where each process draws another: an iteration order that steers anything shows as another trace.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "core/base/random.h"

namespace faultline {

inline std::uint64_t& hash_salt() noexcept {
    static constinit std::uint64_t salt = 0;
    return salt;
}

// Transparent for strings. std::unordered_map<K, V, SaltedHash<K>, std::equal_to<>>.
template <class T>
struct SaltedHash {
    using is_transparent = void;
    template <class U>
    std::size_t operator()(const U& value) const {
        if constexpr (std::is_convertible_v<const U&, std::string_view>) {
            return mix64(std::hash<std::string_view>{}(std::string_view(value)) ^ hash_salt());
        } else {
            return mix64(std::hash<T>{}(value) ^ hash_salt());
        }
    }
};
}  // namespace faultline

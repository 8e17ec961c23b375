// The one table of configuration keys: every broker key of Kafka 4.3, and Faultline's own.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

namespace faultline::config {

enum class KeyType : std::uint8_t {
    boolean,  // true or false, any case
    int32,
    int64,
    real,
    text,
    list,    // separated by commas, spaces around an element dropped
    secret,  // a text that is never printed
};

// Defaults that are no text.
inline constexpr const char* kNull = nullptr;  // unset; getters return nothing
inline constexpr const char kRequired[] = "\x01";

struct KnownKey {
    std::string_view name;
    KeyType type;
    const char* preset;  // the default as it would stand in a file; kNull; kRequired
    // "1..", "0..500", "1..9 or -1", "one of: a b", "any case: A B", "not empty", or nothing.
    std::string_view valid;

    bool required() const { return preset == kRequired; }
};

std::span<const KnownKey> known_keys();  // sorted by name
// Nothing for a name that is no key.
const KnownKey* find_key(std::string_view name);
}  // namespace faultline::config

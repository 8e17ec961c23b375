// Every generated message is described by tables (structs, their fields, their places in memory);
// decoding, encoding, printing and arbitrary values are one walk over those tables each. That keeps
// 272 messages at all their versions cheap to compile.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/wire/reader.h"
#include "core/wire/types.h"
#include "core/wire/writer.h"

namespace faultline::wire {

enum class FieldType : std::uint8_t {
    boolean,
    i8,
    i16,
    u16,
    i32,
    u32,
    i64,
    f64,
    uuid,
    string,
    bytes,
    records,
    structure
};

struct StructInfo;

// What a walk must do to a std::vector<T> without knowing T.
struct VectorOps {
    std::size_t element_size;
    std::size_t (*size)(const void* vector);
    void* (*data)(void* vector);
    void (*resize)(void* vector, std::size_t n);  // new elements are default-constructed
};

// The same for std::optional<T>.
struct OptionalOps {
    void* (*get)(void* optional);      // null when it holds nothing
    void* (*emplace)(void* optional);  // holds a default-constructed value afterwards
    void (*reset)(void* optional);
};

struct FieldInfo {
    enum Flag : std::uint8_t {
        kArray = 1,
        kNullable = 2,  // the member is a std::optional (records: may be null)
        kDefaultNull = 4,
        kIgnorable = 8,      // may be dropped at a version that lacks it
        kSensitive = 16,     // never printed
        kNeverCompact = 32,  // old string form even at flexible versions (ClientId)
    };
    const char* name;  // as Kafka's JSON writes it
    const StructInfo* structure = nullptr;
    const VectorOps* vector = nullptr;
    const OptionalOps* optional = nullptr;
    std::int64_t default_value = 0;
    std::uint32_t offset = 0;
    std::int16_t tag = -1;
    VersionRange versions, nullable, tagged;
    FieldType type = FieldType::boolean;
    std::uint8_t flags = 0;
    constexpr bool is(Flag f) const { return (flags & f) != 0; }
};

struct StructInfo {
    const char* name;
    std::span<const FieldInfo> fields;
    std::size_t size;             // of the C++ struct
    std::ptrdiff_t unknown_tags;  // offset of its std::vector<UnknownTag>, or -1
};

enum class MessageKind : std::uint8_t {
    request,
    response,
    header,
    data,
    metadata_record,
    coordinator_key,
    coordinator_value
};

struct MessageInfo {
    StructInfo body;
    MessageKind kind;
    std::int16_t number;  // API key or record type; -1 for headers and data
    VersionRange valid, flexible;
    bool latest_unstable;  // the newest version is not advertised
    void* (*create)();
    void (*destroy)(void*) noexcept;
};

// All messages, by name.
std::span<const MessageInfo* const> all_messages();
// Null when there is none of that name ("ProduceRequest").
const MessageInfo* find_message(std::string_view name);

// The walks. `message` points to the C++ struct that `info` describes. Typed callers use the
// members of the generated structs instead.
void decode_message(Reader&, Version, const MessageInfo& info, void* message);
void encode_message(Writer&, Version, const MessageInfo& info, const void* message);
bool equal_messages(const MessageInfo& info, const void* a, const void* b);

struct PrintOptions {
    // Bytes and records in base64 and sensitive fields in full, for tests. Otherwise "<37 bytes>"
    // and "<hidden>".
    bool verbatim = false;
};
// JSON of the fields of this version, named as Kafka names them.
std::string print_message(Version, const MessageInfo& info, const void* message, PrintOptions = {});

namespace detail {
template <class T>
inline constexpr VectorOps kVectorOps{
    sizeof(T),
    [](const void* v) { return static_cast<const std::vector<T>*>(v)->size(); },
    [](void* v) -> void* { return static_cast<std::vector<T>*>(v)->data(); },
    [](void* v, std::size_t n) { static_cast<std::vector<T>*>(v)->resize(n); },
};
template <class T>
inline constexpr OptionalOps kOptionalOps{
    [](void* o) -> void* {
        auto& x = *static_cast<std::optional<T>*>(o);
        return x ? &*x : nullptr;
    },
    [](void* o) -> void* { return &static_cast<std::optional<T>*>(o)->emplace(); },
    [](void* o) { static_cast<std::optional<T>*>(o)->reset(); },
};

// One field's value where it is at its default (walk.cpp).
bool is_default(const FieldInfo&, const void* field);
bool all_default(const StructInfo&, const void* structure);
void set_default(const FieldInfo&, void* field);

template <class T>
T& at(void* base, std::size_t offset = 0) {
    return *reinterpret_cast<T*>(static_cast<std::byte*>(base) + offset);
}
template <class T>
const T& at(const void* base, std::size_t offset = 0) {
    return *reinterpret_cast<const T*>(static_cast<const std::byte*>(base) + offset);
}
}  // namespace detail
}  // namespace faultline::wire

#include <algorithm>

#include "core/wire/message.h"

namespace faultline::wire {
namespace {
using detail::at;
using Flag = FieldInfo::Flag;

constexpr std::int32_t kMaxText = 32767;  // Kafka's limit of a string, compact or not
constexpr std::size_t kFirstElements = 16;
constexpr std::size_t kMaxUnknownTags = 1000;

struct Decoder {
    Reader& in;
    Version version;
    bool flexible;

    void structure(const StructInfo& s, void* p);
    void field(const FieldInfo& f, void* p, bool tagged);
    void array(const FieldInfo& f, void* p);
    void value(const FieldInfo& f, void* p);
    void tags(const StructInfo& s, void* p);
    void one_tag(const StructInfo& s, void* p, std::uint32_t tag);
    template <class T, class Read>
    void sized(const FieldInfo& f, void* p, std::int64_t n, Read read);
    std::int64_t length(const FieldInfo& f, bool is_text);
};

// -1 (or anything below zero) means null.
std::int64_t Decoder::length(const FieldInfo& f, bool is_text) {
    if (flexible && !f.is(Flag::kNeverCompact)) {
        return static_cast<std::int64_t>(in.uvarint()) - 1;
    }
    return is_text ? in.i16() : in.i32();
}

template <class T, class Read>
void Decoder::sized(const FieldInfo& f, void* p, std::int64_t n, Read read) {
    const bool array = f.is(Flag::kArray);
    if (n < 0) {
        if (array || !f.nullable.contains(version)) {
            if (in.ok()) in.fail("a field that may not be null is null");
            return;
        }
        at<std::optional<T>>(p).reset();
        return;
    }
    T out = read(static_cast<std::size_t>(n));
    if (f.is(Flag::kNullable) && !array) {
        at<std::optional<T>>(p) = std::move(out);
    } else {
        at<T>(p) = std::move(out);
    }
}

void Decoder::value(const FieldInfo& f, void* p) {
    switch (f.type) {
        case FieldType::boolean: at<bool>(p) = in.boolean(); break;
        case FieldType::i8: at<std::int8_t>(p) = in.i8(); break;
        case FieldType::i16:
        case FieldType::u16: at<std::int16_t>(p) = in.i16(); break;
        case FieldType::i32:
        case FieldType::u32: at<std::int32_t>(p) = in.i32(); break;
        case FieldType::i64: at<std::int64_t>(p) = in.i64(); break;
        case FieldType::f64: at<double>(p) = in.f64(); break;
        case FieldType::uuid: at<Uuid>(p) = in.uuid(); break;
        case FieldType::string: {
            const std::int64_t n = length(f, true);
            if (n > kMaxText) return in.fail("a string is longer than 32767 bytes");
            sized<std::string>(f, p, n, [this](std::size_t k) { return in.text(k); });
            break;
        }
        case FieldType::bytes:
            sized<IoBuf>(f, p, length(f, false), [this](std::size_t k) { return in.bytes(k); });
            break;
        case FieldType::records: {
            const std::int64_t n = length(f, false);
            if (n >= 0) {
                at<Records>(p) = in.bytes(static_cast<std::size_t>(n));
            } else {
                if (!f.nullable.contains(version)) in.fail("records that may not be null are null");
                at<Records>(p) = {};
            }
            break;
        }
        case FieldType::structure: structure(*f.structure, p); break;
    }
}

// Elements are made as their bytes are read, never on the word of the length alone: a frame of n
// bytes costs memory in proportion to n.
void Decoder::array(const FieldInfo& f, void* p) {
    const std::int64_t n = length(f, false);
    if (n < 0) {
        if (!f.nullable.contains(version)) {
            if (in.ok()) in.fail("an array that may not be null is null");
            return;
        }
        return f.optional->reset(p);
    }
    if (static_cast<std::uint64_t>(n) > in.remaining()) {
        return in.fail("an array has more elements than bytes remain");
    }
    void* vector = f.optional != nullptr ? f.optional->emplace(p) : p;
    const auto count = static_cast<std::size_t>(n);
    f.vector->resize(vector, 0);
    std::size_t made = 0;
    while (made < count && in.ok()) {
        const std::size_t next = std::min(count, std::max(kFirstElements, 2 * made));
        f.vector->resize(vector, next);
        auto* element = static_cast<std::byte*>(f.vector->data(vector));
        for (; made < next && in.ok(); ++made) {
            value(f, element + made * f.vector->element_size);
        }
    }
}

void Decoder::field(const FieldInfo& f, void* p, bool tagged) {
    if (f.is(Flag::kArray)) return array(f, p);
    if (f.type != FieldType::structure || f.optional == nullptr) return value(f, p);
    // A struct that may be null has a mark in front: -1 or 1 in line, 0 or 1 as a tagged field.
    if (f.nullable.contains(version)) {
        const bool null = tagged ? in.uvarint() == 0 : in.i8() < 0;
        if (null) return f.optional->reset(p);
    }
    structure(*f.structure, f.optional->emplace(p));
}

void Decoder::structure(const StructInfo& s, void* p) {
    for (const FieldInfo& f : s.fields) {
        void* member = &at<std::byte>(p, f.offset);
        if (!f.versions.contains(version) || f.tagged.contains(version)) {
            detail::set_default(f, member);
        } else {
            field(f, member, false);
        }
        if (!in.ok()) return;
    }
    if (s.unknown_tags >= 0) {
        at<std::vector<UnknownTag>>(p, static_cast<std::size_t>(s.unknown_tags)).clear();
    }
    if (flexible) tags(s, p);
}

void Decoder::tags(const StructInfo& s, void* p) {
    const std::uint32_t count = in.uvarint();
    std::int64_t before = -1;
    for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
        const std::uint32_t tag = in.uvarint();
        if (in.ok() && tag <= before) return in.fail("tags are not in ascending order");
        before = tag;
        one_tag(s, p, tag);
    }
}

void Decoder::one_tag(const StructInfo& s, void* p, std::uint32_t tag) {
    const std::uint32_t size = in.uvarint();
    for (const FieldInfo& f : s.fields) {
        if (!f.tagged.contains(version) || f.tag != static_cast<std::int64_t>(tag)) continue;
        const std::size_t previous = in.push_limit(size);
        if (!in.ok()) return;
        field(f, &at<std::byte>(p, f.offset), true);
        if (in.ok() && in.remaining() != 0) in.fail("a tagged field is shorter than its size");
        return in.pop_limit(previous);
    }
    auto& unknown = at<std::vector<UnknownTag>>(p, static_cast<std::size_t>(s.unknown_tags));
    if (unknown.size() == kMaxUnknownTags) return in.fail("too many unknown tagged fields");
    IoBuf bytes = in.bytes(size);
    if (in.ok()) unknown.push_back({tag, std::move(bytes)});
}
}  // namespace

void decode_message(Reader& in, Version version, const MessageInfo& info, void* message) {
    if (!info.valid.contains(version)) return in.fail("the message has no such version");
    Decoder{in, version, info.flexible.contains(version)}.structure(info.body, message);
}
}  // namespace faultline::wire

#include <array>

#include "core/wire/message.h"

namespace faultline::wire {
namespace {
using detail::at;
using Flag = FieldInfo::Flag;

constexpr std::size_t kMaxText = 32767;
constexpr std::size_t kMaxTagged = 16;  // of one struct; checked by wiregen

struct Encoder {
    Writer& out;
    Version version;
    bool flexible;

    void structure(const StructInfo& s, const void* p);
    void field(const FieldInfo& f, const void* p, bool tagged);
    void array(const FieldInfo& f, const void* p);
    void value(const FieldInfo& f, const void* p);
    void tags(const StructInfo& s, const void* p);
    void length(const FieldInfo& f, bool is_text, std::int64_t n);
    void null(const FieldInfo& f, bool is_text);
    void text(const FieldInfo& f, const std::string& x);
};

void Encoder::length(const FieldInfo& f, bool is_text, std::int64_t n) {
    if (flexible && !f.is(Flag::kNeverCompact)) {
        out.uvarint(static_cast<std::uint32_t>(n + 1));
    } else if (is_text) {
        out.i16(static_cast<std::int16_t>(n));
    } else {
        out.i32(static_cast<std::int32_t>(n));
    }
}

void Encoder::null(const FieldInfo& f, bool is_text) {
    if (!f.nullable.contains(version)) {
        return out.fail("null cannot be written at this version", f.name);
    }
    length(f, is_text, -1);
}

void Encoder::text(const FieldInfo& f, const std::string& x) {
    if (x.size() > kMaxText) return out.fail("a string is longer than 32767 bytes", f.name);
    length(f, true, static_cast<std::int64_t>(x.size()));
    out.copy(as_bytes(x));
}

void Encoder::value(const FieldInfo& f, const void* p) {
    const bool may_be_null = f.is(Flag::kNullable) && !f.is(Flag::kArray);
    switch (f.type) {
        case FieldType::boolean: out.boolean(at<bool>(p)); break;
        case FieldType::i8: out.i8(at<std::int8_t>(p)); break;
        case FieldType::i16:
        case FieldType::u16: out.i16(at<std::int16_t>(p)); break;
        case FieldType::i32:
        case FieldType::u32: out.i32(at<std::int32_t>(p)); break;
        case FieldType::i64: out.i64(at<std::int64_t>(p)); break;
        case FieldType::f64: out.f64(at<double>(p)); break;
        case FieldType::uuid: out.uuid(at<Uuid>(p)); break;
        case FieldType::string:
            if (!may_be_null) {
                text(f, at<std::string>(p));
            } else if (const auto& x = at<std::optional<std::string>>(p)) {
                text(f, *x);
            } else {
                null(f, true);
            }
            break;
        case FieldType::bytes: {
            const IoBuf* x = &at<IoBuf>(p);
            if (may_be_null) {
                const auto& o = at<std::optional<IoBuf>>(p);
                if (!o) return null(f, false);
                x = &*o;
            }
            length(f, false, static_cast<std::int64_t>(x->size()));
            out.share(*x);
            break;
        }
        case FieldType::records: {
            const auto& x = at<Records>(p);
            if (x.is_null()) return null(f, false);
            length(f, false, static_cast<std::int64_t>(x.size()));
            if (x.is_external()) {
                out.external(x.external());
            } else {
                out.share(x.bytes());
            }
            break;
        }
        case FieldType::structure: structure(*f.structure, p); break;
    }
}

void Encoder::array(const FieldInfo& f, const void* p) {
    if (f.optional != nullptr) {
        p = f.optional->get(const_cast<void*>(p));
        if (p == nullptr) return null(f, false);
    }
    const std::size_t n = f.vector->size(p);
    length(f, false, static_cast<std::int64_t>(n));
    const auto* element = static_cast<const std::byte*>(f.vector->data(const_cast<void*>(p)));
    for (std::size_t i = 0; i < n && out.ok(); ++i) value(f, element + i * f.vector->element_size);
}

void Encoder::field(const FieldInfo& f, const void* p, bool tagged) {
    if (f.is(Flag::kArray)) return array(f, p);
    if (f.type != FieldType::structure || f.optional == nullptr) return value(f, p);
    const void* held = f.optional->get(const_cast<void*>(p));
    const bool may_be_null = f.nullable.contains(version);
    if (held == nullptr) {
        if (!may_be_null) return out.fail("null cannot be written at this version", f.name);
        if (tagged) return out.uvarint(0);
        return out.i8(-1);
    }
    if (may_be_null) out.i8(1);  // one byte, whether as a mark in line or as a varint
    structure(*f.structure, held);
}

void Encoder::structure(const StructInfo& s, const void* p) {
    for (const FieldInfo& f : s.fields) {
        const void* member = &at<std::byte>(p, f.offset);
        if (!f.versions.contains(version)) {
            if (!f.is(Flag::kIgnorable) && !detail::is_default(f, member)) {
                return out.fail("the field is set, and this version does not have it", f.name);
            }
        } else if (!f.tagged.contains(version)) {
            field(f, member, false);
        }
        if (!out.ok()) return;
    }
    if (flexible) return tags(s, p);
    if (s.unknown_tags >= 0 &&
        !at<std::vector<UnknownTag>>(p, static_cast<std::size_t>(s.unknown_tags)).empty()) {
        out.fail("unknown tags are set, and this version has no tags", s.name);
    }
}

// Known and unknown tags, merged in ascending order.
void Encoder::tags(const StructInfo& s, const void* p) {
    std::array<const FieldInfo*, kMaxTagged> known{};
    std::size_t n = 0;
    for (const FieldInfo& f : s.fields) {
        if (!f.tagged.contains(version)) continue;
        if (detail::is_default(f, &at<std::byte>(p, f.offset))) continue;
        std::size_t at_index = n++;
        for (; at_index > 0 && known[at_index - 1]->tag > f.tag; --at_index) {
            known[at_index] = known[at_index - 1];
        }
        known[at_index] = &f;
    }
    const auto& unknown = at<std::vector<UnknownTag>>(p, static_cast<std::size_t>(s.unknown_tags));
    out.uvarint(static_cast<std::uint32_t>(n + unknown.size()));
    std::size_t i = 0, j = 0;
    std::int64_t before = -1;
    while ((i < n || j < unknown.size()) && out.ok()) {
        const bool take_known =
            i < n && (j == unknown.size() || known[i]->tag <= std::int64_t{unknown[j].tag});
        const std::int64_t tag = take_known ? known[i]->tag : std::int64_t{unknown[j].tag};
        if (tag <= before) return out.fail("two tagged fields have one tag", s.name);
        before = tag;
        out.uvarint(static_cast<std::uint32_t>(tag));
        if (take_known) {
            const FieldInfo& f = *known[i++];
            Writer scratch(64);
            Encoder{scratch, version, flexible}.field(f, &at<std::byte>(p, f.offset), true);
            out.uvarint(static_cast<std::uint32_t>(scratch.size()));
            out.append(std::move(scratch));
        } else {
            const UnknownTag& u = unknown[j++];
            out.uvarint(static_cast<std::uint32_t>(u.bytes.size()));
            out.share(u.bytes);
        }
    }
}
}  // namespace

void encode_message(Writer& out, Version version, const MessageInfo& info, const void* message) {
    if (!info.valid.contains(version)) {
        return out.fail("the message has no such version", info.body.name);
    }
    Encoder{out, version, info.flexible.contains(version)}.structure(info.body, message);
}
}  // namespace faultline::wire

// Defaults and equality over the field tables.
#include <cstring>

#include "core/wire/message.h"

namespace faultline::wire {
namespace detail {
namespace {

using Flag = FieldInfo::Flag;

template <class T>
bool null_or_empty_default(const FieldInfo& f, const void* p) {
    if (!f.is(Flag::kNullable)) return at<T>(p).empty();
    const auto& x = at<std::optional<T>>(p);
    return f.is(Flag::kDefaultNull) ? !x.has_value() : x.has_value() && x->empty();
}

template <class T>
void set_text_default(const FieldInfo& f, void* p) {
    if (!f.is(Flag::kNullable)) {
        at<T>(p).clear();
    } else if (f.is(Flag::kDefaultNull)) {
        at<std::optional<T>>(p).reset();
    } else {
        at<std::optional<T>>(p).emplace();
    }
}

void set_structure_default(const StructInfo& s, void* p) {
    for (const FieldInfo& f : s.fields) set_default(f, &at<std::byte>(p, f.offset));
    if (s.unknown_tags >= 0) {
        at<std::vector<UnknownTag>>(p, static_cast<std::size_t>(s.unknown_tags)).clear();
    }
}

bool equal_structures(const StructInfo& s, const void* a, const void* b);

bool equal_values(const FieldInfo& f, const void* a, const void* b) {
    switch (f.type) {
        case FieldType::boolean: return at<bool>(a) == at<bool>(b);
        case FieldType::i8: return at<std::int8_t>(a) == at<std::int8_t>(b);
        case FieldType::i16:
        case FieldType::u16: return at<std::int16_t>(a) == at<std::int16_t>(b);
        case FieldType::i32:
        case FieldType::u32: return at<std::int32_t>(a) == at<std::int32_t>(b);
        case FieldType::i64: return at<std::int64_t>(a) == at<std::int64_t>(b);
        case FieldType::f64: return std::memcmp(a, b, sizeof(double)) == 0;
        case FieldType::uuid: return at<Uuid>(a) == at<Uuid>(b);
        case FieldType::string:
            return !f.is(Flag::kArray) && f.is(Flag::kNullable)
                       ? at<std::optional<std::string>>(a) == at<std::optional<std::string>>(b)
                       : at<std::string>(a) == at<std::string>(b);
        case FieldType::bytes:
            return f.is(Flag::kNullable)
                       ? at<std::optional<IoBuf>>(a) == at<std::optional<IoBuf>>(b)
                       : at<IoBuf>(a) == at<IoBuf>(b);
        case FieldType::records: return at<Records>(a) == at<Records>(b);
        case FieldType::structure: return equal_structures(*f.structure, a, b);
    }
    return false;
}

bool equal_arrays(const FieldInfo& f, const void* a, const void* b) {
    const std::size_t n = f.vector->size(a);
    if (n != f.vector->size(b)) return false;
    const auto* x = static_cast<const std::byte*>(f.vector->data(const_cast<void*>(a)));
    const auto* y = static_cast<const std::byte*>(f.vector->data(const_cast<void*>(b)));
    for (std::size_t i = 0; i < n; ++i) {
        if (!equal_values(f, x + i * f.vector->element_size, y + i * f.vector->element_size)) {
            return false;
        }
    }
    return true;
}

bool equal_structures(const StructInfo& s, const void* a, const void* b) {
    for (const FieldInfo& f : s.fields) {
        const void* x = &at<std::byte>(a, f.offset);
        const void* y = &at<std::byte>(b, f.offset);
        if (f.optional != nullptr) {
            x = f.optional->get(const_cast<void*>(x));
            y = f.optional->get(const_cast<void*>(y));
            if ((x == nullptr) != (y == nullptr)) return false;
            if (x == nullptr) continue;
        }
        if (!(f.is(Flag::kArray) ? equal_arrays(f, x, y) : equal_values(f, x, y))) return false;
    }
    if (s.unknown_tags < 0) return true;
    const auto offset = static_cast<std::size_t>(s.unknown_tags);
    return at<std::vector<UnknownTag>>(a, offset) == at<std::vector<UnknownTag>>(b, offset);
}
}  // namespace

bool is_default(const FieldInfo& f, const void* p) {
    if (f.optional != nullptr) {
        p = f.optional->get(const_cast<void*>(p));
        if (p == nullptr || f.is(Flag::kDefaultNull)) {
            return p == nullptr && f.is(Flag::kDefaultNull);
        }
    }
    if (f.is(Flag::kArray)) return f.vector->size(p) == 0;
    switch (f.type) {
        case FieldType::boolean: return at<bool>(p) == (f.default_value != 0);
        case FieldType::i8: return at<std::int8_t>(p) == f.default_value;
        case FieldType::i16: return at<std::int16_t>(p) == f.default_value;
        case FieldType::u16: return at<std::uint16_t>(p) == f.default_value;
        case FieldType::i32: return at<std::int32_t>(p) == f.default_value;
        case FieldType::u32: return at<std::uint32_t>(p) == f.default_value;
        case FieldType::i64: return at<std::int64_t>(p) == f.default_value;
        case FieldType::f64: return at<double>(p) == 0;
        case FieldType::uuid: return at<Uuid>(p).is_zero();
        case FieldType::string: return null_or_empty_default<std::string>(f, p);
        case FieldType::bytes: return null_or_empty_default<IoBuf>(f, p);
        case FieldType::records: return at<Records>(p).is_null();
        case FieldType::structure: return all_default(*f.structure, p);
    }
    return false;
}

bool all_default(const StructInfo& s, const void* p) {
    for (const FieldInfo& f : s.fields) {
        if (!is_default(f, &at<std::byte>(p, f.offset))) return false;
    }
    return s.unknown_tags < 0 ||
           at<std::vector<UnknownTag>>(p, static_cast<std::size_t>(s.unknown_tags)).empty();
}

void set_default(const FieldInfo& f, void* p) {
    if (f.optional != nullptr) {
        if (f.is(Flag::kDefaultNull)) {
            f.optional->reset(p);
        } else {
            f.optional->emplace(p);
        }
        return;
    }
    if (f.is(Flag::kArray)) return f.vector->resize(p, 0);
    switch (f.type) {
        case FieldType::boolean: at<bool>(p) = f.default_value != 0; break;
        case FieldType::i8: at<std::int8_t>(p) = static_cast<std::int8_t>(f.default_value); break;
        case FieldType::i16:
        case FieldType::u16:
            at<std::int16_t>(p) = static_cast<std::int16_t>(f.default_value);
            break;
        case FieldType::i32:
        case FieldType::u32:
            at<std::int32_t>(p) = static_cast<std::int32_t>(f.default_value);
            break;
        case FieldType::i64: at<std::int64_t>(p) = f.default_value; break;
        case FieldType::f64: at<double>(p) = 0; break;
        case FieldType::uuid: at<Uuid>(p) = {}; break;
        case FieldType::string: set_text_default<std::string>(f, p); break;
        case FieldType::bytes: set_text_default<IoBuf>(f, p); break;
        case FieldType::records: at<Records>(p) = {}; break;
        case FieldType::structure: set_structure_default(*f.structure, p); break;
    }
}
}  // namespace detail

bool equal_messages(const MessageInfo& info, const void* a, const void* b) {
    return detail::equal_structures(info.body, a, b);
}
}  // namespace faultline::wire

#include "core/wire/arbitrary.h"

#include <array>

namespace faultline::wire {
namespace {
using detail::at;
using Flag = FieldInfo::Flag;

struct Maker {
    Rng& rng;
    Version version;
    bool flexible;
    int depth = 0;

    void structure(const StructInfo& s, void* p);
    void field(const FieldInfo& f, void* p);
    void value(const FieldInfo& f, void* p);
    std::int64_t integer(unsigned bits);
    std::size_t length();
    std::string text();
    IoBuf bytes();
};

std::int64_t Maker::integer(unsigned bits) {
    const std::uint64_t top = 1ULL << (bits - 1);
    switch (rng.below(6)) {
        case 0: return 0;
        case 1: return -1;
        case 2: return static_cast<std::int64_t>(top - 1);
        case 3: return static_cast<std::int64_t>(~(top - 1));
        default: break;
    }
    const auto raw = static_cast<std::int64_t>(rng.next());
    return raw >> (64 - bits);
}

std::size_t Maker::length() {
    constexpr std::array<std::size_t, 6> kBorders{0, 1, 126, 127, 128, 300};
    return rng.chance(1, 3) ? kBorders[rng.below(kBorders.size())] : rng.below(20);
}

std::string Maker::text() {
    std::string out(length(), '\0');
    for (char& c : out) c = static_cast<char>(' ' + rng.below(95));
    return out;
}

IoBuf Maker::bytes() {
    std::string out(length(), '\0');
    for (char& c : out) c = static_cast<char>(rng.next());
    return IoBuf::copy_of(as_bytes(out));
}

void Maker::value(const FieldInfo& f, void* p) {
    const bool optional = f.is(Flag::kNullable) && !f.is(Flag::kArray);
    const bool null = optional && f.nullable.contains(version) && rng.chance(1, 4);
    switch (f.type) {
        case FieldType::boolean: at<bool>(p) = rng.chance(1, 2); break;
        case FieldType::i8: at<std::int8_t>(p) = static_cast<std::int8_t>(integer(8)); break;
        case FieldType::i16:
        case FieldType::u16: at<std::int16_t>(p) = static_cast<std::int16_t>(integer(16)); break;
        case FieldType::i32:
        case FieldType::u32: at<std::int32_t>(p) = static_cast<std::int32_t>(integer(32)); break;
        case FieldType::i64: at<std::int64_t>(p) = integer(64); break;
        case FieldType::f64: at<double>(p) = static_cast<double>(integer(32)) / 8; break;
        case FieldType::uuid: {
            const std::uint64_t hi = rng.next();
            const std::uint64_t lo = rng.next();
            at<Uuid>(p) = {hi, lo};
            break;
        }
        case FieldType::string:
            if (!optional) {
                at<std::string>(p) = text();
            } else if (null) {
                at<std::optional<std::string>>(p).reset();
            } else {
                at<std::optional<std::string>>(p) = text();
            }
            break;
        case FieldType::bytes:
            if (!optional) {
                at<IoBuf>(p) = bytes();
            } else if (null) {
                at<std::optional<IoBuf>>(p).reset();
            } else {
                at<std::optional<IoBuf>>(p) = bytes();
            }
            break;
        case FieldType::records: at<Records>(p) = null ? Records() : Records(bytes()); break;
        case FieldType::structure: structure(*f.structure, p); break;
    }
}

void Maker::field(const FieldInfo& f, void* p) {
    if (f.optional != nullptr) {
        if (f.nullable.contains(version) && rng.chance(1, 4)) return f.optional->reset(p);
        p = f.optional->emplace(p);
    }
    if (!f.is(Flag::kArray)) return value(f, p);
    const std::size_t n = f.type == FieldType::structure ? rng.below(depth > 1 ? 2 : 4) : length();
    f.vector->resize(p, n);
    auto* element = static_cast<std::byte*>(f.vector->data(p));
    for (std::size_t i = 0; i < n; ++i) value(f, element + i * f.vector->element_size);
}

void Maker::structure(const StructInfo& s, void* p) {
    ++depth;
    for (const FieldInfo& f : s.fields) {
        void* member = &at<std::byte>(p, f.offset);
        const bool skip =
            !f.versions.contains(version) || (f.tagged.contains(version) && rng.chance(1, 2));
        if (skip) {
            detail::set_default(f, member);
        } else {
            field(f, member);
        }
    }
    --depth;
    if (!flexible || !rng.chance(1, 8)) return;
    auto& unknown = at<std::vector<UnknownTag>>(p, static_cast<std::size_t>(s.unknown_tags));
    const auto first = static_cast<std::uint32_t>(rng.between(100, 200));
    unknown.push_back({first, bytes()});
    if (rng.chance(1, 2)) unknown.push_back({first + 5000, {}});
}
}  // namespace

void arbitrary_message(Rng& rng, Version version, const MessageInfo& info, void* message) {
    Maker{rng, version, info.flexible.contains(version)}.structure(info.body, message);
}
}  // namespace faultline::wire

#include <cmath>

#include <fmt/format.h>

#include "core/wire/message.h"

namespace faultline::wire {
namespace {
using detail::at;
using Flag = FieldInfo::Flag;

void append_json_text(std::string& out, std::string_view text) {
    out += '"';
    for (const char c : text) {
        const auto u = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (u < 0x20) {
            fmt::format_to(std::back_inserter(out), "\\u{:04x}", u);
        } else {
            out += c;
        }
    }
    out += '"';
}

void append_base64(std::string& out, const IoBuf& bytes) {
    static constexpr char kAlphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const std::string raw = bytes.copy_string();
    for (std::size_t i = 0; i < raw.size(); i += 3) {
        std::uint32_t group = 0;
        const std::size_t n = std::min<std::size_t>(3, raw.size() - i);
        for (std::size_t k = 0; k < 3; ++k) {
            group = group << 8 | (k < n ? static_cast<unsigned char>(raw[i + k]) : 0U);
        }
        for (std::size_t k = 0; k < 4; ++k) {
            out += k <= n ? kAlphabet[group >> (18 - 6 * k) & 63] : '=';
        }
    }
}

struct Printer {
    std::string& out;
    Version version;
    PrintOptions options;

    void structure(const StructInfo& s, const void* p);
    void field(const FieldInfo& f, const void* p);
    void value(const FieldInfo& f, const void* p);
    void bytes(const IoBuf& b);
};

void Printer::bytes(const IoBuf& b) {
    out += '"';
    if (options.verbatim) {
        append_base64(out, b);
    } else {
        fmt::format_to(std::back_inserter(out), "<{} bytes>", b.size());
    }
    out += '"';
}

void Printer::value(const FieldInfo& f, const void* p) {
    const bool may_be_null = f.is(Flag::kNullable) && !f.is(Flag::kArray);
    const auto to = std::back_inserter(out);
    switch (f.type) {
        case FieldType::boolean: out += at<bool>(p) ? "true" : "false"; break;
        case FieldType::i8: fmt::format_to(to, "{}", at<std::int8_t>(p)); break;
        case FieldType::i16: fmt::format_to(to, "{}", at<std::int16_t>(p)); break;
        case FieldType::u16: fmt::format_to(to, "{}", at<std::uint16_t>(p)); break;
        case FieldType::i32: fmt::format_to(to, "{}", at<std::int32_t>(p)); break;
        case FieldType::u32: fmt::format_to(to, "{}", at<std::uint32_t>(p)); break;
        case FieldType::i64: fmt::format_to(to, "{}", at<std::int64_t>(p)); break;
        case FieldType::f64: {
            const double x = at<double>(p);
            if (std::isfinite(x)) {
                fmt::format_to(to, "{}", x);
            } else {
                fmt::format_to(to, "\"{}\"", x);
            }
            break;
        }
        case FieldType::uuid: fmt::format_to(to, "\"{}\"", to_string(at<Uuid>(p))); break;
        case FieldType::string:
            if (!may_be_null) {
                append_json_text(out, at<std::string>(p));
            } else if (const auto& x = at<std::optional<std::string>>(p)) {
                append_json_text(out, *x);
            } else {
                out += "null";
            }
            break;
        case FieldType::bytes:
            if (!may_be_null) {
                bytes(at<IoBuf>(p));
            } else if (const auto& x = at<std::optional<IoBuf>>(p)) {
                bytes(*x);
            } else {
                out += "null";
            }
            break;
        case FieldType::records: {
            const auto& x = at<Records>(p);
            if (x.is_null()) {
                out += "null";
            } else if (x.is_external()) {
                fmt::format_to(to, "\"<{} bytes elsewhere>\"", x.size());
            } else {
                bytes(x.bytes());
            }
            break;
        }
        case FieldType::structure: structure(*f.structure, p); break;
    }
}

void Printer::field(const FieldInfo& f, const void* p) {
    if (f.is(Flag::kSensitive) && !options.verbatim) {
        out += "\"<hidden>\"";
        return;
    }
    if (f.optional != nullptr) {
        p = f.optional->get(const_cast<void*>(p));
        if (p == nullptr) {
            out += "null";
            return;
        }
    }
    if (!f.is(Flag::kArray)) return value(f, p);
    const std::size_t n = f.vector->size(p);
    const auto* element = static_cast<const std::byte*>(f.vector->data(const_cast<void*>(p)));
    out += '[';
    for (std::size_t i = 0; i < n; ++i) {
        if (i > 0) out += ',';
        value(f, element + i * f.vector->element_size);
    }
    out += ']';
}

void Printer::structure(const StructInfo& s, const void* p) {
    out += '{';
    bool first = true;
    for (const FieldInfo& f : s.fields) {
        const void* member = &at<std::byte>(p, f.offset);
        if (!f.versions.contains(version)) continue;
        if (f.tagged.contains(version) && detail::is_default(f, member)) continue;
        if (!first) out += ',';
        first = false;
        append_json_text(out, f.name);
        out += ':';
        field(f, member);
    }
    out += '}';
}
}  // namespace

std::string print_message(Version version, const MessageInfo& info, const void* message,
                          PrintOptions options) {
    std::string out;
    Printer{out, version, options}.structure(info.body, message);
    return out;
}
}  // namespace faultline::wire

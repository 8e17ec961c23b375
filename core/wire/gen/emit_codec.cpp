// Structs and their field tables.
#include <cctype>
#include <sstream>

#include "core/wire/gen/emit.h"

namespace wiregen {
namespace {

const char* cpp_base(const Field& f) {
    if (!f.cpp.empty()) return f.cpp.c_str();
    if (f.structure != nullptr) return f.structure->name.c_str();
    static const std::pair<const char*, const char*> kTypes[] = {
        {"bool", "bool"},          {"int8", "std::int8_t"},
        {"int16", "std::int16_t"}, {"uint16", "std::uint16_t"},
        {"int32", "std::int32_t"}, {"uint32", "std::uint32_t"},
        {"int64", "std::int64_t"}, {"float64", "double"},
        {"uuid", "Uuid"},          {"string", "std::string"},
        {"bytes", "IoBuf"},        {"records", "Records"}};
    for (const auto& [name, type] : kTypes) {
        if (f.type == name) return type;
    }
    return "void";
}

const char* field_type(const Field& f) {
    if (f.structure != nullptr) return "structure";
    static const std::pair<const char*, const char*> kTypes[] = {
        {"bool", "boolean"}, {"int8", "i8"},       {"int16", "i16"},   {"uint16", "u16"},
        {"int32", "i32"},    {"uint32", "u32"},    {"int64", "i64"},   {"float64", "f64"},
        {"uuid", "uuid"},    {"string", "string"}, {"bytes", "bytes"}, {"records", "records"}};
    for (const auto& [name, type] : kTypes) {
        if (f.type == name) return type;
    }
    return "boolean";
}

// Is the member a std::optional?
bool optional_member(const Field& f) { return f.nullable && !(f.type == "records" && !f.array); }

std::string member_type(const Field& f, const std::string& scope = "") {
    std::string type = (f.structure != nullptr && f.cpp.empty() ? scope : "") + cpp_base(f);
    if (f.array) type = "std::vector<" + type + ">";
    if (optional_member(f)) type = "std::optional<" + type + ">";
    return type;
}

long long default_number(const Field& f) {
    if (f.default_text == "true") return 1;
    if (f.default_text.empty() || f.default_text == "false" || f.default_null) return 0;
    return std::stoll(f.default_text, nullptr, 0);
}

std::string initialiser(const Field& f) {
    if (optional_member(f)) return f.default_null ? "" : "{std::in_place}";
    if (f.array || f.structure != nullptr || f.type == "string" || f.type == "bytes" ||
        f.type == "records" || f.type == "uuid") {
        return "";
    }
    const long long n = default_number(f);
    if (f.type == "bool") return n != 0 ? " = true" : " = false";
    if (!f.cpp.empty()) return "{" + (n != 0 ? std::to_string(n) : "") + "}";
    return n == 0 ? " = 0" : " = " + std::to_string(n) + (f.type == "int64" ? "LL" : "");
}

void emit_fields(std::ostream& out, const std::vector<Field>& fields, bool flexible,
                 const std::string& indent) {
    for (const Field& f : fields) {
        out << indent << member_type(f) << " " << f.member << initialiser(f) << ";\n";
    }
    if (flexible) out << indent << "std::vector<UnknownTag> unknown_tags;\n";
}

std::string range(const Range& r) {
    return "{" + std::to_string(r.low) + ", " + std::to_string(r.high) + "}";
}

std::string table_name(const Message& m, const std::string& part) {
    return "k" + m.name + (part.empty() ? "" : "_" + part);
}

void emit_field_row(std::ostream& out, const Message& m, const std::string& type, const Field& f) {
    const std::string scope = m.name + "::";
    std::string flags;
    const auto flag = [&](bool on, const char* name) {
        if (on) flags += (flags.empty() ? "" : " | ") + std::string("FieldInfo::") + name;
    };
    flag(f.array, "kArray");
    flag(f.nullable, "kNullable");
    flag(f.default_null, "kDefaultNull");
    flag(f.ignorable, "kIgnorable");
    flag(f.sensitive, "kSensitive");
    flag(f.never_compact, "kNeverCompact");
    const std::string element =
        (f.structure != nullptr && f.cpp.empty() ? scope : "") + cpp_base(f);
    const bool ops = optional_member(f) && (f.array || f.structure != nullptr);
    // As Kafka's JSON form writes it: with a small first letter.
    std::string json_name = f.name;
    json_name[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(json_name[0])));
    out << "    {.name = \"" << json_name << "\"";
    if (f.structure != nullptr) out << ", .structure = &" << table_name(m, f.structure->name);
    if (f.array) out << ", .vector = &detail::kVectorOps<" << element << ">";
    if (ops) {
        out << ", .optional = &detail::kOptionalOps<"
            << (f.array ? "std::vector<" + element + ">" : element) << ">";
    }
    out << ", .default_value = " << default_number(f) << "LL"
        << ", .offset = offsetof(" << type << ", " << f.member << "), .tag = " << f.tag
        << ", .versions = " << range(f.versions) << ", .nullable = " << range(f.nullable_versions)
        << ", .tagged = " << range(f.tagged) << ", .type = FieldType::" << field_type(f)
        << ", .flags = " << (flags.empty() ? "0" : flags) << "},\n";
}

// The rows of one struct and its StructInfo, named k<Message>[_<part>].
void emit_table(std::ostream& out, const Message& m, const std::string& part,
                const std::vector<Field>& fields) {
    const std::string type = part.empty() ? m.name : m.name + "::" + part;
    const std::string name = table_name(m, part);
    if (!fields.empty()) {
        out << "constexpr FieldInfo " << name << "_fields[] = {\n";
        for (const Field& f : fields) emit_field_row(out, m, type, f);
        out << "};\n";
    }
    out << "constexpr StructInfo " << name << "{\"" << (part.empty() ? m.name : part) << "\", "
        << (fields.empty() ? std::string("{}") : name + "_fields") << ", sizeof(" << type << "), "
        << (m.flexible.empty() ? std::string("-1") : "offsetof(" + type + ", unknown_tags)")
        << "};\n";
}

const char* kind_of(const Message& m) {
    static const std::pair<const char*, const char*> kKinds[] = {
        {"request", "request"},
        {"response", "response"},
        {"header", "header"},
        {"metadata", "metadata_record"},
        {"coordinator-key", "coordinator_key"},
        {"coordinator-value", "coordinator_value"}};
    for (const auto& [name, kind] : kKinds) {
        if (m.type == name) return kind;
    }
    return "data";
}
}  // namespace

std::string emit_message_header(const Message& m) {
    std::ostringstream out;
    out << "// Generated by wiregen from core/wire/schema/" << m.name << ".json.\n#pragma once\n"
        << "#include \"core/wire/message.h\"\n#include \"gen/wire/api.h\"\n"
        << "#include \"gen/wire/errors.h\"\n\nnamespace faultline::wire {\n\n";
    // Structs with default member initialisers are complete only after the class around them, which
    // std::optional<Nested> cannot wait for (CWG 1397; clang says so). So they stand outside.
    const std::string parts = "parts::" + m.file_stem;
    if (!m.structs.empty()) out << "namespace " << parts << " {\n";
    for (const auto& s : m.structs) {
        out << "struct " << s->name << " {\n";
        emit_fields(out, s->fields, !m.flexible.empty(), "    ");
        out << "};\n";
    }
    if (!m.structs.empty()) out << "}  // namespace " << parts << "\n\n";
    out << "struct " << m.name << " {\n";
    if (m.type == "request" || m.type == "response") {
        out << "    static constexpr ApiKey key{" << m.number << "};\n";
    } else if (m.number >= 0) {
        out << "    static constexpr std::int16_t record_type = " << m.number << ";\n";
    }
    out << "    static constexpr Version min{" << m.valid.low << "}, max{" << m.valid.high
        << "}, first_flexible{" << (m.flexible.empty() ? 32767 : m.flexible.low) << "};\n\n";
    for (const auto& s : m.structs) {
        out << "    using " << s->name << " = " << parts << "::" << s->name << ";\n";
    }
    emit_fields(out, m.fields, !m.flexible.empty(), "    ");
    out << "\n    static const MessageInfo& info();\n"
        << "    void decode(Reader& in, Version v) { decode_message(in, v, info(), this); }\n"
        << "    void encode(Writer& out, Version v) const { encode_message(out, v, info(), this); "
           "}\n"
        << "    std::string print(Version v) const { return print_message(v, info(), this); }\n"
        << "    friend bool operator==(const " << m.name << "& a, const " << m.name << "& b) {\n"
        << "        return equal_messages(info(), &a, &b);\n    }\n};\n}  // namespace "
           "faultline::wire\n";
    return out.str();
}

std::string emit_shard(const std::vector<const Message*>& messages) {
    std::ostringstream out;
    out << "// Generated by wiregen.\n#include <cstddef>\n\n";
    for (const Message* m : messages) out << "#include \"gen/wire/" << m->file_stem << ".h\"\n";
    // Every compiler in use supports it for these types.
    out << "\n#pragma GCC diagnostic ignored \"-Winvalid-offsetof\"\n\nnamespace faultline::wire "
           "{\nnamespace {\n";
    for (const Message* m : messages) {
        for (const auto& s : m->structs) emit_table(out, *m, s->name, s->fields);
        emit_table(out, *m, "", m->fields);
        out << "constexpr MessageInfo " << table_name(*m, "") << "_info{" << table_name(*m, "")
            << ", MessageKind::" << kind_of(*m) << ", " << m->number << ", " << range(m->valid)
            << ", " << range(m->flexible) << ", " << (m->latest_unstable ? "true" : "false")
            << ",\n    []() -> void* { return new " << m->name
            << "; }, [](void* p) noexcept { delete static_cast<" << m->name << "*>(p); }};\n";
    }
    out << "}  // namespace\n\n";
    for (const Message* m : messages) {
        out << "const MessageInfo& " << m->name << "::info() { return " << table_name(*m, "")
            << "_info; }\n";
    }
    out << "}  // namespace faultline::wire\n";
    return out.str();
}
}  // namespace wiregen

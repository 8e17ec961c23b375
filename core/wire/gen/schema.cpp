#include "core/wire/gen/schema.h"

#include <algorithm>
#include <fstream>
#include <functional>
#include <memory>
#include <set>
#include <stdexcept>

#include <nlohmann/json.hpp>

namespace wiregen {
namespace {
using Json = nlohmann::ordered_json;

const std::set<std::string> kBuiltIn{"bool",  "int8",    "int16", "uint16", "int32", "uint32",
                                     "int64", "float64", "uuid",  "string", "bytes", "records"};
const std::set<std::string> kMessageKeys{
    "apiKey",        "type",  "name", "validVersions", "flexibleVersions", "latestVersionUnstable",
    "commonStructs", "fields"};
const std::set<std::string> kFieldKeys{
    "name",      "type",    "versions",  "nullableVersions", "taggedVersions",
    "tag",       "default", "ignorable", "flexibleVersions", "fields",
    "sensitive", "cpp",     "cppName"};
constexpr int kOpen = 32767;
constexpr std::size_t kMaxTagged = 16;  // core/wire/encode.cpp

[[noreturn]] void bad(const std::string& where, const std::string& what) {
    throw std::runtime_error(where + ": " + what);
}

int number(const std::string& text, const std::string& where) {
    if (text.empty() || !std::all_of(text.begin(), text.end(),
                                     [](unsigned char c) { return c >= '0' && c <= '9'; })) {
        bad(where, "not a version: '" + text + "'");
    }
    return std::stoi(text);
}

// "3", "1-4", "2+" or "none"
Range range(const std::string& text, const std::string& where) {
    if (text == "none") return {};
    if (text.ends_with('+')) return {number(text.substr(0, text.size() - 1), where), kOpen};
    const auto dash = text.find('-');
    if (dash == std::string::npos) {
        const int v = number(text, where);
        return {v, v};
    }
    const Range r{number(text.substr(0, dash), where), number(text.substr(dash + 1), where)};
    if (r.empty()) bad(where, "an empty range: " + text);
    return r;
}

Json parse(const std::filesystem::path& path) {
    std::ifstream in(path);
    try {
        return Json::parse(in);
    } catch (const std::exception& e) {
        bad(path.filename().string(), e.what());
    }
}

void known_keys(const Json& object, const std::set<std::string>& keys, const std::string& where) {
    for (const auto& item : object.items()) {
        if (!keys.contains(item.key())) bad(where, "unknown key '" + item.key() + "'");
    }
}

class Loader {
public:
    Loader(Message& m, std::string where) : m_(m), where_(std::move(where)) {}

    void run(const Json& j) {
        if (j.contains("commonStructs")) {
            for (const Json& s : j["commonStructs"]) {
                add_struct(s.at("name"), s.at("fields"));
            }
        }
        m_.fields = fields(j.at("fields"));
        resolve(m_.fields);
        for (auto& s : m_.structs) resolve(s->fields);
        order();
        check(m_.fields);
        for (auto& s : m_.structs) check(s->fields);
    }

private:
    void add_struct(const std::string& name, const Json& list) {
        for (const auto& s : m_.structs) {
            if (s->name == name) bad(where_, "struct " + name + " is defined twice");
        }
        auto s = std::make_unique<Struct>();
        s->name = name;
        s->fields = fields(list);
        m_.structs.push_back(std::move(s));
    }

    std::vector<Field> fields(const Json& list) {
        std::vector<Field> out;
        for (const Json& j : list) out.push_back(field(j));
        return out;
    }

    Field field(const Json& j) {
        Field f;
        f.name = j.at("name");
        const std::string where = where_ + ": " + f.name;
        known_keys(j, kFieldKeys, where);
        f.type = j.at("type");
        if (f.type.starts_with("[]")) {
            f.array = true;
            f.type.erase(0, 2);
        }
        f.member = j.value("cppName", snake(f.name));
        f.cpp = j.value("cpp", "");
        f.ignorable = j.value("ignorable", false);
        f.sensitive = j.value("sensitive", false);
        f.tagged = range(j.value("taggedVersions", "none"), where);
        f.versions = j.contains("versions") ? range(j["versions"], where) : f.tagged;
        f.nullable_versions = range(j.value("nullableVersions", "none"), where);
        f.nullable = !f.nullable_versions.empty();
        f.tag = j.value("tag", -1);
        f.default_text = j.value("default", "");
        f.default_null = f.default_text == "null";
        if (j.contains("flexibleVersions")) {
            if (j["flexibleVersions"] != "none") bad(where, "flexibleVersions may only be none");
            f.never_compact = true;
        }
        if (j.contains("fields")) add_struct(f.type, j["fields"]);
        return f;
    }

    void resolve(std::vector<Field>& list) {
        for (Field& f : list) {
            for (const auto& s : m_.structs) {
                if (s->name == f.type) f.structure = s.get();
            }
            if (f.structure == nullptr && !kBuiltIn.contains(f.type)) {
                bad(where_ + ": " + f.name, "unknown type " + f.type);
            }
        }
    }

    // A struct is declared after the structs it uses, which also shows that none uses itself.
    void order() {
        std::vector<std::unique_ptr<Struct>> sorted;
        std::set<const Struct*> done;
        while (!m_.structs.empty()) {
            const auto next = std::find_if(m_.structs.begin(), m_.structs.end(), [&](auto& s) {
                return std::all_of(s->fields.begin(), s->fields.end(), [&](const Field& f) {
                    return f.structure == nullptr || done.contains(f.structure);
                });
            });
            if (next == m_.structs.end()) bad(where_, "structs use each other in a circle");
            done.insert(next->get());
            sorted.push_back(std::move(*next));
            m_.structs.erase(next);
        }
        m_.structs = std::move(sorted);
    }

    void check(const std::vector<Field>& list) {
        std::set<std::string> members;
        std::set<int> tags;
        for (const Field& f : list) {
            const std::string where = where_ + ": " + f.name;
            if (!members.insert(f.member).second) bad(where, "two members have this name");
            if (f.versions.empty()) bad(where, "no versions");
            if (f.tagged.empty() != (f.tag < 0))
                bad(where, "tag without taggedVersions, or the other way");
            if (f.tag >= 0 && !tags.insert(f.tag).second) bad(where, "two fields have this tag");
            if (!f.tagged.empty() && m_.flexible.empty())
                bad(where, "tagged in a message without tags");
            if (f.default_null && !f.nullable) bad(where, "null as default of what is never null");
            if (f.nullable && !f.array && f.structure == nullptr && f.type != "string" &&
                f.type != "bytes" && f.type != "records") {
                bad(where, f.type + " cannot be null");
            }
            if (f.array && (f.type == "bool" || f.type == "bytes" || f.type == "records")) {
                bad(where, "arrays of " + f.type + " are not supported");
            }
            const bool text = f.array || f.structure != nullptr || f.type == "string" ||
                              f.type == "bytes" || f.type == "records" || f.type == "uuid";
            if (text && !f.default_text.empty() && !f.default_null) {
                bad(where, "only numbers and bools have a default that is not empty or null");
            }
        }
        if (tags.size() > kMaxTagged) bad(where_, "too many tagged fields");
    }

    Message& m_;
    std::string where_;
};

std::unique_ptr<Message> load_message(const std::filesystem::path& path) {
    const std::string where = path.filename().string();
    const Json j = parse(path);
    auto m = std::make_unique<Message>();
    try {
        known_keys(j, kMessageKeys, where);
        m->name = j.at("name");
        if (m->name != path.stem().string()) bad(where, "the name is not that of the file");
        m->file_stem = snake(m->name);
        m->type = j.at("type");
        m->number = j.value("apiKey", -1);
        m->valid = range(j.at("validVersions"), where);
        m->flexible = range(j.at("flexibleVersions"), where);
        m->latest_unstable = j.value("latestVersionUnstable", false);
        if (m->valid.empty() || m->valid.high == kOpen) bad(where, "validVersions must be closed");
        Loader(*m, where).run(j);
    } catch (const nlohmann::json::exception& e) {
        bad(where, e.what());
    }
    return m;
}

void load_apis(const std::filesystem::path& path, Schema& schema) {
    for (const Json& j : parse(path)) {
        Api a;
        a.key = j.at("key");
        a.name = j.at("name");
        a.broker = range(j.value("broker", "none"), a.name);
        a.controller = range(j.value("controller", "none"), a.name);
        a.forward = j.value("forward", false);
        a.cluster = j.value("cluster", false);
        if (j.contains("responseHeader")) a.response_header = j["responseHeader"].get<int>();
        for (const char* kind : {"Request", "Response"}) {
            const Message* m = schema.find(a.name + kind);
            if (m == nullptr || m->number != a.key) bad(a.name, "no such message with this key");
        }
        if (!schema.apis.empty() && schema.apis.back().key >= a.key) bad(a.name, "not in order");
        schema.apis.push_back(std::move(a));
    }
}

void load_errors(const std::filesystem::path& path, Schema& schema) {
    for (const Json& j : parse(path)) {
        ErrorCode e{j.at("code"), j.at("name"), j.value("retriable", false),
                    j.value("staleMetadata", false)};
        if (!schema.errors.empty() && schema.errors.back().code >= e.code) {
            bad(e.name, "not in order");
        }
        schema.errors.push_back(std::move(e));
    }
}
}  // namespace

const Message* Schema::find(const std::string& name) const {
    for (const auto& m : messages) {
        if (m->name == name) return m.get();
    }
    return nullptr;
}

Schema load(const std::filesystem::path& directory) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
        const auto& path = entry.path();
        if (path.extension() == ".json" && std::isupper(path.filename().string()[0])) {
            files.push_back(path);
        }
    }
    std::sort(files.begin(), files.end());
    Schema schema;
    for (const auto& path : files) schema.messages.push_back(load_message(path));
    load_apis(directory / "apis.json", schema);
    load_errors(directory / "errors.json", schema);
    std::size_t requests = 0;
    for (const auto& m : schema.messages) requests += m->type == "request" ? 1 : 0;
    if (requests != schema.apis.size()) bad("apis.json", "does not name every request");
    return schema;
}

// An underscore goes between a small letter or digit and a capital one.
std::string snake(const std::string& pascal) {
    std::string out;
    for (std::size_t i = 0; i < pascal.size(); ++i) {
        const auto c = static_cast<unsigned char>(pascal[i]);
        if (i > 0 && std::isupper(c) && !std::isupper(static_cast<unsigned char>(pascal[i - 1]))) {
            out += '_';
        }
        out += static_cast<char>(std::tolower(c));
    }
    return out;
}
}  // namespace wiregen

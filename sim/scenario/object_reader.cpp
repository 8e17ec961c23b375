#include "sim/scenario/object_reader.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/base/text.h"

namespace faultline::sim {
namespace {
std::string with_article(const Json& value) {
    const std::string_view type = value.type_name();
    return fmt::format("{} {}", type == "array" || type == "object" ? "an" : "a", type);
}
}  // namespace

void Document::fail(const std::string& pointer, const std::string& what) {
    if (!error.empty()) return;
    std::string known = pointer;  // an override may have made what the text does not have
    while (!positions.contains(known) && !known.empty()) known.resize(known.rfind('/'));
    const Position p = positions.contains(known) ? positions.at(known) : Position{};
    error = fmt::format("{}:{}:{}: {}: {}", file, p.line, p.column, pointer.empty() ? "/" : pointer,
                        what);
}

ObjectReader::ObjectReader(Document& document, std::string pointer, const Json& value)
    : document_(document), pointer_(std::move(pointer)), value_(value) {
    if (!value.is_object()) {
        document_.fail(pointer_, fmt::format("is {}; must be an object", with_article(value)));
    }
}

std::string ObjectReader::at(std::string_view key) const {
    return pointer_ + "/" + pointer_token(key);
}

const Json* ObjectReader::find(std::string_view key) {
    known_.push_back(key);
    if (failed()) return nullptr;
    const auto it = value_.find(key);
    return it == value_.end() ? nullptr : &*it;
}

bool ObjectReader::has(std::string_view key) { return value_.is_object() && value_.contains(key); }

void ObjectReader::fail(std::string_view key, const std::string& what) {
    document_.fail(key.empty() ? pointer_ : at(key), what);
}

void ObjectReader::require(std::string_view key) {
    if (!failed() && !has(key)) fail("", fmt::format("\"{}\" is missing; it must be given", key));
}

void ObjectReader::string(std::string_view key, std::string& out, std::string_view) {
    const Json* v = find(key);
    if (v == nullptr) return;
    if (!v->is_string()) return fail(key, fmt::format("is {}; must be a string", v->dump()));
    out = v->get<std::string>();
}

void ObjectReader::boolean(std::string_view key, bool& out, std::string_view) {
    const Json* v = find(key);
    if (v == nullptr) return;
    if (!v->is_boolean()) return fail(key, fmt::format("is {}; must be true or false", v->dump()));
    out = v->get<bool>();
}

void ObjectReader::whole(std::string_view key, std::int64_t& out, std::int64_t low,
                         std::int64_t high, std::string_view) {
    const Json* v = find(key);
    if (v == nullptr) return;
    const bool whole = v->is_number_integer() &&
                       (!v->is_number_unsigned() || v->get<std::uint64_t>() <= INT64_MAX);
    if (!whole || v->get<std::int64_t>() < low || v->get<std::int64_t>() > high) {
        return fail(
            key, fmt::format("is {}; must be a whole number from {} to {}", v->dump(), low, high));
    }
    out = v->get<std::int64_t>();
}

void ObjectReader::duration(std::string_view key, Duration& out, std::string_view, bool negative) {
    const Json* v = find(key);
    if (v == nullptr) return;
    std::string text = v->is_string() ? v->get<std::string>() : "";
    const bool minus = negative && text.starts_with('-');
    const auto d = parse_duration(std::string_view(text).substr(minus ? 1 : 0));
    if (!d) {
        return fail(key, fmt::format("is {}; must be a time with its unit, such as \"250ms\", "
                                     "\"10s\", \"2h\", \"30d\"{}",
                                     v->dump(), negative ? ", or \"-1h\"" : ""));
    }
    out = minus ? -*d : *d;
}

void ObjectReader::duration(std::string_view key, std::optional<Duration>& out,
                            std::string_view doc) {
    Duration d{};
    duration(key, d, doc, false);
    if (has(key)) out = d;
}

void ObjectReader::size(std::string_view key, std::uint64_t& out, std::string_view) {
    const Json* v = find(key);
    if (v == nullptr) return;
    if (v->is_number_unsigned()) {
        out = v->get<std::uint64_t>();
        return;
    }
    const auto bytes = v->is_string() ? parse_size(v->get<std::string>()) : std::nullopt;
    if (!bytes) {
        return fail(key, fmt::format("is {}; must be bytes, such as 4096, \"64KiB\" or \"1MiB\"",
                                     v->dump()));
    }
    out = *bytes;
}

void ObjectReader::choice(std::string_view key, std::size_t& index, Words words, std::string_view) {
    const Json* v = find(key);
    if (v == nullptr) return;
    const std::string text = v->is_string() ? v->get<std::string>() : v->dump();
    const auto it = std::ranges::find(words, text);
    if (it != words.end()) {
        index = static_cast<std::size_t>(it - words.begin());
        return;
    }
    const std::string_view near = nearest_word(text, words);
    fail(key, fmt::format("\"{}\" is not known{}; allowed: {}", text,
                          near.empty() ? "" : fmt::format(", did you mean \"{}\"?", near),
                          fmt::join(words, ", ")));
}

void ObjectReader::config(std::string_view key, std::map<std::string, std::string>& out,
                          std::string_view) {
    const Json* v = find(key);
    if (v == nullptr) return;
    if (!v->is_object()) return fail(key, "must be an object of configuration keys");
    for (const auto& [name, value] : v->items()) {
        if (value.is_string()) {
            out[name] = value.get<std::string>();
        } else if (value.is_boolean() || value.is_number()) {
            out[name] = value.dump();
        } else {
            return document_.fail(at(key) + "/" + pointer_token(name),
                                  "must be a string, a number, true or false");
        }
    }
}

void ObjectReader::names(std::string_view key, std::vector<std::string>& out, std::string_view) {
    const Json* v = find(key);
    if (v == nullptr) return;
    if (v->is_string()) {
        out = {v->get<std::string>()};
        return;
    }
    const bool good =
        v->is_array() && std::ranges::all_of(*v, [](const Json& e) { return e.is_string(); });
    if (!good) return fail(key, "must be a string or an array of strings");
    out.clear();
    for (const Json& e : *v) out.push_back(e.get<std::string>());
}

void ObjectReader::object(std::string_view key, std::string_view, const Visit& visit) {
    const Json* v = find(key);
    if (v == nullptr) return;
    ObjectReader inner(document_, at(key), *v);
    visit(inner);
    inner.done();
}

void ObjectReader::optional_object(std::string_view key, bool& present, std::string_view doc,
                                   const Visit& visit) {
    present = has(key);
    object(key, doc, visit);
}

void ObjectReader::elements(std::string_view key, const ListAccess& access, std::string_view) {
    const Json* v = find(key);
    if (v == nullptr) return;
    if (!v->is_array()) return fail(key, fmt::format("is {}; must be an array", with_article(*v)));
    access.resize(v->size());
    for (std::size_t i = 0; i < v->size() && !failed(); ++i) {
        ObjectReader inner(document_, at(key) + "/" + std::to_string(i), (*v)[i]);
        if (failed()) return;
        access.element(inner, i);
        inner.done();
    }
}

void ObjectReader::variants(std::string_view key, std::size_t& index,
                            std::span<const Meaning> words, const Visit& visit) {
    require(key);
    std::vector<std::string_view> only;
    for (const Meaning& m : words) only.push_back(m.word);
    choice(key, index, only, "");
    if (!failed()) visit(*this);
}

void ObjectReader::alternatives(std::size_t& index, std::span<const Meaning> keys,
                                const Visit& visit) {
    if (failed()) return;
    const auto there = std::ranges::find_if(keys, [&](const Meaning& m) { return has(m.word); });
    if (there == keys.end()) {
        std::vector<std::string_view> only;
        for (const Meaning& m : keys) only.push_back(m.word);
        return fail("", fmt::format("needs one of the members {}", fmt::join(only, ", ")));
    }
    index = static_cast<std::size_t>(there - keys.begin());
    visit(*this);
}

void ObjectReader::done() {
    if (failed()) return;
    for (const auto& [name, value] : value_.items()) {
        if (std::ranges::find(known_, name) != known_.end()) continue;
        const std::string_view near = nearest_word(name, known_);
        fail(name, fmt::format("is not known here{}; allowed: {}",
                               near.empty() ? "" : fmt::format(", did you mean \"{}\"?", near),
                               fmt::join(known_, ", ")));
        return;
    }
}

// --- what all visitors share -------------------------------------------------------------------

void Fields::word(std::string_view key, std::string& value, Words words, std::string_view doc) {
    const auto it = std::ranges::find(words, value);
    auto index = static_cast<std::size_t>(it - words.begin());
    choice(key, index, words, doc);
    if (index < words.size()) value = words[index];
}
}  // namespace faultline::sim

#include "sim/scenario/scenario_json.h"

#include <fmt/format.h>

#include "core/base/assert.h"
#include "sim/scenario/describe.h"
#include "sim/scenario/object_reader.h"

namespace faultline::sim {
namespace {

// In the largest unit that gives a whole number.
std::string duration_text(Duration d) {
    struct Unit {
        std::int64_t ns;
        const char* name;
    };
    constexpr Unit units[] = {{86'400'000'000'000, "d"}, {3'600'000'000'000, "h"},
                              {60'000'000'000, "m"},     {1'000'000'000, "s"},
                              {1'000'000, "ms"},         {1'000, "us"}};
    const std::int64_t n = d.count();
    if (n == 0) return "0s";
    for (const Unit& u : units) {
        if (n % u.ns == 0) return fmt::format("{}{}", n / u.ns, u.name);
    }
    return fmt::format("{}ns", n);
}

// Writes every member; what is as by default is taken out again by the caller.
class Writer final : public Fields {
public:
    Json json = Json::object();
    // What must stay for the rest to be read: members that are required, and of an object whose
    // presence means something its own.
    Json least = Json::object();

    void string(std::string_view key, std::string& v, std::string_view) override { put(key, v); }
    void boolean(std::string_view key, bool& v, std::string_view) override { put(key, v); }
    void duration(std::string_view key, Duration& v, std::string_view, bool) override {
        put(key, duration_text(v));
    }
    void duration(std::string_view key, std::optional<Duration>& v, std::string_view) override {
        if (v) put(key, duration_text(*v));
    }
    void size(std::string_view key, std::uint64_t& v, std::string_view) override { put(key, v); }
    void config(std::string_view key, std::map<std::string, std::string>& v,
                std::string_view) override {
        put(key, Json(v));
    }
    void names(std::string_view key, std::vector<std::string>& v, std::string_view) override {
        put(key, v.size() == 1 ? Json(v[0]) : Json(v));
    }
    void object(std::string_view key, std::string_view, const Visit& visit) override {
        Writer inner;
        visit(inner);
        put(key, std::move(inner.json));
    }
    void optional_object(std::string_view key, bool& present, std::string_view,
                         const Visit& visit) override {
        if (!present) return;
        Writer inner;
        visit(inner);
        inner.settle();
        least[std::string(key)] = inner.least;
        put(key, std::move(inner.json));
    }
    void variants(std::string_view key, std::size_t& index, std::span<const Meaning> words,
                  const Visit& visit) override {
        put(key, words[index].word);
        require(key);
        visit(*this);
    }
    void alternatives(std::size_t& index, std::span<const Meaning> keys,
                      const Visit& visit) override {
        visit(*this);
        require(keys[index].word);
    }
    void require(std::string_view key) override { wanted_.push_back(std::string(key)); }

    // `least`, when everything is written.
    void settle() {
        for (const std::string& key : wanted_) {
            if (json.contains(key)) least[key] = json[key];
        }
    }
    // Takes out the members that are as in `defaults`, but for those of `least`.
    void prune(const Writer& defaults) { json = without(json, defaults.json, least); }

protected:
    void whole(std::string_view key, std::int64_t& v, std::int64_t, std::int64_t,
               std::string_view) override {
        put(key, v);
    }
    void choice(std::string_view key, std::size_t& index, Words words, std::string_view) override {
        if (index < words.size()) put(key, words[index]);
    }
    void elements(std::string_view key, const ListAccess& access, std::string_view) override {
        Json all = Json::array();
        for (std::size_t i = 0; i < access.size; ++i) {
            Writer full, plain;
            access.element(full, i);
            full.settle();
            // What the reader makes of the required members alone: the rest of that is default.
            Document document{.file = "", .positions = {}, .error = {}};
            ObjectReader reader(document, "", full.least);
            access.defaults(reader, plain);
            full.prune(plain);
            all.push_back(std::move(full.json));
        }
        put(key, std::move(all));
    }

private:
    void put(std::string_view key, Json value) { json[std::string(key)] = std::move(value); }
    static Json without(const Json& value, const Json& defaults, const Json& keep) {
        Json left = Json::object();
        for (const auto& [key, v] : value.items()) {
            const bool kept = keep.is_object() && keep.contains(key);
            const bool known = defaults.is_object() && defaults.contains(key);
            if (!kept && known && defaults[key] == v) continue;
            const bool deeper = v.is_object() && known && defaults[key].is_object();
            left[key] = deeper ? without(v, defaults[key], kept ? keep[key] : Json()) : v;
        }
        return left;
    }
    std::vector<std::string> wanted_;
};

// Short lists of short objects stand on one line each, as people write them.
void print(std::string& out, const Json& value, int indent) {
    const std::string flat = value.dump();
    const std::string pad(static_cast<std::size_t>(indent) + 2, ' ');
    const bool nested = value.is_structured() && !value.empty();
    if (!nested || (indent > 0 && flat.size() + static_cast<std::size_t>(indent) <= 110)) {
        // A space after each comma and colon that is not inside a string.
        bool quoted = false;
        for (std::size_t i = 0; i < flat.size(); ++i) {
            out += flat[i];
            if (flat[i] == '"' && (i == 0 || flat[i - 1] != '\\')) quoted = !quoted;
            if (!quoted && (flat[i] == ',' || flat[i] == ':')) out += ' ';
        }
        return;
    }
    out += value.is_array() ? "[" : "{";
    bool first = true;
    for (const auto& [key, v] : value.items()) {
        out += first ? "\n" : ",\n";
        first = false;
        out += pad;
        if (value.is_object()) out += Json(key).dump() + ": ";
        print(out, v, indent + 2);
    }
    out += "\n" + std::string(static_cast<std::size_t>(indent), ' ');
    out += value.is_array() ? "]" : "}";
}
}  // namespace

FaultSpec canonical(const FaultSpec& fault) {
    FaultSpec copy = fault, back;
    Writer writer;
    describe(writer, copy);
    Document document{.file = "", .positions = {}, .error = {}};
    ObjectReader reader(document, "", writer.json);
    describe(reader, back);
    FL_ASSERT(document.error.empty());
    return back;
}

std::string scenario_to_json(const Scenario& scenario) {
    Scenario copy = scenario, fresh;
    Writer full, plain;
    describe(full, copy);
    full.settle();
    Document document{.file = "", .positions = {}, .error = {}};
    ObjectReader reader(document, "", full.least);
    describe(reader, fresh);
    describe(plain, fresh);
    full.prune(plain);
    std::string out;
    print(out, full.json, 0);
    return out + "\n";
}
}  // namespace faultline::sim

// The JSON Schema of a scenario, from the same description that the parser walks.
#include <fmt/format.h>

#include "sim/scenario/describe.h"
#include "sim/scenario/object_reader.h"
#include "sim/scenario/scenario_json.h"
#include "sim/scenario/selector.h"

namespace faultline::sim {
namespace {

constexpr const char* kDuration = "^([0-9]+(ns|us|ms|s|m|h|d)|0)$";
constexpr const char* kSigned = "^(-?[0-9]+(ns|us|ms|s|m|h|d)|0)$";

class SchemaMaker final : public Fields {
public:
    // As one object, or as one of several when the description has variants.
    Json schema() const {
        if (branches_.empty()) return plain();
        Json all = Json::array();
        for (const SchemaMaker& b : branches_) {
            Json one = b.plain();
            one["title"] = b.title_;
            one["description"] = b.doc_;
            all.push_back(std::move(one));
        }
        return {{"oneOf", std::move(all)}};
    }

    void string(std::string_view key, std::string&, std::string_view doc) override {
        put(key, {{"type", "string"}}, doc);
    }
    void boolean(std::string_view key, bool& v, std::string_view doc) override {
        put(key, {{"type", "boolean"}, {"default", v}}, doc);
    }
    void duration(std::string_view key, Duration&, std::string_view doc, bool negative) override {
        put(key, {{"type", "string"}, {"pattern", negative ? kSigned : kDuration}}, doc);
    }
    void duration(std::string_view key, std::optional<Duration>&, std::string_view doc) override {
        put(key, {{"type", "string"}, {"pattern", kDuration}}, doc);
    }
    void size(std::string_view key, std::uint64_t&, std::string_view doc) override {
        Json text = {{"type", "string"}, {"pattern", "^[0-9]+(B|KiB|MiB|GiB|TiB)?$"}};
        put(key, {{"anyOf", {Json{{"type", "integer"}, {"minimum", 0}}, std::move(text)}}}, doc);
    }
    void config(std::string_view key, std::map<std::string, std::string>&,
                std::string_view doc) override {
        put(key,
            {{"type", "object"},
             {"additionalProperties", {{"type", {"string", "number", "boolean"}}}}},
            doc);
    }
    void names(std::string_view key, std::vector<std::string>&, std::string_view doc) override {
        Json text = {{"type", "string"}};
        if (doc.starts_with("Selectors")) {
            text["examples"] = Json::array();
            for (const auto form : selector_forms()) text["examples"].push_back(form);
        }
        put(key, {{"anyOf", {text, Json{{"type", "array"}, {"items", text}}}}}, doc);
    }
    void object(std::string_view key, std::string_view doc, const Visit& visit) override {
        SchemaMaker inner;
        visit(inner);
        put(key, inner.schema(), doc);
    }
    void optional_object(std::string_view key, bool&, std::string_view doc,
                         const Visit& visit) override {
        object(key, doc, visit);
    }
    void variants(std::string_view key, std::size_t& index, std::span<const Meaning> words,
                  const Visit& visit) override {
        for (index = 0; index < words.size(); ++index) {
            SchemaMaker branch = make_branch(words[index]);
            branch.put(key, {{"const", words[index].word}}, words[index].doc);
            branch.require(key);
            visit(branch);
            branches_.push_back(std::move(branch));
        }
        index = 0;
    }
    void alternatives(std::size_t& index, std::span<const Meaning> keys,
                      const Visit& visit) override {
        for (index = 0; index < keys.size(); ++index) {
            SchemaMaker branch = make_branch(keys[index]);
            branch.require(keys[index].word);
            visit(branch);
            branches_.push_back(std::move(branch));
        }
        index = 0;
    }
    void require(std::string_view key) override {
        for (const Json& r : required_) {
            if (r == key) return;
        }
        required_.push_back(key);
    }

protected:
    void whole(std::string_view key, std::int64_t& v, std::int64_t low, std::int64_t high,
               std::string_view doc) override {
        put(key, {{"type", "integer"}, {"minimum", low}, {"maximum", high}, {"default", v}}, doc);
    }
    void choice(std::string_view key, std::size_t& index, Words words,
                std::string_view doc) override {
        Json all = Json::array();
        for (const auto w : words) all.push_back(w);
        Json one = {{"type", "string"}, {"enum", std::move(all)}};
        if (index < words.size()) one["default"] = words[index];
        put(key, std::move(one), doc);
    }
    void elements(std::string_view key, const ListAccess& access, std::string_view doc) override {
        SchemaMaker inner;
        access.sample(inner);
        put(key, {{"type", "array"}, {"items", inner.schema()}}, doc);
    }

private:
    static SchemaMaker make_branch(const Meaning& meaning) {
        SchemaMaker branch;
        branch.title_ = meaning.word;
        branch.doc_ = meaning.doc;
        return branch;
    }
    Json plain() const {
        Json all = {{"type", "object"}, {"properties", properties_}};
        if (!required_.empty()) all["required"] = required_;
        all["additionalProperties"] = false;
        return all;
    }
    void put(std::string_view key, Json value, std::string_view doc) {
        value["description"] = doc;
        properties_[std::string(key)] = std::move(value);
    }

    Json properties_ = Json::object();
    Json required_ = Json::array();
    std::vector<SchemaMaker> branches_;
    std::string title_, doc_;
};
}  // namespace

std::string scenario_schema() {
    SchemaMaker maker;
    Scenario fresh;
    describe(maker, fresh);
    Json head = {
        {"$schema", "http://json-schema.org/draft-07/schema#"},
        {"$id", "https://faultline.dev/scenario.schema.json"},
        {"title", "Faultline scenario"},
        {"description", "What runs, what goes wrong and what must hold: docs/SCENARIOS.md."}};
    head.update(maker.schema());
    return head.dump(1) + "\n";
}
}  // namespace faultline::sim

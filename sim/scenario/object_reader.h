// Reads the members of one JSON object into a struct, and says exactly what is wrong with them.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "sim/scenario/fields.h"
#include "sim/scenario/json_positions.h"

namespace faultline::sim {

using Json = nlohmann::ordered_json;

// The first error of a document; later ones are ignored.
struct Document {
    std::string_view file;
    std::map<std::string, Position> positions;
    std::string error;
    void fail(const std::string& pointer, const std::string& what);
};

// done() refuses the members that no call has named.
class ObjectReader final : public Fields {
public:
    // All three must outlive the reader.
    ObjectReader(Document& document, std::string pointer, const Json& value);
    void string(std::string_view key, std::string& value, std::string_view doc) override;
    void boolean(std::string_view key, bool& value, std::string_view doc) override;
    void duration(std::string_view key, Duration& value, std::string_view doc,
                  bool negative) override;
    void duration(std::string_view key, std::optional<Duration>& value,
                  std::string_view doc) override;
    void size(std::string_view key, std::uint64_t& value, std::string_view doc) override;
    void config(std::string_view key, std::map<std::string, std::string>& value,
                std::string_view doc) override;
    void names(std::string_view key, std::vector<std::string>& value,
               std::string_view doc) override;
    void object(std::string_view key, std::string_view doc, const Visit& visit) override;
    void optional_object(std::string_view key, bool& present, std::string_view doc,
                         const Visit& visit) override;
    void variants(std::string_view key, std::size_t& index, std::span<const Meaning> words,
                  const Visit& visit) override;
    void alternatives(std::size_t& index, std::span<const Meaning> keys,
                      const Visit& visit) override;
    void require(std::string_view key) override;
    void fail(std::string_view key, const std::string& what) override;
    bool has(std::string_view key) override;
    void done();
    bool failed() const { return !document_.error.empty(); }

protected:
    void whole(std::string_view key, std::int64_t& value, std::int64_t low, std::int64_t high,
               std::string_view doc) override;
    void choice(std::string_view key, std::size_t& index, Words words,
                std::string_view doc) override;
    void elements(std::string_view key, const ListAccess& access, std::string_view doc) override;

private:
    const Json* find(std::string_view key);
    std::string at(std::string_view key) const;
    Document& document_;
    std::string pointer_;
    const Json& value_;
    std::vector<std::string_view> known_;
};
}  // namespace faultline::sim

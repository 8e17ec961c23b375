// Reads the members of one JSON object into a struct, and says exactly what is wrong with them.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/base/time.h"
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

// Every accessor names a member that is allowed; done() refuses the others. A missing member
// leaves the target as it was.
class ObjectReader {
public:
    ObjectReader(Document& document, std::string pointer, const Json& value);
    bool has(std::string_view key);
    void string(std::string_view key, std::string& out);
    void boolean(std::string_view key, bool& out);
    template <class Int>
    void integer(std::string_view key, Int& out, std::int64_t low, std::int64_t high) {
        std::int64_t value = 0;
        if (read_integer(key, value, low, high)) out = static_cast<Int>(value);
    }
    // "250ms"; `negative` allows a leading minus.
    void duration(std::string_view key, Duration& out, bool negative = false);
    void size(std::string_view key, std::uint64_t& out);  // "64MiB", or a number of bytes
    // Index into `words`.
    std::optional<std::size_t> word(std::string_view key, std::span<const std::string_view> words);
    // Configuration: strings, numbers and booleans as text.
    void config(std::string_view key, std::map<std::string, std::string>& out);
    void strings(std::string_view key, std::vector<std::string>& out);
    void object(std::string_view key, const std::function<void(ObjectReader&)>& fn);
    void objects(std::string_view key, const std::function<void(ObjectReader&)>& fn);
    void require(std::string_view key);
    void done();
    void fail(std::string_view key, const std::string& what);
    bool failed() const { return !document_.error.empty(); }

private:
    const Json* find(std::string_view key);
    bool read_integer(std::string_view key, std::int64_t& out, std::int64_t low, std::int64_t high);
    std::string at(std::string_view key) const;
    Document& document_;
    std::string pointer_;
    const Json& value_;
    std::vector<std::string_view> known_;
};
}  // namespace faultline::sim

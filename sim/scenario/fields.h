// One description of what a scenario may contain, walked by three visitors: the reader (JSON into
// structs, with errors that name the place), the writer (structs into JSON) and the schema maker.
// So the three cannot disagree.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/base/time.h"

namespace faultline::sim {

using Words = std::span<const std::string_view>;

// A word and its meaning, for variants().
struct Meaning {
    std::string_view word, doc;
};

// The members of one JSON object. Every call names a member that is allowed there. A member that is
// missing leaves its target as it was, so the target's value before the call is the default.
// `doc` is one sentence for the schema.
class Fields {
public:
    using Visit = std::function<void(Fields&)>;
    virtual ~Fields() = default;

    virtual void string(std::string_view key, std::string& value, std::string_view doc) = 0;
    virtual void boolean(std::string_view key, bool& value, std::string_view doc) = 0;
    template <class Int>
    void integer(std::string_view key, Int& value, std::int64_t low, std::int64_t high,
                 std::string_view doc) {
        auto wide = static_cast<std::int64_t>(value);
        whole(key, wide, low, high, doc);
        value = static_cast<Int>(wide);
    }
    // "250ms"; `negative` allows a leading minus.
    virtual void duration(std::string_view key, Duration& value, std::string_view doc,
                          bool negative = false) = 0;
    virtual void duration(std::string_view key, std::optional<Duration>& value,
                          std::string_view doc) = 0;
    // "64MiB", or a number of bytes.
    virtual void size(std::string_view key, std::uint64_t& value, std::string_view doc) = 0;
    // An enumeration whose values count from 0 in the order of `words`.
    template <class E>
    requires std::is_enum_v<E>
    void word(std::string_view key, E& value, Words words, std::string_view doc) {
        auto index = static_cast<std::size_t>(value);
        choice(key, index, words, doc);
        value = static_cast<E>(index);
    }
    // A string that must be one of `words`.
    void word(std::string_view key, std::string& value, Words words, std::string_view doc);
    // Configuration: strings, numbers and booleans as text.
    virtual void config(std::string_view key, std::map<std::string, std::string>& value,
                        std::string_view doc) = 0;
    // A string, or an array of strings.
    virtual void names(std::string_view key, std::vector<std::string>& value,
                       std::string_view doc) = 0;
    virtual void object(std::string_view key, std::string_view doc, const Visit& visit) = 0;
    // An object whose presence means something.
    virtual void optional_object(std::string_view key, bool& present, std::string_view doc,
                                 const Visit& visit) = 0;
    // An array of objects.
    template <class T, class Describe>
    void list(std::string_view key, std::vector<T>& items, std::string_view doc,
              Describe describe) {
        const ListAccess access{
            .size = items.size(),
            .resize = [&](std::size_t n) { items.resize(n); },
            .element = [&](Fields& fields, std::size_t i) { describe(fields, items[i]); },
            .defaults =
                [&](Fields& read, Fields& write) {
                    T fresh{};
                    describe(read, fresh);
                    describe(write, fresh);
                },
            .sample =
                [&](Fields& fields) {
                    T fresh{};
                    describe(fields, fresh);
                }};
        elements(key, access, doc);
    }
    // Which other members there are depends on the word under `key`. `visit` names all of them,
    // with `index` set to the word's.
    virtual void variants(std::string_view key, std::size_t& index, std::span<const Meaning> words,
                          const Visit& visit) = 0;
    // Which other members there are depends on which one of `keys` is there.
    virtual void alternatives(std::size_t& index, std::span<const Meaning> keys,
                              const Visit& visit) = 0;
    virtual void require(std::string_view key) = 0;
    // For the reader: what stands under `key` cannot be ("": under the object itself).
    virtual void fail(std::string_view, const std::string&) {}
    // True for the reader when the member is there.
    virtual bool has(std::string_view) { return false; }

protected:
    struct ListAccess {
        std::size_t size;
        std::function<void(std::size_t)> resize;
        std::function<void(Fields&, std::size_t)> element;
        // Describes a fresh element to `read`, then to `write`.
        std::function<void(Fields& read, Fields& write)> defaults;
        std::function<void(Fields&)> sample;
    };
    virtual void whole(std::string_view key, std::int64_t& value, std::int64_t low,
                       std::int64_t high, std::string_view doc) = 0;
    virtual void choice(std::string_view key, std::size_t& index, Words words,
                        std::string_view doc) = 0;
    virtual void elements(std::string_view key, const ListAccess& access, std::string_view doc) = 0;
};
}  // namespace faultline::sim

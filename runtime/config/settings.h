// A configuration as key and value with the place each came from, checked against the table of
// core/model/config_keys.h.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/config_keys.h"
#include "runtime/config/properties.h"

namespace faultline::config {

struct Place {
    std::string file;  // "--set" for the command line, where `line` counts its settings
    int line = 0;
};

// "server.properties:7: log.dirs: is empty; at least one directory". `right` may be empty.
struct Problem {
    Place place;
    std::string key;
    std::string wrong;
    std::string right;
};
std::string to_string(const Problem&);

// Not shared between threads: getters note what was asked for.
class Settings {
public:
    // What is added later wins over what was added before.
    void add(std::string_view file, std::span<const Property> properties);
    void set(std::string_view key, std::string_view value, Place place);

    // Unknown keys (with the nearest known one), values that are not of their type, out of bounds.
    std::vector<Problem> check() const;

    // True when a file or --set gave the key, not by its default.
    bool given(std::string_view key) const;
    Place place_of(std::string_view key) const;
    Problem problem(std::string_view key, std::string wrong, std::string right) const;

    // Typed values, defaults where nothing was given. Requires: check() found nothing, and the key
    // is a known one of that type. The optional ones are empty for a null default.
    bool flag(std::string_view key) const;
    std::int64_t number(std::string_view key) const;
    double real(std::string_view key) const;
    std::optional<std::int64_t> number_if_any(std::string_view key) const;
    std::string text(std::string_view key) const;
    std::optional<std::string> text_if_any(std::string_view key) const;
    std::vector<std::string> list(std::string_view key) const;

    // Keys that were asked for by a getter, and keys that were given a value other than their
    // default but never asked for: those have no effect.
    const std::set<std::string, std::less<>>& asked() const { return asked_; }
    std::vector<std::string> without_effect() const;
    // What was given, secrets included.
    model::ConfigMap all() const;
    // As it would stand in a file; "[hidden]" for secrets.
    std::string shown(std::string_view key) const;

private:
    struct Value {
        std::string text;
        Place place;
    };
    std::optional<std::string> raw(std::string_view key) const;

    std::map<std::string, Value, std::less<>> values_;
    mutable std::set<std::string, std::less<>> asked_;
};
}  // namespace faultline::config

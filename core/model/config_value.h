// Values of configuration keys as Kafka reads them (ConfigDef.parseType and its validators): what
// is allowed, in Kafka's words, and how a value is shown.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/config_keys.h"

namespace faultline::model {

// Why `text` is no value of the key, as Kafka says it: "Invalid value x for configuration NAME: Not
// a number of type INT". Nothing when it is one. `name` is the key's, or a listener's own.
std::optional<std::string> check_value(const ConfigKey& key, std::string_view name,
                                       std::string_view text);

// As Kafka shows a value that check_value() allows: " 7 " is 7, TRUE is true, "a , b" is a,b. A
// password is left as it is: callers never show one.
std::string shown_value(const ConfigKey& key, std::string_view text);

// Nothing when `text` is none. Spaces around it do not count.
std::optional<std::int64_t> parse_integer(std::string_view text);
std::optional<double> parse_double(std::string_view text);
std::optional<bool> parse_boolean(std::string_view text);
// "a , b,," is "a", "b", "", "". No element for a text of spaces.
std::vector<std::string> parse_list(std::string_view text);

// Java's Double.toString: "0.5", "1.0E-4".
std::string double_text(double value);
std::string join_list(const std::vector<std::string>& elements);
}  // namespace faultline::model

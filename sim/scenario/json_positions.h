// Where each value of a JSON text stands: nlohmann::json does not keep it, error messages need it.
#pragma once
#include <map>
#include <string>
#include <string_view>

namespace faultline::sim {

struct Position {
    int line = 1, column = 1;  // from 1; columns count bytes
};

// By JSON pointer (RFC 6901); for a member the place of its key, for the document "". Requires
// text that parses as JSON.
std::map<std::string, Position> json_positions(std::string_view text);

// Of a byte in the text.
Position position_of(std::string_view text, std::size_t offset);

// '~' and '/' of a member's name written as RFC 6901 asks.
std::string pointer_token(std::string_view name);
}  // namespace faultline::sim

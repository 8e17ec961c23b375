// Files in the syntax of java.util.Properties, which is what Kafka's configuration files are.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace faultline::config {

struct Property {
    std::string key;
    std::string value;
    int line = 0;  // of the key, from 1
};

// What a text says, in its order; a key may stand there more than once (the last one counts).
// Comments start with # or !, a backslash at the end joins the next line, key and value are
// separated by =, : or white space, and \t \n \r \f \uXXXX are escapes. Bytes beyond ASCII pass as
// they are: files are UTF-8 here, where Java reads Latin-1.
// On a malformed \u escape: `invalid`, and *bad_line is its line.
Result<std::vector<Property>> parse_properties(std::string_view text, int* bad_line);
}  // namespace faultline::config

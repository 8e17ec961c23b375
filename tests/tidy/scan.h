// A light reader of C++: scopes by their braces. It knows no grammar, so sizes are heuristic; it
// errs on the side of saying nothing.
#pragma once
#include <string>
#include <vector>

#include "tests/tidy/tree.h"

namespace faultline::tidy {

struct FunctionSpan {
    std::string name;
    int first_line = 0;  // of the opening brace
    int lines = 0;       // to the closing brace, both counted
};
struct ConstructorHead {
    std::string name;
    int line = 0;
    int parameters = 0;
};
struct Scan {
    std::vector<FunctionSpan> functions;
    std::vector<ConstructorHead> constructors;
};
Scan scan(const File&);
}  // namespace faultline::tidy

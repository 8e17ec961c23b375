// What was wrong with an option, with the nearest one that there is.
#pragma once
#include <string>

namespace CLI {
class App;
}

namespace faultline::daemon {

// "--prot: no such option; did you mean --port?": of the first word in argv that looks like an
// option and is none of `app`'s or of the command's of it that the words name; "" when all are.
std::string unknown_option(const CLI::App& app, int argc, char** argv);
}  // namespace faultline::daemon

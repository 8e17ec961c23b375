// The run as rows of text, a column for each node: for terminals, reviews and screen readers.
#pragma once
#include <string>

#include "visualize/picture.h"

namespace faultline::visualize {
// ASCII, lines of about 120 characters (more for many nodes).
std::string timeline_txt(const Run& run, bool full);
}  // namespace faultline::visualize

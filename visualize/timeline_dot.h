// The picture for Graphviz: every position is pinned, so `neato -n2 -Tsvg` (or -Tpdf) draws it
// as it stands, in time linear in its size.
#pragma once
#include <string>

#include "visualize/picture.h"

namespace faultline::visualize {
std::string timeline_dot(const Run& run, bool full);
}  // namespace faultline::visualize

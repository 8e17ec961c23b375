// The picture in one HTML file that needs nothing else: wheel and drag to zoom and pan, a panel
// with what is under the pointer, a click on a message leaves only what belongs to it.
#pragma once
#include <string>

#include "visualize/picture.h"

namespace faultline::visualize {
std::string timeline_html(const Run& run, bool full);
}  // namespace faultline::visualize

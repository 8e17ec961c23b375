// The swim-lane picture of a run, as one SVG file that needs nothing else.
#pragma once
#include <string>

#include "visualize/picture.h"

namespace faultline::visualize {

// Legible at 1,200 px, on light and dark backgrounds (it follows prefers-color-scheme). With
// `full` every message is an arrow and the picture is as wide as that needs.
std::string timeline_svg(const Run& run, bool full);
// The same for the HTML form: what belongs to an exchange names it in a data-x attribute.
std::string timeline_svg_with_ids(const Run& run, bool full);

// The indices (into Run::exchanges) as they stand in data-x attributes: "3 7-12".
std::string exchange_ids(const std::vector<std::size_t>& exchanges);
}  // namespace faultline::visualize

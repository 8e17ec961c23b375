// The viewer's style, elements and script: the files beside this one, put here by embed.cmake.
#pragma once
#include <string_view>

namespace faultline::visualize {
extern const std::string_view kViewerStyle;
extern const std::string_view kViewerBody;
extern const std::string_view kViewerScript;
}  // namespace faultline::visualize

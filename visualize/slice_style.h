// The style sheet of the causal slice's SVG. Palette of Okabe and Ito, darker on white and lighter
// on black; shape tells what colour tells.
#pragma once
#include <string_view>

namespace faultline::visualize {
inline constexpr std::string_view kSliceStyle = R"css(
svg{font-family:sans-serif;font-size:12px}
text{fill:#1f2328;white-space:pre}
.bg{fill:#ffffff}.stripe{fill:#f6f8fa}.factrow{fill:#fdecea}.h1{font-size:18px;font-weight:bold}
.v{font-size:13px;fill:#b3261e}.dim{fill:#57606a}.num{text-anchor:end}.mid{text-anchor:middle}
.name{font-size:13px;font-weight:bold;text-anchor:middle}.changed{font-weight:bold;fill:#0067a5}
.up{fill:#bcd9ee;stroke:#4a8dbb}.down{fill:none;stroke:#b3261e;stroke-dasharray:4 3}.stopped{fill:none;stroke:#8c959f;stroke-dasharray:1 3}.paused{fill:#eaeef2;stroke:#6e7781;stroke-dasharray:2 2}
.e0{fill:#bcd9ee;stroke:#4a8dbb}.e1{fill:#c9e7dc;stroke:#00795a}.e2{fill:#ead9f8;stroke:#8432c8}.e3{fill:#ffe2b0;stroke:#b26a00}
.msg{stroke:#0067a5;stroke-width:1.6;fill:none}.ans{stroke:#0067a5;stroke-width:1.2;stroke-dasharray:5 3;fill:none}
.head{fill:#0067a5}.x{stroke:#b3261e;stroke-width:2;fill:none}
.log{fill:#0067a5}.client{fill:#00795a}.life{fill:#57606a}.disk{fill:#8432c8}.fault{fill:#b84a00}.fault-band{fill:#ffe0cc}
.viol{fill:#b3261e}.join{stroke:#b3261e;stroke-width:2;fill:none}.gap{stroke:#8c959f;stroke-dasharray:1 4}
.grid{stroke:#d0d7de}
)css";

inline constexpr std::string_view kSliceDarkStyle =
    R"css(text{fill:#e6edf3}.bg{fill:#0d1117}.stripe{fill:#161b22}.factrow{fill:#3a1513}.v{fill:#ff8f85}.dim{fill:#9da7b3}.changed{fill:#8cc8f0}
.up{fill:#1c4664;stroke:#5fb0e5}.down{stroke:#ff8f85}.stopped{stroke:#6e7681}.paused{fill:#30363d;stroke:#9da7b3}
.e0{fill:#1c4664;stroke:#5fb0e5}.e1{fill:#0d3b2e;stroke:#3ecf9f}.e2{fill:#32204a;stroke:#b873f7}.e3{fill:#4d3300;stroke:#ffb84d}
.msg,.ans{stroke:#5fb0e5}.head{fill:#5fb0e5}.x{stroke:#ff8f85}.log{fill:#5fb0e5}.client{fill:#3ecf9f}.life{fill:#9da7b3}
.disk{fill:#b873f7}.fault{fill:#ff9d5c}.fault-band{fill:#4d2408}.viol{fill:#ff8f85}.join{stroke:#ff8f85}.gap{stroke:#6e7681}.grid{stroke:#30363d}
)css";
}  // namespace faultline::visualize

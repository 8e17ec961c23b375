// The style sheet of the SVG form. Colours are those of Okabe and Ito, told apart by colour-blind
// readers, a little darker on white and lighter on black; no meaning rests on colour alone.
#pragma once
#include <string_view>

namespace faultline::visualize {
inline constexpr std::string_view kSvgStyle = R"css(
svg{font-family:sans-serif;font-size:10px}
text{fill:#1f2328;white-space:pre}
.bg{fill:#ffffff}.card{fill:#f6f8fa}.brk{fill:#e8ebef}
.h1{font-size:16px;font-weight:bold}.h2{font-size:11px;fill:#57606a}
.name{font-size:13px;font-weight:bold}.dim{fill:#57606a}.bad{fill:#b3261e}.v{font-size:13px;fill:#b3261e;font-weight:bold}
.vt{font-size:13px;fill:#b3261e}
.grid{stroke:#d0d7de;stroke-width:1}.turn{stroke:#8c959f;stroke-width:1;stroke-dasharray:2 3}
.axis{stroke:#57606a;stroke-width:1}.lead{stroke:#8c959f;stroke-width:1}.leadbad{stroke:#b3261e;stroke-width:1.2}
.violation{stroke:#b3261e;stroke-width:2}.vbox{fill:#fdecea;stroke:#b3261e;stroke-width:1.5}
.up{fill:#bcd9ee;stroke:#4a8dbb;stroke-width:1}.recovering{fill:url(#hr);stroke:#b26a00;stroke-width:1}
.paused{fill:url(#hp);stroke:#6e7781;stroke-width:1}.down{fill:#fff5f2;stroke:#b3261e;stroke-width:1;stroke-dasharray:4 3}
.stopped{fill:none;stroke:#8c959f;stroke-width:1;stroke-dasharray:1 3}
.hrbg{fill:#ffe2b0}.hrl{stroke:#d98a00;stroke-width:2}.hpbg{fill:#eaeef2}.hpl{stroke:#8c959f;stroke-width:2}
.p{stroke:#0067a5}.f{stroke:#8432c8}.o{stroke:#57606a}.pf{fill:#0067a5}.ff{fill:#8432c8}.of{fill:#57606a}
.m{fill:none;stroke-width:1.4}.r{fill:none;stroke-width:1;stroke-dasharray:4 2}
.ptext{fill:#0067a5}.ftext{fill:#8432c8}.otext{fill:#57606a}
.band-p{fill:#dcecf7;stroke:#0067a5;stroke-width:1}.band-f{fill:#efe3fa;stroke:#8432c8;stroke-width:1}
.band-o{fill:#eaeef2;stroke:#57606a;stroke-width:1}
.quad-p{fill:#0067a5;fill-opacity:.07}.quad-f{fill:#8432c8;fill-opacity:.07}.quad-o{fill:#57606a;fill-opacity:.07}
.rec{fill:#daf1ea;stroke:#00795a;stroke-width:1}.fault{fill:#ffe0cc;stroke:#b84a00;stroke-width:1}
.badge{fill:#b84a00}.badget{fill:#ffffff;font-size:9px;font-weight:bold;text-anchor:middle}
.x{fill:none;stroke:#b3261e;stroke-width:2}.write{stroke:#8c959f;stroke-width:1}.sync{stroke:#00795a;stroke-width:1.6}
.work{fill:none;stroke:#8c959f;stroke-width:1}.lost{fill:none;stroke:#b84a00;stroke-width:1.5}
.end{fill:none;stroke:#0067a5;stroke-width:1.6}.durable{fill:none;stroke:#00795a;stroke-width:1.6;stroke-dasharray:5 2}
.hw{fill:none;stroke:#b26a00;stroke-width:1.4;stroke-dasharray:1.5 2}.chart{fill:#ffffff;stroke:#d0d7de;stroke-width:1}
.veil{fill:#f6f8fa;fill-opacity:.88}.mid{text-anchor:middle}.right{text-anchor:end}
)css";

inline constexpr std::string_view kSvgDarkStyle = R"css(
text{fill:#e6edf3}
.bg{fill:#0d1117}.card{fill:#161b22}.brk{fill:#21262d}.h2,.dim{fill:#9da7b3}.bad,.v,.vt{fill:#ff8f85}
.grid{stroke:#30363d}.turn{stroke:#6e7681}.axis{stroke:#9da7b3}.lead{stroke:#6e7681}.leadbad,.violation{stroke:#ff8f85}
.vbox{fill:#3a1513;stroke:#ff8f85}.up{fill:#1c4664;stroke:#5fb0e5}.recovering{stroke:#ffb84d}.paused{stroke:#9da7b3}
.down{fill:#2a1312;stroke:#ff8f85}.stopped{stroke:#6e7681}.hrbg{fill:#4d3300}.hrl{stroke:#c98500}.hpbg{fill:#30363d}.hpl{stroke:#6e7681}
.p{stroke:#5fb0e5}.f{stroke:#b873f7}.o{stroke:#9da7b3}.pf{fill:#5fb0e5}.ff{fill:#b873f7}.of{fill:#9da7b3}
.ptext{fill:#8cc8f0}.ftext{fill:#d3a6fb}.otext{fill:#9da7b3}
.band-p{fill:#12344c;stroke:#5fb0e5}.band-f{fill:#32204a;stroke:#b873f7}.band-o{fill:#30363d;stroke:#9da7b3}
.quad-p{fill:#5fb0e5;fill-opacity:.1}.quad-f{fill:#b873f7;fill-opacity:.1}.quad-o{fill:#9da7b3;fill-opacity:.1}
.rec{fill:#0d3b2e;stroke:#3ecf9f}.fault{fill:#4d2408;stroke:#ff9d5c}.badge{fill:#ff9d5c}.badget{fill:#0d1117}
.x{stroke:#ff8f85}.write,.work{stroke:#6e7681}.sync{stroke:#3ecf9f}.lost{stroke:#ff9d5c}
.end{stroke:#5fb0e5}.durable{stroke:#3ecf9f}.hw{stroke:#ffb84d}.chart{fill:#0d1117;stroke:#30363d}.veil{fill:#161b22;fill-opacity:.88}
)css";
}  // namespace faultline::visualize

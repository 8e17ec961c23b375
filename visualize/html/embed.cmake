# cmake -DOUT=FILE.cpp "-DPARTS=a.css;b.js" -P embed.cmake
# Writes the parts as string constants: kViewerStyle of all .css, kViewerBody of all .html,
# kViewerScript of all .js, in the order given.
set(style "")
set(body "")
set(script "")
foreach(part ${PARTS})
  file(READ "${part}" text)
  # A compiler need not take one literal of more than 64 kB; pieces by file stay below.
  set(literal "R\"~part~(${text})~part~\"\n")
  if(part MATCHES "\\.css$")
    string(APPEND style "${literal}")
  elseif(part MATCHES "\\.html$")
    string(APPEND body "${literal}")
  else()
    string(APPEND script "${literal}")
  endif()
endforeach()
file(WRITE "${OUT}" "// Written by visualize/html/embed.cmake.
#include \"visualize/html/viewer_parts.h\"

namespace faultline::visualize {
const std::string_view kViewerStyle = ${style};
const std::string_view kViewerBody = ${body};
const std::string_view kViewerScript = ${script};
}  // namespace faultline::visualize
")

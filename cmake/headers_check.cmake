# The target headers_check compiles every header alone: a header that needs another one to be
# included before it does not build. Not part of the default build; .ci/run builds it.
function(fl_headers_check)
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}"
    "${PROJECT_SOURCE_DIR}/core/*.h" "${PROJECT_SOURCE_DIR}/sim/*.h"
    "${PROJECT_SOURCE_DIR}/runtime/*.h" "${PROJECT_SOURCE_DIR}/visualize/*.h")
  set(sources "")
  foreach(header ${headers})
    string(REPLACE "/" "_" name "${header}")
    set(source "${PROJECT_BINARY_DIR}/headers_check/${name}.cpp")
    file(CONFIGURE OUTPUT "${source}" CONTENT "#include \"${header}\"\n#include \"${header}\"\n")
    list(APPEND sources "${source}")
  endforeach()
  get_property(modules GLOBAL PROPERTY FL_MODULES)
  add_library(headers_check OBJECT EXCLUDE_FROM_ALL ${sources})
  target_link_libraries(headers_check PRIVATE fl_options ${modules})
  # Only the front end matters here.
  target_compile_options(headers_check PRIVATE -O0 -g0)
endfunction()

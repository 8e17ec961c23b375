# The bug zoo (tests/zoo): executables that are like `faultline sim` but for one known defect.
#
# fl_mutant(NAME) reads tests/zoo/mutants/NAME/defect.patch, which changes one .cpp file of core/.
# At build time a copy of that file is patched and compiled into bin/zoo/NAME; everything else comes
# from the libraries. The linker takes a member of an archive only for symbols that are still
# missing, so the patched object stands in for the original. Nothing of it is built unless asked for:
# target zoo, or zoo_NAME, or `ctest -L zoo`, which builds them first.

find_program(FL_PATCH patch)
add_custom_target(zoo)

# bin/zoo/NAME of the given sources and the simulator.
function(fl_zoo_executable name)
  add_executable(zoo_${name} EXCLUDE_FROM_ALL $<TARGET_OBJECTS:zoo_main> ${ARGN})
  target_link_libraries(zoo_${name} PRIVATE faultline::sim_search)
  fl_precompiled(zoo_${name})
  set_target_properties(zoo_${name} PROPERTIES OUTPUT_NAME ${name}
    RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin/zoo")
  # Debug information is most of what a linker writes, and a mutant is never debugged.
  if(NOT FL_SANITIZE)
    target_link_options(zoo_${name} PRIVATE -Wl,--strip-debug)
  endif()
  add_dependencies(zoo zoo_${name})
endfunction()

function(fl_mutant name)
  set(patch "${CMAKE_CURRENT_SOURCE_DIR}/mutants/${name}/defect.patch")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${patch}")
  file(STRINGS "${patch}" target REGEX "^\\+\\+\\+ ")
  string(REGEX REPLACE "^\\+\\+\\+ b/([^ \t]*).*" "\\1" file "${target}")
  set(copy "${CMAKE_CURRENT_BINARY_DIR}/${name}/${file}")
  get_filename_component(dir "${copy}" DIRECTORY)
  file(MAKE_DIRECTORY "${dir}")
  # Without fuzz: lines may have moved, but what the patch changes must be as it was.
  add_custom_command(OUTPUT "${copy}"
    COMMAND "${FL_PATCH}" --quiet --fuzz=0 --reject-file=- --output "${copy}" "${PROJECT_SOURCE_DIR}/${file}" "${patch}"
    DEPENDS "${PROJECT_SOURCE_DIR}/${file}" "${patch}"
    COMMENT "Mutant ${name}: ${file}" VERBATIM)
  set_source_files_properties("${copy}" PROPERTIES COMPILE_OPTIONS -w)  # a defect may look like one
  fl_zoo_executable(${name} "${copy}")
endfunction()

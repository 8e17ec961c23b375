# How everything in Faultline is compiled, in one interface target, and the two functions that
# declare a module and a test. No global include_directories or add_definitions anywhere else.

set(FL_SANITIZE "" CACHE STRING "Sanitizers: empty, address,undefined or thread")
option(FL_FUZZ "Build the libFuzzer targets (clang only)" OFF)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
set(CMAKE_CXX_SCAN_FOR_MODULES OFF)

find_program(FL_CCACHE ccache)
if(FL_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Worktrees of one checkout share hits: paths are made relative before they are hashed.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      "${CMAKE_COMMAND};-E;env;CCACHE_BASEDIR=${PROJECT_SOURCE_DIR};CCACHE_NOHASHDIR=1;CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime;${FL_CCACHE}")
endif()

add_library(fl_options INTERFACE)
target_compile_features(fl_options INTERFACE cxx_std_23)
target_include_directories(fl_options INTERFACE "${PROJECT_SOURCE_DIR}")
target_compile_options(fl_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wcast-qual
  -Wformat=2 -Wno-missing-field-initializers -Werror -fno-strict-aliasing -ffp-contract=off -fno-omit-frame-pointer
  -fdiagnostics-color=auto
  # Fresh stack memory is filled, so that a forgotten initialiser cannot depend on what ran before.
  -ftrivial-auto-var-init=zero)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 reports these falsely through std::optional, std::variant and std::vector at -O2.
  target_compile_options(fl_options INTERFACE
    -Wno-maybe-uninitialized -Wno-stringop-overflow -Wno-array-bounds -Wno-restrict
    -Wno-free-nonheap-object -Wno-dangling-pointer -Wno-stringop-overread)
endif()
if(FL_SANITIZE)
  target_compile_options(fl_options INTERFACE -fsanitize=${FL_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(fl_options INTERFACE -fsanitize=${FL_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # The instrumented temporaries of fmt's arguments look uninitialised to g++ 12.
    target_compile_options(fl_options INTERFACE -Wno-uninitialized)
  endif()
endif()
if(FL_FUZZ)
  target_compile_options(fl_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # std::stable_sort of g++ 12's library uses what C++17 deprecated.
  target_compile_options(fl_options INTERFACE -Wno-deprecated-declarations)
  find_program(FL_LLD NAMES ld.lld-19 ld.lld)
  if(FL_LLD)
    target_link_options(fl_options INTERFACE -fuse-ld=${FL_LLD})
  endif()
endif()

# What most files include, read once for a build: a third to a half of the processor time of one.
# Headers do not lean on it: the target headers_check compiles each of them alone and without it.
option(FL_PCH "Precompile the standard headers" ON)
set(FL_PCH_HEADERS <algorithm> <array> <bit> <charconv> <cstdint> <cstring> <deque> <expected> <functional> <map>
  <memory> <optional> <set> <span> <string> <string_view> <unordered_map> <utility> <variant> <vector> <fmt/format.h>)
find_package(fmt REQUIRED)
if(FL_PCH)
  file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/pch/pch.cpp" CONTENT "// Only here to be compiled with the headers.\n")
  add_library(fl_pch OBJECT "${PROJECT_BINARY_DIR}/pch/pch.cpp")
  target_link_libraries(fl_pch PRIVATE fl_options fmt::fmt)
  target_precompile_headers(fl_pch PRIVATE ${FL_PCH_HEADERS})
endif()

# fl_precompiled(TARGET): compiles TARGET, which links fmt, with the headers above.
function(fl_precompiled target)
  if(FL_PCH)
    target_precompile_headers(${target} REUSE_FROM fl_pch)
  endif()
endfunction()

# fl_module(NAME [SRCS a.cpp ...] [DEPS target ...])
# A static library fl_NAME, known to others as faultline::NAME, of all .cpp files of the directory
# unless SRCS names them. DEPS may name only layers that cmake/layers.cmake allows (tests/tidy).
function(fl_module name)
  cmake_parse_arguments(ARG "" "" "SRCS;DEPS" ${ARGN})
  if(NOT ARG_SRCS)
    file(GLOB ARG_SRCS CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cpp")
  endif()
  if(ARG_SRCS)
    add_library(fl_${name} STATIC ${ARG_SRCS})
    target_link_libraries(fl_${name} PUBLIC fl_options ${ARG_DEPS})
    fl_precompiled(fl_${name})
  else()
    add_library(fl_${name} INTERFACE)
    target_link_libraries(fl_${name} INTERFACE fl_options ${ARG_DEPS})
  endif()
  add_library(faultline::${name} ALIAS fl_${name})
  set_property(GLOBAL APPEND PROPERTY FL_MODULES fl_${name})
endfunction()

# tests_LABEL builds everything that ctest -L LABEL runs; .ci/run and ./dev build by these names,
# so that a label without a test yet is an empty target and not an error.
foreach(label unit sim contract integration fuzz bench tidy)
  add_custom_target(tests_${label})
endforeach()

# fl_fuzz(NAME [SRCS ...] [DEPS target ...])
# With FL_FUZZ a libFuzzer executable bin/NAME (NAME starts with fuzz_). Otherwise a ctest that
# replays tests/fuzz/corpus/<NAME without fuzz_>, so that every build runs what fuzzing found.
function(fl_fuzz name)
  cmake_parse_arguments(ARG "" "" "SRCS;DEPS" ${ARGN})
  if(NOT ARG_SRCS)
    set(ARG_SRCS "${name}.cpp")
  endif()
  string(REGEX REPLACE "^fuzz_" "" corpus "${name}")
  add_executable(${name} ${ARG_SRCS})
  target_link_libraries(${name} PRIVATE fl_options ${ARG_DEPS})
  add_dependencies(tests_fuzz ${name})
  fl_precompiled(${name})
  if(FL_FUZZ)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  else()
    target_sources(${name} PRIVATE "${PROJECT_SOURCE_DIR}/tests/support/fuzz_replay.cpp")
    add_test(NAME ${name} COMMAND ${name} "${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${corpus}")
    set_tests_properties(${name} PROPERTIES LABELS fuzz TIMEOUT 120)
  endif()
endfunction()

# fl_test(NAME LABEL label [SRCS ...] [DEPS target ...] [TIMEOUT seconds])
# One Catch2 executable bin/NAME of all .cpp files of the directory, registered as the ctest NAME.
function(fl_test name)
  cmake_parse_arguments(ARG "" "LABEL;TIMEOUT" "SRCS;DEPS" ${ARGN})
  if(NOT ARG_SRCS)
    file(GLOB ARG_SRCS CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cpp")
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${name} ${ARG_SRCS})
  target_link_libraries(${name} PRIVATE faultline::test_support ${ARG_DEPS})
  target_precompile_headers(${name} REUSE_FROM fl_test_support)
  add_test(NAME ${name} COMMAND ${name} --durations yes)
  if(TARGET tests_${ARG_LABEL})
    add_dependencies(tests_${ARG_LABEL} ${name})
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABEL}" TIMEOUT ${ARG_TIMEOUT})
endfunction()

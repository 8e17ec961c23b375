# The layer table: which directory may include which. tests/tidy reads this file and checks every
# #include "..." against it; fl_check_layers() below checks what modules link at configure time.
#
# fl_layer(DIRECTORY MAY DIRECTORY...): files under DIRECTORY may include files under these and
# under DIRECTORY itself. The longest DIRECTORY that holds a file is the file's layer, on both sides:
# core/logic does not include core/logic/storage unless it says so.
# fl_third_party(HEADER-PREFIX IN DIRECTORY...): such headers may be included only there.

set_property(GLOBAL PROPERTY FL_LAYER_DIRS "")
function(fl_layer dir)
  cmake_parse_arguments(ARG "" "" "MAY" ${ARGN})
  set_property(GLOBAL APPEND PROPERTY FL_LAYER_DIRS "${dir}")
  set_property(GLOBAL PROPERTY "FL_LAYER_${dir}" ${dir} ${ARG_MAY})
endfunction()
function(fl_third_party prefix)
endfunction()

fl_layer(core/base)
fl_layer(core/fiber MAY core/base)
fl_layer(core/env MAY core/base core/fiber)
fl_layer(core/wire MAY core/base)
fl_layer(core/wire/gen MAY core/base)
fl_layer(core/model MAY core/base core/wire)
fl_layer(core/logic MAY core/base core/wire core/model)
fl_layer(core/logic/storage MAY core/base core/wire core/model core/logic)
fl_layer(core/logic/raft MAY core/base core/logic core/logic/storage)
fl_layer(core/logic/replica MAY core/base core/wire core/model core/logic)
fl_layer(core/logic/client MAY core/base core/wire core/model core/logic)
fl_layer(core/storage MAY core/base core/fiber core/env core/wire core/model core/logic core/logic/storage)
fl_layer(core/rpc MAY core/base core/fiber core/env core/wire)
fl_layer(core/controller MAY core/base core/fiber core/env core/wire core/model core/logic core/logic/storage core/logic/raft core/storage core/rpc)
fl_layer(core/broker MAY core/base core/fiber core/env core/wire core/model core/logic core/logic/storage core/logic/raft core/logic/replica core/storage core/rpc core/controller)
fl_layer(core/client MAY core/base core/fiber core/env core/wire core/model core/logic core/logic/client core/rpc)

# The simulated world. It knows all of core and nothing of runtime.
fl_layer(sim MAY core)
fl_layer(sim/trace MAY core/base core/env)
fl_layer(sim/run MAY core sim sim/trace visualize)
fl_layer(sim/search MAY core sim sim/trace sim/run)

# The real world. It knows all of core and nothing of sim.
fl_layer(runtime MAY core)
# The binary `faultline` is put together from both worlds and the pictures: docs/adr/0014.
fl_layer(runtime/faultline MAY core runtime sim sim/trace sim/run sim/search visualize)

# Pictures are made of the trace format alone.
fl_layer(visualize MAY core/base sim/trace)

# Tests may look at everything.
fl_layer(tests MAY core core/wire/gen sim sim/trace sim/run sim/search runtime visualize tests)

fl_third_party(boost/ IN core/fiber/context.cpp)
fl_third_party(nlohmann/ IN core/wire/gen sim/scenario sim/run sim/search visualize runtime/tools tests)
fl_third_party(spdlog/ IN runtime/log tests)
fl_third_party(fmt/ IN core sim runtime visualize tests)
fl_third_party(CLI/ IN sim/run runtime/tools runtime/faultline runtime/daemon visualize tests)
fl_third_party(isa-l IN core/base)
fl_third_party(zstd IN core/wire tests)
fl_third_party(lz4 IN core/wire tests)
fl_third_party(snappy IN core/wire tests)
fl_third_party(zlib.h IN core/wire visualize/html tests)
fl_third_party(openssl/ IN core/auth runtime/tls)
fl_third_party(catch2/ IN tests)
fl_third_party(benchmark/ IN tests/bench)
fl_third_party(sanitizer/ IN core/fiber/context.cpp core/fiber/stack_pool.cpp)

# Every module's linked modules stand in directories that its layer may include.
function(fl_layer_of path out)
  get_property(dirs GLOBAL PROPERTY FL_LAYER_DIRS)
  set(best "")
  foreach(dir ${dirs})
    string(FIND "${path}/" "${dir}/" at)
    string(LENGTH "${dir}" length)
    string(LENGTH "${best}" best_length)
    if(at EQUAL 0 AND length GREATER best_length)
      set(best "${dir}")
    endif()
  endforeach()
  set(${out} "${best}" PARENT_SCOPE)
endfunction()

function(fl_check_layers)
  get_property(modules GLOBAL PROPERTY FL_MODULES)
  foreach(module ${modules})
    get_target_property(source ${module} SOURCE_DIR)
    file(RELATIVE_PATH source "${PROJECT_SOURCE_DIR}" "${source}")
    fl_layer_of("${source}" layer)
    get_property(may GLOBAL PROPERTY "FL_LAYER_${layer}")
    get_target_property(links ${module} INTERFACE_LINK_LIBRARIES)
    foreach(link ${links})
      if(link MATCHES "^faultline::")
        get_target_property(real ${link} ALIASED_TARGET)
        if(NOT real)
          set(real ${link})
        endif()
        get_target_property(other ${real} SOURCE_DIR)
        file(RELATIVE_PATH other "${PROJECT_SOURCE_DIR}" "${other}")
        fl_layer_of("${other}" other_layer)
        set(allowed FALSE)
        foreach(dir ${may})
          # "core" stands for all of core's layers, "sim" for the simulator's.
          string(FIND "${other_layer}/" "${dir}/" at)
          if(other_layer STREQUAL dir OR (at EQUAL 0 AND dir MATCHES "^(core|sim|runtime)$"))
            set(allowed TRUE)
          endif()
        endforeach()
        if(NOT allowed)
          message(SEND_ERROR "${source}/CMakeLists.txt: ${module} links ${link} (${other}): "
            "${layer} may include ${may}; see cmake/layers.cmake")
        endif()
      endif()
    endforeach()
  endforeach()
endfunction()

# fl_wire_sources(VAR): runs wiregen over core/wire/schema and sets VAR to the generated sources, in
# ${PROJECT_BINARY_DIR}/gen/wire. The include directory is ${PROJECT_BINARY_DIR}.
function(fl_wire_sources var)
  set(shards 8)
  set(out "${PROJECT_BINARY_DIR}/gen/wire")
  file(GLOB schemas CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/core/wire/schema/*.json")
  set(sources "${out}/registry.cpp" "${out}/api.cpp" "${out}/errors.cpp")
  math(EXPR last "${shards} - 1")
  foreach(i RANGE ${last})
    list(APPEND sources "${out}/messages_${i}.cpp")
  endforeach()
  # Named so that a change of a schema rebuilds what includes its header in the same run.
  set(headers "${out}/api.h" "${out}/errors.h")
  foreach(schema ${schemas})
    get_filename_component(name "${schema}" NAME_WE)
    if(name MATCHES "^[A-Z]")
      string(REGEX REPLACE "([a-z0-9])([A-Z])" "\\1_\\2" name "${name}")
      string(TOLOWER "${name}" name)
      list(APPEND headers "${out}/${name}.h")
    endif()
  endforeach()
  add_custom_command(
    OUTPUT "${out}/stamp"
    BYPRODUCTS ${sources} ${headers}
    COMMAND wiregen "${PROJECT_SOURCE_DIR}/core/wire/schema" "${PROJECT_BINARY_DIR}" ${shards}
    DEPENDS wiregen ${schemas}
    COMMENT "wiregen: the Kafka protocol")
  add_custom_target(fl_wire_generated DEPENDS "${out}/stamp")
  set(${var} ${sources} PARENT_SCOPE)
endfunction()

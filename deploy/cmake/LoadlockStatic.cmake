# Executables that carry their libraries. The imported targets of Debian's packages name shared
# objects; this walks the dependencies and links the archive that lies beside each of them.
# Sanitizers need the shared libraries: with them each of these is an ordinary executable.

# loadlock_static_executable(NAME SRCS ... DEPS ...): needs no file at run time. For the worker, which
# is started inside an empty root and whose start is on the way of a request.
function(loadlock_static_executable name)
  cmake_parse_arguments(ARG "" "" "SRCS;DEPS" ${ARGN})
  _loadlock_carrying_executable(${name} "-static-pie" "${ARG_SRCS}" "${ARG_DEPS}")
  target_link_options(${name} PRIVATE -Wl,--wrap=abort)  # sandbox/jail/process.cc
endfunction()

# loadlock_bundled_executable(NAME SRCS ... DEPS ...): needs only the C library, which stays shared
# because it finds resolvers of names by plug-ins. Linking 50 shared objects of gRPC and abseil at
# each start took most of the time of a short command. The price: a fix of a library, too, needs a
# new build.
function(loadlock_bundled_executable name)
  cmake_parse_arguments(ARG "" "" "SRCS;DEPS" ${ARGN})
  set(flags -pie -static-libstdc++ -static-libgcc -Wl,--gc-sections -Wl,-z,pack-relative-relocs)
  _loadlock_carrying_executable(${name} "${flags}" "${ARG_SRCS}" "${ARG_DEPS}")
endfunction()

function(_loadlock_carrying_executable name flags sources deps)
  if(LOADLOCK_SANITIZE)
    add_executable(${name} ${sources})
    target_link_libraries(${name} PRIVATE loadlock_options ${deps})
    return()
  endif()
  # The sources see their dependencies' headers through an object library; the link line is ours.
  add_library(${name}_objects OBJECT ${sources})
  target_link_libraries(${name}_objects PRIVATE loadlock_options ${deps})
  set(archives)
  set(targets)
  _loadlock_collect_archives("${deps}" archives targets)
  add_executable(${name} $<TARGET_OBJECTS:${name}_objects>)
  target_link_options(${name} PRIVATE ${flags})
  target_link_libraries(${name} PRIVATE -Wl,--start-group ${archives} -Wl,--end-group)
  if(targets)
    add_dependencies(${name} ${targets})
    foreach(target IN LISTS targets)
      set_property(TARGET ${name} APPEND PROPERTY LINK_DEPENDS $<TARGET_FILE:${target}>)
    endforeach()
  endif()
endfunction()

# Files to link for `deps` and all that they need, and which of our targets make some of them.
function(_loadlock_collect_archives deps archives_var targets_var)
  set(queue ${deps})
  set(seen)
  set(archives)
  set(targets)
  while(queue)
    list(POP_FRONT queue item)
    string(REGEX REPLACE "^\\$<LINK_ONLY:(.*)>$" "\\1" item "${item}")
    # loadlock speaks no TLS itself, so it carries none either.
    string(REGEX REPLACE "^(gRPC::grpc(\\+\\+)?)$" "\\1_unsecure" item "${item}")
    # Debian has no archive of it, and who uses it compiles it in.
    string(REGEX REPLACE "^fmt::fmt$" "fmt::fmt-header-only" item "${item}")
    if(item IN_LIST seen OR item STREQUAL "Threads::Threads")
      continue()  # the C library holds the threads
    endif()
    list(APPEND seen ${item})
    if(TARGET ${item})
      get_target_property(aliased ${item} ALIASED_TARGET)
      if(aliased)
        set(item ${aliased})
      endif()
      get_target_property(needs ${item} INTERFACE_LINK_LIBRARIES)
      if(needs)
        list(APPEND queue ${needs})
      endif()
      get_target_property(type ${item} TYPE)
      get_target_property(imported ${item} IMPORTED)
      if(type STREQUAL "INTERFACE_LIBRARY")
        continue()
      elseif(NOT imported)
        list(APPEND archives $<TARGET_FILE:${item}>)
        list(APPEND targets ${item})
        continue()
      endif()
      get_target_property(item ${item} LOCATION)
    endif()
    if(item MATCHES "\\.so[.0-9]*$")
      string(REGEX REPLACE "\\.so[.0-9]*$" ".a" item "${item}")
      if(NOT EXISTS "${item}")
        message(FATAL_ERROR "An executable carries its libraries, but ${item} is missing")
      endif()
    endif()
    if(item MATCHES "\\.a$")
      list(APPEND archives ${item})
    elseif(item MATCHES "^[a-z0-9]+$")
      list(APPEND archives -l${item})  # a plain name; -static-pie makes the linker take the archive
    endif()
  endwhile()
  set(${archives_var} ${archives} PARENT_SCOPE)
  set(${targets_var} ${targets} PARENT_SCOPE)
endfunction()

# loadlock_library(NAME SRCS ... DEPS ...): a static library with the project's options, which an
# installed library does not hand on.
function(loadlock_library name)
  cmake_parse_arguments(ARG "" "" "SRCS;DEPS" ${ARGN})
  add_library(${name} STATIC ${ARG_SRCS})
  target_link_libraries(${name} PUBLIC $<BUILD_INTERFACE:loadlock_options> ${ARG_DEPS})
endfunction()

# loadlock_test(NAME SRCS ... DEPS ... [LABELS ...]): a GoogleTest binary, run by ctest.
# Without LOADLOCK_TESTS it is nothing.
function(loadlock_test name)
  if(NOT LOADLOCK_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SRCS;DEPS;LABELS" ${ARGN})
  add_executable(${name} ${ARG_SRCS})
  target_link_libraries(${name} PRIVATE loadlock_options ${ARG_DEPS} GTest::gtest_main GTest::gmock)
  # A test's own code is mostly compiled once and run once: what it tests is a library with -O2.
  target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O1>)
  add_test(NAME ${name} COMMAND ${name})
  # Seconds. Every flipped bit of every compressed sample takes a sanitizer minutes.
  set(timeout 300)
  if(LOADLOCK_SANITIZE)
    set(timeout 1500)
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "unit;${ARG_LABELS}" TIMEOUT ${timeout})
endfunction()

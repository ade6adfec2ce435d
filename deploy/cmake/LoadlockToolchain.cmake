# Language level, warnings, hardening and sanitizers for every target.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

# Generated protobuf code is compiled without these (see proto/CMakeLists.txt).
add_library(loadlock_options INTERFACE)
target_compile_options(loadlock_options INTERFACE -Wall -Wextra -Werror -Wshadow
                                                  -Wnon-virtual-dtor -Wold-style-cast)
target_include_directories(loadlock_options INTERFACE ${CMAKE_SOURCE_DIR})

if(LOADLOCK_SANITIZE)
  add_compile_options(-fsanitize=${LOADLOCK_SANITIZE} -fno-omit-frame-pointer -g1)
  add_link_options(-fsanitize=${LOADLOCK_SANITIZE})
  if(LOADLOCK_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
  add_compile_definitions(LOADLOCK_SANITIZED=1)
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
  add_compile_options(-fstack-protector-strong -fstack-clash-protection -fcf-protection=full
                      -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
  add_link_options(-Wl,-z,relro,-z,now -Wl,-z,noexecstack)
endif()

# Coverage for libFuzzer in all code of ours; its main() is linked to the targets of tests/fuzz alone.
if(LOADLOCK_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "LOADLOCK_FUZZ needs clang: cmake --preset fuzz, with deploy/packages/fuzz.txt")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link -g1)
endif()

# Installs into a folder of its own and uses what lies there: the command with a private daemon, and
# the C++ library from a program of somebody else's.
#   BUILD      the build tree to install from; WORK: where to
#   GENERATOR  for that program's build
cmake_minimum_required(VERSION 3.25)
set(PREFIX ${WORK}/prefix)
# Nothing of the caller's environment decides what is used.
set(CLEAN ${CMAKE_COMMAND} -E env --unset=LOADLOCKD --unset=LOADLOCK_ADDRESS --unset=DESTDIR)

# run(CODE PATTERN COMMAND...): fails unless the command ends with CODE and prints PATTERN.
function(run code pattern)
  execute_process(COMMAND ${CLEAN} ${ARGN} RESULT_VARIABLE ended
                  OUTPUT_VARIABLE printed ERROR_VARIABLE printed)
  if(NOT ended EQUAL code OR NOT printed MATCHES "${pattern}")
    message(FATAL_ERROR "${ARGN}\nended with ${ended}, not ${code}, or without \"${pattern}\":\n"
                        "${printed}")
  endif()
endfunction()

file(REMOVE_RECURSE ${WORK})
run(0 "" ${CMAKE_COMMAND} --install ${BUILD} --prefix ${PREFIX})

# No file lies outside the prefix, and what must be there is.
file(STRINGS ${BUILD}/install_manifest.txt installed)
foreach(file IN LISTS installed)
  string(FIND "${file}" "${PREFIX}/" at)
  if(NOT at EQUAL 0)
    message(FATAL_ERROR "installed outside the prefix: ${file}")
  endif()
endforeach()
list(TRANSFORM installed REPLACE "^${PREFIX}/" "")
foreach(wanted bin/loadlock bin/loadlockd libexec/loadlock/loadlock-worker
               share/loadlock/policies/default.textproto include/loadlock/loadlock/client.h
               share/doc/loadlock/example/tensor_server.cc)
  if(NOT wanted IN_LIST installed)
    message(FATAL_ERROR "not installed: ${wanted}")
  endif()
endforeach()

file(WRITE ${WORK}/good.pkl "(dp0\nS'a'\np1\nI1\ns.")
file(WRITE ${WORK}/evil.pkl "cposix\nsystem\n(S'true'\ntR.")
run(0 "accepted" ${PREFIX}/bin/loadlock audit ${WORK}/good.pkl)
run(1 "posix.system" ${PREFIX}/bin/loadlock audit ${WORK}/evil.pkl)

run(0 "" ${CMAKE_COMMAND} -G ${GENERATOR} -S ${CMAKE_CURRENT_LIST_DIR}/consumer -B ${WORK}/consumer
    -D CMAKE_PREFIX_PATH=${PREFIX})
run(0 "" ${CMAKE_COMMAND} --build ${WORK}/consumer)
set(ENV{PATH} "${PREFIX}/bin:$ENV{PATH}")
run(0 "^VERDICT_ACCEPTED\n$" ${WORK}/consumer/consumer ${WORK}/good.pkl)
run(0 "^VERDICT_REFUSED\n$" ${WORK}/consumer/consumer ${WORK}/evil.pkl)

# The example, from where it was installed: views of one storage in torch's file, in which each
# element counts once, and a refused file that changes nothing.
set(CORPUS ${CMAKE_CURRENT_LIST_DIR}/../corpora/torch2)
run(0 "" ${CMAKE_COMMAND} -G ${GENERATOR} -S ${PREFIX}/share/doc/loadlock/example
    -B ${WORK}/example -D CMAKE_PREFIX_PATH=${PREFIX})
run(0 "" ${CMAKE_COMMAND} --build ${WORK}/example)
file(WRITE ${WORK}/commands
"sum base
load ${CORPUS}/views-shared.pt
sum base
sum transposed
sum column
sum expanded
load ${WORK}/evil.pkl
sum diagonal
load ${CORPUS}/state_dict-bf16.pt
sum weight
load ${CORPUS}/dtype-float64.safetensors
list
load ${WORK}/none.pt
")
execute_process(COMMAND ${CLEAN} ${WORK}/example/tensor_server private INPUT_FILE ${WORK}/commands
                RESULT_VARIABLE ended OUTPUT_VARIABLE answers)
set(expected "^error: nothing is loaded
serving 9 tensors, SHA-256 [0-9a-f]+
sum 276
sum 276
sum 44
sum 45
refused
  NAME_NOT_LISTED: [^\n]*posix.system[^\n]*
sum 42
serving 2 tensors, SHA-256 [0-9a-f]+
error: elements of bfloat16 are not read here
serving [0-9]+ tensors, SHA-256 [0-9a-f]+
([^\n]+ <f8 .[0-9, ]*.\n)+error: [^\n]+
$")
if(NOT ended EQUAL 0 OR NOT answers MATCHES "${expected}")
  message(FATAL_ERROR "the example ended with ${ended} and answered:\n${answers}")
endif()

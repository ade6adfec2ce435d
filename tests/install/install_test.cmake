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
               share/loadlock/policies/default.textproto include/loadlock/loadlock/client.h)
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

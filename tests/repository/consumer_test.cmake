# Installs the build tree into a fresh prefix, moves it, and builds and runs tests/consumer against it.
# cmake -DBUILD_TREE=... -DWORK=... -DCONSUMER=... -DCOMPILER=... -DBUILD_TYPE=... -P consumer_test.cmake

function(run what)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${what} failed (${result}):\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE "${WORK}")
run("install" ${CMAKE_COMMAND} --install "${BUILD_TREE}" --prefix "${WORK}/installed")
file(RENAME "${WORK}/installed" "${WORK}/moved")  # an installation may not remember where it was made
run("configure" ${CMAKE_COMMAND} -S "${CONSUMER}" -B "${WORK}/build" -G Ninja -DCMAKE_PREFIX_PATH=${WORK}/moved
  -DCMAKE_CXX_COMPILER=${COMPILER} -DCMAKE_BUILD_TYPE=${BUILD_TYPE})
run("build" ${CMAKE_COMMAND} --build "${WORK}/build")
run("consumer" "${WORK}/build/consumer")
if(NOT output STREQUAL "${EXPECTED}\n")
  message(FATAL_ERROR "the consumer printed '${output}', not '${EXPECTED}'")
endif()

# Nothing installed may point into the source or build tree.
file(GLOB_RECURSE installed "${WORK}/moved/*.cmake" "${WORK}/moved/*.hpp")
if(NOT installed)
  message(FATAL_ERROR "nothing was installed")
endif()
foreach(file ${installed})
  file(STRINGS "${file}" leaks REGEX "${SOURCE_TREE}")
  if(leaks)
    message(FATAL_ERROR "${file} names the source tree: ${leaks}")
  endif()
endforeach()

# Installs the build tree into a fresh prefix, moves it, and builds and runs tests/consumer against it.
# The plug-ins of model runtimes too, where the paths of the runtimes' libraries are given: ONNXRUNTIME, TENSORFLOW.
# cmake -DBUILD_TREE=... -DWORK=... -DCONSUMER=... -DCOMPILER=... -DBUILD_TYPE=... -DLIBDIR=... -P consumer_test.cmake

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

# runtime(WHAT EXPECTED command...): what consumer_runtimes must print.
function(runtime what expected)
  execute_process(COMMAND ${ARGN} OUTPUT_VARIABLE output ERROR_QUIET)
  if(NOT output MATCHES "${expected}")
    message(FATAL_ERROR "${what}: consumer_runtimes printed '${output}', not '${expected}'")
  endif()
endfunction()

# check_plugin(TYPE NAME MODEL VARIABLE LIBRARY): by rpath, environment variable and option; missing things say so.
function(check_plugin type name model variable library)
  set(plugins "${WORK}/moved/${LIBDIR}/weir")
  get_filename_component(directory "${library}" DIRECTORY)
  get_filename_component(file "${library}" NAME)
  set(command "${WORK}/build/consumer_runtimes" ${type} "${SOURCE_TREE}/tests/models/runtime_models/${model}")
  set(without ${CMAKE_COMMAND} -E env --unset=${variable} --unset=WEIR_RUNTIME_PATH --unset=LD_LIBRARY_PATH)
  runtime("${name} without its library" "${file}.*${variable} or RuntimeOptions::library" ${without} ${command})
  runtime("${name} by ${variable}" "^scored\n$" ${without} ${variable}=${library} ${command})
  runtime("${name} by a wrong ${variable}" "/nowhere/${file}.*dev runtimes" ${without} ${variable}=/nowhere/${file} ${command})
  runtime("${name} by the option" "^scored\n$" ${without} ${variable}=/nowhere/${file} ${command} "${library}")
  file(GLOB libraries "${directory}/*.so*")
  foreach(one ${libraries})
    get_filename_component(base "${one}" NAME)
    file(CREATE_LINK "${one}" "${plugins}/${base}" SYMBOLIC)  # as WEIR_INSTALL_RUNTIME_LIBRARIES puts it there
  endforeach()
  runtime("${name} beside its library" "^scored\n$" ${without} ${command})
  file(RENAME "${plugins}" "${WORK}/elsewhere")
  runtime("no ${name}" "there is no lib${name}.so .looked for: .*dev runtimes.*WEIR_RUNTIME_PATH" ${without} ${command})
  runtime("${name} by WEIR_RUNTIME_PATH" "^scored\n$" ${without} WEIR_RUNTIME_PATH=/nowhere:${WORK}/elsewhere ${command})
  file(RENAME "${WORK}/elsewhere" "${plugins}")
endfunction()

if(ONNXRUNTIME)
  check_plugin(ONNX weir_onnx linear.onnx WEIR_ONNXRUNTIME_LIBRARY "${ONNXRUNTIME}")
endif()
if(TENSORFLOW)
  check_plugin(TENSORFLOW weir_tensorflow keras-frozen.pb WEIR_TENSORFLOW_LIBRARY "${TENSORFLOW}")
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

# How every target of the project is built: one place for language level, warnings, sanitizers and the linker.

option(WEIR_WARNINGS_AS_ERRORS "Warnings stop the build" ${PROJECT_IS_TOP_LEVEL})

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug, Release or RelWithDebInfo" FORCE)
endif()
if(PROJECT_IS_TOP_LEVEL)
  find_program(WEIR_CCACHE ccache)
  if(WEIR_CCACHE)
    set(CMAKE_CXX_COMPILER_LAUNCHER "${WEIR_CCACHE}")
  endif()
endif()

# Settings of one target, public or test alike.
function(weir_target_settings target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    target_compile_options(${target} PRIVATE -Wno-restrict)  # wrong about "x" + std::to_string(i): GCC bug 105329
  endif()
  if(WEIR_WARNINGS_AS_ERRORS)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(WEIR_SANITIZER STREQUAL "address")
    target_compile_options(${target} PRIVATE -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
    target_link_options(${target} PUBLIC -fsanitize=address,undefined)
  elseif(WEIR_SANITIZER STREQUAL "fuzzer")
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
    target_link_options(${target} PUBLIC -fsanitize=address,undefined)
  elseif(WEIR_SANITIZER STREQUAL "thread")
    # Debian's protobuf lays map fields out differently when it sees TSan: the library was built without.
    target_compile_options(${target} PRIVATE -fsanitize=thread -U__SANITIZE_THREAD__ -fno-omit-frame-pointer)
    target_link_options(${target} PUBLIC -fsanitize=thread)
    target_compile_options(${target} PRIVATE -Wno-error=tsan)
  elseif(NOT WEIR_SANITIZER STREQUAL "")
    message(FATAL_ERROR "WEIR_SANITIZER is '${WEIR_SANITIZER}': address, thread, fuzzer or empty")
  endif()
endfunction()

# weir_library(NAME SOURCES ... [PUBLIC targets] [PRIVATE targets]): one component as the static library weir_NAME, known
# as weir::NAME here and after installation.
function(weir_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  set(target weir_${name})
  add_library(${target} STATIC ${ARG_SOURCES})
  add_library(weir::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
  weir_target_settings(${target})
  target_include_directories(${target} PUBLIC
    $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${target} PUBLIC ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
  install(TARGETS ${target} EXPORT weirTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  if(IS_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}/include")
    install(DIRECTORY include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.hpp" PATTERN "*.h")
  endif()
endfunction()

# weir_plugin(NAME SOURCES ... [HEADERS directories] [LIBRARIES directory]): a model runtime as lib/weir/libweir_NAME.so,
# which exports the two functions of weir/runtime_plugin.h and nothing else. HEADERS and LIBRARIES are the runtime's own.
set(WEIR_PLUGINS_DIRECTORY "${PROJECT_BINARY_DIR}/lib/weir")
function(weir_plugin name)
  cmake_parse_arguments(ARG "" "LIBRARIES" "SOURCES;HEADERS" ${ARGN})
  set(target weir_plugin_${name})
  add_library(${target} MODULE ${ARG_SOURCES})
  weir_target_settings(${target})
  set_target_properties(${target} PROPERTIES OUTPUT_NAME weir_${name} LIBRARY_OUTPUT_DIRECTORY "${WEIR_PLUGINS_DIRECTORY}"
    CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON BUILD_RPATH "${ARG_LIBRARIES}" INSTALL_RPATH "$ORIGIN")
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/models/include)
  target_include_directories(${target} SYSTEM PRIVATE ${ARG_HEADERS})
  target_link_libraries(${target} PRIVATE ${CMAKE_DL_LIBS})
  target_link_options(${target} PRIVATE -Wl,--disable-new-dtags)
endfunction()

# weir_install_plugin(NAME LIBRARIES): into lib/weir, with the runtime's own libraries when WEIR_INSTALL_RUNTIME_LIBRARIES.
add_custom_target(weir_plugins)
function(weir_install_plugin name libraries)
  add_dependencies(weir_plugins weir_plugin_${name})
  install(TARGETS weir_plugin_${name} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/weir)
  if(WEIR_INSTALL_RUNTIME_LIBRARIES)
    install(DIRECTORY "${libraries}/" DESTINATION ${CMAKE_INSTALL_LIBDIR}/weir FILES_MATCHING PATTERN "*.so*")
  endif()
endfunction()

# weir_executable(NAME SOURCES ... [LIBRARIES targets])
function(weir_executable name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBRARIES" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  weir_target_settings(${name})
  target_link_libraries(${name} PRIVATE ${ARG_LIBRARIES})
  # Where dlopen finds the plug-ins. An RPATH, not a RUNPATH: sanitizers call dlopen for the program.
  set_target_properties(${name} PROPERTIES BUILD_RPATH "${WEIR_PLUGINS_DIRECTORY}")
  target_link_options(${name} PRIVATE -Wl,--disable-new-dtags)
endfunction()

# weir_test(NAME SOURCES ... [LIBRARIES targets] [INTERNALS] [TIMEOUT seconds]): a GoogleTest program and its ctest entry.
# INTERNALS lets it include private headers by their path from the project's root.
function(weir_test name)
  cmake_parse_arguments(ARG "INTERNALS" "TIMEOUT" "SOURCES;LIBRARIES" ${ARGN})
  weir_executable(${name} SOURCES ${ARG_SOURCES} LIBRARIES ${ARG_LIBRARIES} GTest::gtest_main)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  if(ARG_INTERNALS)
    target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT})
endfunction()

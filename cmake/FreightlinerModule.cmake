# freightliner_module(<name> [PUBLIC <target>...] [PRIVATE <target>...])
#
# One static library from src/<name>/*.cc, with its public headers in include/freightliner/<name>/. The link list is the
# layering: tests/layering reads the same order and fails on an include that goes upward.
function(freightliner_module name)
  cmake_parse_arguments(arg "" "" "PUBLIC;PRIVATE" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/${name}/*.cc")
  add_library(freightliner_${name} STATIC ${sources})
  add_library(freightliner::${name} ALIAS freightliner_${name})
  target_include_directories(freightliner_${name} PUBLIC "${PROJECT_SOURCE_DIR}/include" PRIVATE "${PROJECT_SOURCE_DIR}/src")
  target_link_libraries(freightliner_${name} PUBLIC ${arg_PUBLIC} PRIVATE ${arg_PRIVATE} freightliner_options)
endfunction()

# freightliner_unit_test(<module>): one GoogleTest program from tests/unit/<module>/*_test.cc.
function(freightliner_unit_test module)
  file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/unit/${module}/*_test.cc")
  if(NOT sources)
    message(FATAL_ERROR "no unit tests in tests/unit/${module}")
  endif()
  add_executable(${module}_test ${sources})
  target_include_directories(${module}_test PRIVATE "${PROJECT_SOURCE_DIR}/tests/unit" "${PROJECT_SOURCE_DIR}/src")
  target_link_libraries(${module}_test PRIVATE freightliner::${module} freightliner_options GTest::gmock GTest::gtest_main)
  add_test(NAME unit.${module} COMMAND ${module}_test)
endfunction()

# One way to make a library, a program and a test of this project.

function(vitrine_flags target)
  target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR})
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wold-style-cast)
  # g++ 12 sees overlapping copies in std::string's operator+ where there are none (GCC bug 105651).
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
  if(VITRINE_WARNINGS_AS_ERRORS)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
endfunction()

# For targets where optimising takes longer than it saves: what asserts, parses and prints.
function(vitrine_quick_to_compile target)
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
endfunction()

# For targets that include <regex>: with the sanitizers on, g++ 12 warns about that header itself (GCC bug 105562).
function(vitrine_uses_regex target)
  if(CMAKE_CXX_FLAGS MATCHES sanitize)
    target_compile_options(${target} PRIVATE -Wno-maybe-uninitialized)
  endif()
endfunction()

# A static library of all .cpp files of this folder (and of the named subfolders).
function(vitrine_library name)
  set(patterns *.cpp)
  foreach(folder ${ARGN})
    list(APPEND patterns ${folder}/*.cpp)
  endforeach()
  file(GLOB sources CONFIGURE_DEPENDS ${patterns})
  add_library(${name} STATIC ${sources})
  vitrine_flags(${name})
endfunction()

# A program of all .cpp files of tools/FOLDER, in build/<preset>/bin/FOLDER.
function(vitrine_program name)
  file(GLOB sources CONFIGURE_DEPENDS ${name}/*.cpp)
  if(sources)
    add_executable(${name} ${sources})
    vitrine_flags(${name})
    vitrine_quick_to_compile(${name})
    target_link_libraries(${name} PRIVATE ${ARGN})
  endif()
endfunction()

# A doctest program of all .cpp files of tests/FOLDER; each test case becomes a ctest.
function(vitrine_test folder)
  file(GLOB sources CONFIGURE_DEPENDS ${folder}/*.cpp)
  if(sources)
    add_executable(${folder}_tests ${sources} main.cpp)
    vitrine_flags(${folder}_tests)
    vitrine_quick_to_compile(${folder}_tests)
    target_link_libraries(${folder}_tests PRIVATE doctest::doctest test_folders ${ARGN})
    vitrine_uses_regex(${folder}_tests)
    add_test(NAME ${folder} COMMAND ${folder}_tests)
  endif()
endfunction()

# Adds .cu files to a target as host C++ that the SIMT executor runs (kernels/simt). The compiler calls a hook before
# every access, so that the executor can check it; the executor, not thread sanitizer, provides the hooks, and so the
# flag is not one for linking. Address sanitizer cannot be combined with the hooks: it checks bounds in their place.
function(vitrine_simt_kernels target)
  # Lines for the findings. Where somebody will debug, everything; else no more than lines, which compiles quicker.
  if(CMAKE_BUILD_TYPE STREQUAL Debug)
    set(options -g)
  else()
    set(options -g1)
  endif()
  if(NOT CMAKE_CXX_FLAGS MATCHES "-fsanitize=")
    # Volatile reads have hooks of their own: a thread that waits for another may be known by them.
    list(APPEND options -fsanitize=thread --param=tsan-instrument-func-entry-exit=0
                        --param=tsan-distinguish-volatile=1)
    target_compile_definitions(${target} PRIVATE VITRINE_SIMT_HOOKS)
  endif()
  if(VITRINE_HOST_HAS_FMA)
    list(APPEND options -mfma)
  endif()
  # -O1 keeps every access on its own line.
  if(NOT CMAKE_BUILD_TYPE STREQUAL Debug)
    list(APPEND options -O1)
  endif()
  set_source_files_properties(${ARGN} PROPERTIES LANGUAGE CXX COMPILE_OPTIONS "${options}")
  target_sources(${target} PRIVATE ${ARGN})
  target_link_libraries(${target} PUBLIC vitrine_simt)
endfunction()

# A page for a browser, in one file: page.html with style sheets and scripts in their places, in the order in which they are
# given, as a text `page` of C++ that `header` declares in `namespace`.
function(vitrine_page source namespace header)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${ARGN})
  set(style "")
  set(script "")
  foreach(part IN LISTS ARGN)
    file(READ ${part} content)
    if(part MATCHES "\\.html$")
      set(html "${content}")
    elseif(part MATCHES "\\.css$")
      string(APPEND style "${content}")
    else()
      string(APPEND script "${content}")
    endif()
  endforeach()
  string(REPLACE "{{style}}" "${style}" html "${html}")
  string(REPLACE "{{script}}" "${script}" html "${html}")
  configure_file(${PROJECT_SOURCE_DIR}/cmake/page.cpp.in ${source} @ONLY)
endfunction()

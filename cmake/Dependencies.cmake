# Finds every library Vitrine stands on. All are installed packages; none is vendored.
# What is missing is collected and named at once, each with the Debian package that provides it.

set(VITRINE_MISSING "")

macro(vitrine_require found library package)
  if(NOT ${found})
    string(APPEND VITRINE_MISSING "  ${library}: apt-get install ${package}\n")
  endif()
endmacro()

find_package(Threads QUIET)
vitrine_require(Threads_FOUND "POSIX threads" libc6-dev)
find_package(OpenMP QUIET COMPONENTS CXX)
vitrine_require(OpenMP_CXX_FOUND "OpenMP" g++)
find_package(hwy QUIET CONFIG)
vitrine_require(hwy_FOUND "Highway" libhwy-dev)
# By its header and library: oneDNN's own CMake files ask for OpenCL too, which Vitrine has no use for.
find_path(ONEDNN_INCLUDE_DIR oneapi/dnnl/dnnl.hpp)
find_library(ONEDNN_LIBRARY dnnl)
vitrine_require(ONEDNN_INCLUDE_DIR "oneDNN's headers" libdnnl-dev)
vitrine_require(ONEDNN_LIBRARY "oneDNN" libdnnl-dev)
find_package(fmt QUIET CONFIG)
vitrine_require(fmt_FOUND "{fmt}" libfmt-dev)
find_package(CLI11 QUIET CONFIG)
vitrine_require(CLI11_FOUND "CLI11" libcli11-dev)
find_package(nlohmann_json QUIET CONFIG)
vitrine_require(nlohmann_json_FOUND "nlohmann-json" nlohmann-json3-dev)
find_package(ZLIB QUIET)
vitrine_require(ZLIB_FOUND "zlib" zlib1g-dev)
find_package(JPEG QUIET)
vitrine_require(JPEG_FOUND "libjpeg-turbo" libjpeg-dev)
find_package(PNG QUIET)
vitrine_require(PNG_FOUND "libpng" libpng-dev)
# Image formats that a build may do without: data/image_format.cpp names the package where a file is of such a kind.
set(VITRINE_FORMATS_MISSING "")
foreach(format IN ITEMS WebP GIF TIFF)
  find_package(${format} QUIET)
  if(NOT ${format}_FOUND)
    string(TOLOWER "lib${format}-dev" package)
    string(APPEND VITRINE_FORMATS_MISSING ", ${format} (apt-get install ${package})")
  endif()
endforeach()
if(VITRINE_FORMATS_MISSING)
  string(SUBSTRING "${VITRINE_FORMATS_MISSING}" 2 -1 VITRINE_FORMATS_MISSING)
  message(STATUS "Image formats that this build will not read: ${VITRINE_FORMATS_MISSING}")
else()
  message(STATUS "Image formats: all, WebP, GIF and TIFF too")
endif()
find_path(STB_INCLUDE_DIR stb/stb_image_write.h)
vitrine_require(STB_INCLUDE_DIR "stb" libstb-dev)
find_file(VITRINE_FONT DejaVuSans.ttf PATHS /usr/share/fonts/truetype/dejavu)
vitrine_require(VITRINE_FONT "DejaVu Sans" fonts-dejavu-core)
find_path(TOMLPLUSPLUS_INCLUDE_DIR toml++/toml.h)
vitrine_require(TOMLPLUSPLUS_INCLUDE_DIR "toml++" libtomlplusplus-dev)
find_path(XXHASH_INCLUDE_DIR xxhash.h)
find_library(XXHASH_LIBRARY xxhash)
vitrine_require(XXHASH_LIBRARY "xxHash" libxxhash-dev)
# By its header and library: its own CMake files ask for its programs too.
find_path(LIBZIP_INCLUDE_DIR zip.h)
find_library(LIBZIP_LIBRARY zip)
vitrine_require(LIBZIP_LIBRARY "libzip" libzip-dev)
find_path(BOOST_CRC_INCLUDE_DIR boost/crc.hpp)
vitrine_require(BOOST_CRC_INCLUDE_DIR "Boost.CRC" libboost-dev)
if(VITRINE_SIMT)
  find_package(boost_context QUIET CONFIG)
  vitrine_require(boost_context_FOUND "Boost.Context" libboost-context-dev)
  find_path(LIBDW_INCLUDE_DIR elfutils/libdwfl.h)
  find_library(LIBDW_LIBRARY dw)
  find_library(LIBELF_LIBRARY elf)
  vitrine_require(LIBDW_LIBRARY "libdw" libdw-dev)
endif()
if(VITRINE_TESTS)
  find_package(doctest QUIET CONFIG)
  vitrine_require(doctest_FOUND "doctest" doctest-dev)
endif()

if(VITRINE_MISSING)
  message(FATAL_ERROR "Vitrine needs these libraries; tools/test.sh and tools/quickstart.sh install them on Debian:\n${VITRINE_MISSING}")
endif()

# CLI11, JSON and the others are system headers: their warnings are not ours.
find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # What one clone has compiled serves all others, wherever they lie. With CCACHE_DEPEND the compiler's own list of headers
  # is what a result is known by, so that a file which the cache does not have is not preprocessed twice.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1 CCACHE_DEPEND=1 ${CCACHE})
endif()

# CUDA is optional: where there is no toolkit, kernels/cuda/absent.cpp stands in and says so at run time. CMake's own
# variables (CUDACXX, CMAKE_CUDA_ARCHITECTURES, CMAKE_CUDA_FLAGS, CMAKE_CUDA_RUNTIME_LIBRARY) are honoured.
if(VITRINE_CUDA)
  include(Cuda)
endif()

# The executor's kernels need an exact fused multiply-add for every product: one instruction, or else a slow call.
include(CheckCXXSourceRuns)
set(CMAKE_REQUIRED_FLAGS -mfma)
check_cxx_source_runs("#include <cmath>
int main(int count, char**) { return std::fma(double(count), 2.0, -2.0 * count) == 0.0 ? 0 : 1; }" VITRINE_HOST_HAS_FMA)
unset(CMAKE_REQUIRED_FLAGS)

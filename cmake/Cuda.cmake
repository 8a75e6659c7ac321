# Finds nvcc, and cuDNN and cuBLAS for the implementations that ours are measured against. All of it is optional.

include(CheckLanguage)
if(NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
  # Where the toolkit's own installer puts it, which is seldom in the path.
  find_program(VITRINE_NVCC nvcc HINTS ENV CUDA_PATH ENV CUDA_HOME PATHS /usr/local/cuda PATH_SUFFIXES bin)
  if(VITRINE_NVCC)
    set(ENV{CUDACXX} ${VITRINE_NVCC}) # which is tried before it is relied on
  endif()
endif()
check_language(CUDA)
if(NOT CMAKE_CUDA_COMPILER)
  message(STATUS "No CUDA compiler that works: building without the cuda device")
  return()
endif()

# Machine code for 7.5 and 9.0, and the portable form (PTX) of 7.5, which the driver translates for every other GPU from
# 7.5 on. The code for 9.0 is made from that form too: the kernels use nothing newer, and compiling the source once for
# each would take half as long again.
set(VITRINE_CUDA_FURTHER_CODE "")
set(architectures "${CMAKE_CUDA_ARCHITECTURES}")
if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
  set(CMAKE_CUDA_ARCHITECTURES 75)
  set(VITRINE_CUDA_FURTHER_CODE --generate-code=arch=compute_75,code=sm_90)
  set(architectures 75 90)
endif()
enable_language(CUDA)
# CMake itself knows this from 3.26 on.
if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
  set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
endif()
find_package(CUDAToolkit REQUIRED)
if(CCACHE AND NOT CMAKE_CUDA_COMPILER_LAUNCHER)
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${CMAKE_CXX_COMPILER_LAUNCHER})
endif()

# Only their headers are needed: kernels/cuda/vendor loads the libraries themselves when they are first asked for.
find_path(CUDNN_INCLUDE_DIR cudnn.h HINTS ${CUDAToolkit_INCLUDE_DIRS})
find_path(CUBLAS_INCLUDE_DIR cublas_v2.h HINTS ${CUDAToolkit_INCLUDE_DIRS})
find_library(CUDNN_LIBRARY cudnn HINTS ${CUDAToolkit_LIBRARY_DIR})
find_library(CUBLAS_LIBRARY cublas HINTS ${CUDAToolkit_LIBRARY_DIR})
# Where the kernels' objects lie, with what ptxas said of each beside it.
set(VITRINE_CUDA_OBJECTS ${CMAKE_BINARY_DIR}/kernels/cuda/CMakeFiles/vitrine_cuda.dir)
set(rivals "without cuDNN and cuBLAS")
if(CUDNN_INCLUDE_DIR AND CUBLAS_INCLUDE_DIR)
  set(VITRINE_CUDA_RIVALS ON)
  set(rivals "with cuDNN and cuBLAS as rivals")
  if(CUDNN_LIBRARY AND CUBLAS_LIBRARY)
    set(VITRINE_RIVALS_INSTALLED ON)
  endif()
endif()
string(REPLACE ";" ", " architectures "${architectures}")
message(STATUS "The cuda device: nvcc ${CMAKE_CUDA_COMPILER_VERSION} for ${architectures}, ${rivals}")

# Whether kernels/cuda/vendor compiles against the headers of cuDNN and cuBLAS that were found.

# Sets `result` to the reason why not, or to nothing. The folders may be find_path's …-NOTFOUND.
function(vitrine_vendor_problem result cudnn_folder cublas_folder)
  set(${result} "" PARENT_SCOPE)
  if(NOT cudnn_folder OR NOT cublas_folder)
    set(${result} "their headers are not installed" PARENT_SCOPE)
    return()
  endif()
  set(version_file ${cudnn_folder}/cudnn_version.h) # which holds the version from 8 on
  if(NOT EXISTS ${version_file})
    set(version_file ${cudnn_folder}/cudnn.h)
  endif()
  file(STRINGS ${version_file} line REGEX "^#define CUDNN_MAJOR +[0-9]+")
  string(REGEX MATCH "[0-9]+$" major "${line}")
  if(NOT major STREQUAL 9)
    set(${result} "cuDNN 9 is needed, and ${cudnn_folder} has version ${major}" PARENT_SCOPE)
  endif()
endfunction()

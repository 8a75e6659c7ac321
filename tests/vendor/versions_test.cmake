# Which headers of cuDNN kernels/cuda/vendor is compiled against: cmake -P versions_test.cmake, with FOLDER to write to.
cmake_minimum_required(VERSION 3.22)
include(${CMAKE_CURRENT_LIST_DIR}/../../cmake/VendorLibraries.cmake)

function(expect expected cudnn_folder cublas_folder)
  vitrine_vendor_problem(problem "${cudnn_folder}" "${cublas_folder}")
  if(NOT problem STREQUAL expected)
    message(SEND_ERROR "expected '${expected}', got '${problem}'")
  endif()
endfunction()

foreach(major 8 9 10)
  file(WRITE ${FOLDER}/${major}/cudnn_version.h "#define CUDNN_MAJOR ${major}\n#define CUDNN_MINOR 7\n")
  file(WRITE ${FOLDER}/${major}/cudnn.h "#include \"cudnn_version.h\"\n")
endforeach()
file(WRITE ${FOLDER}/7/cudnn.h "#define CUDNN_MAJOR 7\n")

expect("" ${FOLDER}/9 ${FOLDER})
expect("cuDNN 9 is needed, and ${FOLDER}/8 has version 8" ${FOLDER}/8 ${FOLDER})
expect("cuDNN 9 is needed, and ${FOLDER}/10 has version 10" ${FOLDER}/10 ${FOLDER})
expect("cuDNN 9 is needed, and ${FOLDER}/7 has version 7" ${FOLDER}/7 ${FOLDER})
expect("their headers are not installed" CUDNN_INCLUDE_DIR-NOTFOUND ${FOLDER})
expect("their headers are not installed" ${FOLDER}/9 CUBLAS_INCLUDE_DIR-NOTFOUND)

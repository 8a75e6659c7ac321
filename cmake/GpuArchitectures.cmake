# What machine code a build for this machine's own GPUs needs.

# The compute capabilities of the GPUs that are here and that this nvcc makes code for, as CMAKE_CUDA_ARCHITECTURES has them
# ("75;90"); empty where there are none. What is left out is said.
function(vitrine_gpu_architectures result nvcc)
  set(${result} "" PARENT_SCOPE)
  find_program(VITRINE_NVIDIA_SMI nvidia-smi)
  mark_as_advanced(VITRINE_NVIDIA_SMI)
  if(NOT VITRINE_NVIDIA_SMI)
    return()
  endif()
  execute_process(COMMAND ${VITRINE_NVIDIA_SMI} --query-gpu=compute_cap --format=csv,noheader TIMEOUT 60
                  OUTPUT_VARIABLE said RESULT_VARIABLE status ERROR_QUIET)
  execute_process(COMMAND ${nvcc} --list-gpu-code OUTPUT_VARIABLE codes ERROR_QUIET)
  if(NOT status EQUAL 0)
    return()
  endif()
  string(REGEX MATCHALL "[0-9]+\\.[0-9]+" capabilities "${said}")
  list(REMOVE_DUPLICATES capabilities)
  set(architectures "")
  foreach(capability ${capabilities})
    string(REPLACE "." "" architecture ${capability})
    if(architecture LESS 75)
      message(STATUS "A GPU of compute capability ${capability} is here: the kernels need 7.5 or newer")
    elseif(NOT codes MATCHES "sm_${architecture}(\n|$)")
      message(STATUS "A GPU of compute capability ${capability} is here: this nvcc makes no code for it, and its driver "
                     "has to translate the kernels when they first run")
    else()
      list(APPEND architectures ${architecture})
    endif()
  endforeach()
  list(SORT architectures COMPARE NATURAL)
  set(${result} "${architectures}" PARENT_SCOPE)
endfunction()

# What makes machine code for `architectures`: the portable forms (PTX) that sources are compiled to, as CMAKE_CUDA_ARCHITECTURES
# has them, and nvcc's options for machine code of these. At most two forms, since compiling a source once for each GPU would
# take much longer: 7.5's for GPUs below 8.0, and 8.0's, which has tensor products of floats, conversions to bf16 and a maximum
# that keeps a NaN, for all others. They stay in the program, where a driver translates them for GPUs that are not listed.
function(vitrine_gpu_code forms options architectures)
  set(used "")
  set(code "")
  foreach(architecture ${architectures})
    if(architecture LESS 80)
      set(form 75)
    else()
      set(form 80)
    endif()
    list(APPEND used ${form}-virtual)
    list(APPEND code --generate-code=arch=compute_${form},code=sm_${architecture})
  endforeach()
  list(REMOVE_DUPLICATES used)
  set(${forms} "${used}" PARENT_SCOPE)
  set(${options} "${code}" PARENT_SCOPE)
endfunction()

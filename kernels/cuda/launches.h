// The log of the cuda device's launches. For nvcc alone: the simt device's is its executor's.
#pragma once

#include <string>

#include "kernels/kernel_name.h"
#include "kernels/launch_log.h"

namespace vitrine::cuda {

/// The kernel's name in the source, with its template's arguments.
inline std::string kernel_name(const void* kernel) {
    const char* mangled = nullptr;
    if (cudaFuncGetName(&mangled, kernel) != cudaSuccess || mangled == nullptr) {
        static_cast<void>(cudaGetLastError());  // else the launch would report it
        return "a kernel";
    }
    return plain_kernel_name(mangled);
}

inline LaunchLog& launch_log() {
    // Never destroyed: launches may be made by what static objects destroy.
    static LaunchLog& log = *new LaunchLog(kernel_name, LaunchLog::Names::at_launch);
    return log;
}

}  // namespace vitrine::cuda

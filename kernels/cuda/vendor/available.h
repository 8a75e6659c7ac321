// Whether the libraries can be used: for programs that report it, without the libraries' headers.
#pragma once

namespace vitrine::cuda::vendor {

/// Null if cuDNN (cuBLAS) is there and has all that is used of it, else why not (a phrase).
const char* cudnn_problem();
const char* cublas_problem();

}  // namespace vitrine::cuda::vendor

// What a kernel's names on a GPU and on simt have in common.
#pragma once

#include <string>

namespace vitrine::predict {

/// "vitrine::cuda::gemm<vitrine::cuda::Rows<float> >" and "gemm<vitrine::simt::Rows<float>>" → "gemm<Rows<float>>".
std::string plain_name(std::string name);

}  // namespace vitrine::predict

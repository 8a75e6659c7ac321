// Plans: what a cuDNN call needs beside its tensors' memory, made once for a shape and kept, or why cuDNN
// cannot run it.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <vector>

#include "kernels/cuda/vendor/libraries.h"

namespace vitrine::VITRINE_GPU::vendor {

/// Plans by the numbers that they were made for. A Plan has a string `refusal`, which is empty if cuDNN takes
/// the shape. Make one `new` and never delete it: the driver may be gone by the time that static objects are.
template <class Plan>
class PlanCache {
  public:
    /// The plan of this key; `make(plan)` fills a new one. A library's call that fails in it is the refusal.
    template <class Make>
    const Plan& get(const std::vector<int64_t>& key, Make make) {
        const auto known = plans_.find(key);
        if (known != plans_.end()) return known->second;
        Plan plan;
        try {
            make(plan);
        } catch (const LibraryFailure& failure) {
            plan.refusal = "cuDNN does not take this shape: " + failure.reason;
            // What the library left behind would be taken for the next launch's own.
            static_cast<void>(cudaGetLastError());
        }
        return plans_.emplace(key, std::move(plan)).first->second;
    }

  private:
    std::map<std::vector<int64_t>, Plan> plans_;
};

/// Sizes and numbers of elements that cuDNN's int can hold.
inline bool fit_int(std::initializer_list<int64_t> counts) {
    for (const int64_t count : counts) {
        if (!fits_int(count)) return false;
    }
    return true;
}

inline constexpr const char* too_large = "a tensor with more elements than 32 bits can count";
inline constexpr const char* empty_tensor = "an empty tensor";
inline constexpr const char* misaligned =
    "a tensor that is not aligned to 16 bytes, as cuDNN's kernels may ask";

inline const char* phrase_of(const std::string& refusal) {
    return refusal.empty() ? nullptr : refusal.c_str();
}

inline cudnnDataType_t data_type(DType dtype) {
    return dtype == DType::f32 ? CUDNN_DATA_FLOAT : CUDNN_DATA_DOUBLE;
}

/// The descriptor of [batch, size.height, size.width, channels], all of which fit into an int.
inline cudnnTensorDescriptor_t describe_images(DType dtype, int64_t batch, Size2 size, int64_t channels) {
    cudnnTensorDescriptor_t descriptor = nullptr;
    VITRINE_CUDNN(cudnnCreateTensorDescriptor, &descriptor);
    VITRINE_CUDNN(cudnnSetTensor4dDescriptor, descriptor, CUDNN_TENSOR_NHWC, data_type(dtype),
                  static_cast<int>(batch), static_cast<int>(channels), static_cast<int>(size.height),
                  static_cast<int>(size.width));
    return descriptor;
}

}  // namespace vitrine::VITRINE_GPU::vendor

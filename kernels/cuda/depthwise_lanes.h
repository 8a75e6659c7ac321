// A few neighbouring channels of a pixel: what a thread of the depthwise kernels loads, computes and stores
// at once.
#pragma once

#include "kernels/cuda/gpu.h"

namespace vitrine::VITRINE_GPU {

/// N values of neighbouring channels.
template <class T, int N>
struct Lanes {
    T value[static_cast<size_t>(N)];

    __device__ __forceinline__ T& operator[](int i) { return value[i]; }
    __device__ __forceinline__ const T& operator[](int i) const { return value[i]; }
};

template <class T, int N>
__device__ __forceinline__ Lanes<T, N> all_lanes(T value) {
    Lanes<T, N> lanes;
    VITRINE_UNROLL
    for (int i = 0; i < N; ++i) lanes[i] = value;
    return lanes;
}

/// One access of N · sizeof(T) = 4, 8 or 16 bytes; `from` must be aligned to as many.
template <int N, class Pointer>
__device__ __forceinline__ Lanes<Pointee<Pointer>, N> load_lanes(Pointer from) {
    using T = Pointee<Pointer>;
    if constexpr (N == 1) {
        return {{*from}};
    } else if constexpr (sizeof(T) * N == 8) {
        const float2 v = load_as<float2>(from);
        return {{v.x, v.y}};
    } else {
        const Pack<T> v = load_pack(from);
        Lanes<T, N> lanes;
        VITRINE_UNROLL
        for (int i = 0; i < N; ++i) lanes[i] = v[i];
        return lanes;
    }
}

template <class T, int N>
__device__ __forceinline__ void store_lanes(T* to, const Lanes<T, N>& lanes) {
    if constexpr (N == 1) {
        *to = lanes[0];
    } else if constexpr (sizeof(T) * N == 8) {
        *reinterpret_cast<float2*>(to) = make_float2(lanes[0], lanes[1]);
    } else {
        Pack<T> v;
        VITRINE_UNROLL
        for (int i = 0; i < N; ++i) v[i] = lanes[i];
        store_pack(to, v);
    }
}

/// Writes or accumulates a gradient, N channels at a time.
template <class T>
class LanesWriter {
  public:
    explicit LanesWriter(const Gradient& gradient)
        : data_(static_cast<T*>(gradient.data)), accumulate_(gradient.mode == GradMode::accumulate) {}

    __device__ __forceinline__ explicit operator bool() const { return data_ != nullptr; }
    template <int N>
    __device__ __forceinline__ void operator()(int64_t index, Lanes<T, N> lanes) const {
        if (accumulate_) {
            const auto before = load_lanes<N>(data_ + index);
            VITRINE_UNROLL
            for (int k = 0; k < N; ++k) lanes[k] = before[k] + lanes[k];
        }
        store_lanes(data_ + index, lanes);
    }

  private:
    T* data_;
    bool accumulate_;
};

}  // namespace vitrine::VITRINE_GPU

// A few neighbouring channels of a pixel: what a thread of the depthwise kernels loads, computes and stores
// at once.
#pragma once

#include "kernels/cuda/gpu.h"

namespace vitrine::VITRINE_GPU {

/// N values of neighbouring channels, in the type that is computed with.
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

/// N values as they lie in memory. What has been loaded before it is needed waits like that: of 16-bit values two
/// share a register.
template <class T, int N>
struct Stored {
    Lanes<T, N> lanes;
};
template <class T, int N>
requires(is_half_type<T>) struct Stored<T, N> {
    static constexpr int words = divide_up(N, 2);
    unsigned word[static_cast<size_t>(words)];
};

template <class T, int N>
__device__ __forceinline__ Lanes<Accumulate<T>, N> widened(const Stored<T, N>& stored) {
    if constexpr (!is_half_type<T>) {
        return stored.lanes;
    } else if constexpr (N == 1) {
        return {{static_cast<float>(std::bit_cast<T>(static_cast<uint16_t>(stored.word[0])))}};
    } else {
        Lanes<float, N> lanes;
        VITRINE_UNROLL
        for (int i = 0; i < N; i += 2) take_word<T>(stored.word[i / 2], lanes[i], lanes[i + 1]);
        return lanes;
    }
}

/// One access of N · sizeof(T) = 2, 4, 8 or 16 bytes; `from` must be aligned to as many. 8 floats are two of 16.
template <int N, class Pointer>
__device__ __forceinline__ Stored<Pointee<Pointer>, N> load_stored(Pointer from) {
    using T = Pointee<Pointer>;
    if constexpr (is_half_type<T> && N == 1) {
        return {{T(*from).bits}};
    } else if constexpr (N == 1) {
        return {{{*from}}};
    } else if constexpr (is_half_type<T> && N == 2) {
        return {{load_as<unsigned>(from)}};
    } else if constexpr (is_half_type<T> && N == 4) {
        const uint2 v = load_as<uint2>(from);
        return {{v.x, v.y}};
    } else if constexpr (is_half_type<T>) {
        const uint4 v = load_as<uint4>(from);
        return {{v.x, v.y, v.z, v.w}};
    } else if constexpr (sizeof(T) * N == 8) {
        const float2 v = load_as<float2>(from);
        return {{{v.x, v.y}}};
    } else {
        Stored<T, N> stored;
        VITRINE_UNROLL
        for (int first = 0; first < N; first += Pack<T>::size) {
            const Pack<T> v = load_pack(from + first);
            VITRINE_UNROLL
            for (int i = 0; i < Pack<T>::size; ++i) stored.lanes[first + i] = v[i];
        }
        return stored;
    }
}
template <int N, class Pointer>
__device__ __forceinline__ Lanes<Accumulate<Pointee<Pointer>>, N> load_lanes(Pointer from) {
    return widened(load_stored<N>(from));
}

/// To is T, or a 16-bit type that T stands for.
template <class To, class T, int N>
__device__ __forceinline__ void store_lanes(To* to, const Lanes<T, N>& lanes) {
    if constexpr (N == 1) {
        store_value(to, lanes[0]);
    } else if constexpr (is_half_type<To> && N == 2) {
        *reinterpret_cast<unsigned*>(to) = word_of<To>(lanes[0], lanes[1]);
    } else if constexpr (is_half_type<To> && N == 4) {
        *reinterpret_cast<uint2*>(to) =
            make_uint2(word_of<To>(lanes[0], lanes[1]), word_of<To>(lanes[2], lanes[3]));
    } else if constexpr (sizeof(To) * N == 8) {
        *reinterpret_cast<float2*>(to) = make_float2(lanes[0], lanes[1]);
    } else {
        VITRINE_UNROLL
        for (int first = 0; first < N; first += Pack<To>::size) {
            Pack<To> v;
            VITRINE_UNROLL
            for (int i = 0; i < Pack<To>::size; ++i) v[i] = lanes[first + i];
            store_pack(to + first, v);
        }
    }
}

/// Writes or accumulates a gradient, N channels at a time.
template <class T>
class LanesWriter {
  public:
    explicit LanesWriter(const Gradient& gradient)
        : data_(static_cast<T*>(gradient.data)),
          wanted_(gradient.data != nullptr),
          accumulate_(gradient.mode == GradMode::accumulate) {}

    __device__ __forceinline__ explicit operator bool() const { return wanted_; }
    template <int N>
    __device__ __forceinline__ void operator()(int64_t index, Lanes<Accumulate<T>, N> lanes) const {
        if (accumulate_) {
            const auto before = load_lanes<N>(data_ + index);
            VITRINE_UNROLL
            for (int k = 0; k < N; ++k) lanes[k] = before[k] + lanes[k];
        }
        store_lanes(data_ + index, lanes);
    }

    __device__ __forceinline__ T* data() const { return data_; }
    __device__ __forceinline__ bool accumulates() const { return accumulate_; }

  private:
    T* data_;
    bool wanted_;
    bool accumulate_;
};

}  // namespace vitrine::VITRINE_GPU

// Element types, and the one place where a type known at run time becomes a C++ type.
//
// A kernel's dtype is the type that it stores activations in, their gradients, and weights that are multiplied. Whatever is a
// sum of many, or one number for a whole channel, is kept in Accumulate<dtype>: scale, shift, bias, mean, m2, rstd, running
// statistics, the loss, and the gradients of all parameters. For f32 and f64 the two are the same; beside a 16-bit
// dtype it is f32.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <type_traits>

#include "kernels/half.h"

namespace vitrine {

enum class DType : uint8_t { f32, f64, bf16, f16, i32, u8 };

constexpr size_t size_of(DType dtype) {
    switch (dtype) {
        case DType::f32:
            return 4;
        case DType::f64:
            return 8;
        case DType::bf16:
        case DType::f16:
            return 2;
        case DType::i32:
            return 4;
        case DType::u8:
            return 1;
    }
    throw std::logic_error("unknown dtype");
}

constexpr const char* name_of(DType dtype) {
    switch (dtype) {
        case DType::f32:
            return "f32";
        case DType::f64:
            return "f64";
        case DType::bf16:
            return "bf16";
        case DType::f16:
            return "f16";
        case DType::i32:
            return "i32";
        case DType::u8:
            return "u8";
    }
    throw std::logic_error("unknown dtype");
}

template <class T>
inline constexpr DType dtype_of = [] { static_assert(sizeof(T) == 0, "no DType for this C++ type"); }();
template <>
inline constexpr DType dtype_of<float> = DType::f32;
template <>
inline constexpr DType dtype_of<double> = DType::f64;
template <>
inline constexpr DType dtype_of<bf16> = DType::bf16;
template <>
inline constexpr DType dtype_of<f16> = DType::f16;
template <>
inline constexpr DType dtype_of<int32_t> = DType::i32;
template <>
inline constexpr DType dtype_of<uint8_t> = DType::u8;

/// Floating point that only stores.
constexpr bool is_half(DType dtype) { return dtype == DType::bf16 || dtype == DType::f16; }
template <class T>
inline constexpr bool is_half_type = is_half(dtype_of<T>);

inline constexpr std::array floating_dtypes{DType::f32, DType::f64, DType::bf16, DType::f16};
constexpr bool is_floating(DType dtype) {
    return dtype == DType::f32 || dtype == DType::f64 || is_half(dtype);
}

/// What sums and channels' numbers are kept in beside elements of this type.
template <class T>
using Accumulate = std::conditional_t<is_half_type<T>, float, T>;
constexpr DType accumulate_of(DType dtype) { return is_half(dtype) ? DType::f32 : dtype; }

/// Calls f.operator()<T>() with the C++ type of a floating-point dtype that is computed in:
///     dispatch_float(args.dtype, [&]<class T>() { update<T>(args); });
template <class F>
decltype(auto) dispatch_float(DType dtype, F&& f) {
    switch (dtype) {
        case DType::f32:
            return f.template operator()<float>();
        case DType::f64:
            return f.template operator()<double>();
        default:
            throw std::logic_error("a kernel was called with a dtype that it does not compute in");
    }
}

/// The same with a dtype that only stores.
template <class F>
decltype(auto) dispatch_half(DType dtype, F&& f) {
    switch (dtype) {
        case DType::bf16:
            return f.template operator()<bf16>();
        case DType::f16:
            return f.template operator()<f16>();
        default:
            throw std::logic_error("a kernel was to store in a dtype of more than 16 bits");
    }
}

/// The same with any floating-point dtype, those that only store among them.
template <class F>
decltype(auto) dispatch_storage(DType dtype, F&& f) {
    return is_half(dtype) ? dispatch_half(dtype, f) : dispatch_float(dtype, f);
}

}  // namespace vitrine

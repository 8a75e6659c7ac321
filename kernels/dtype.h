// Element types, and the one place where a type known at run time becomes a C++ type.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>

namespace vitrine {

enum class DType : uint8_t { f32, f64, i32, u8 };

constexpr size_t size_of(DType dtype) {
    switch (dtype) {
        case DType::f32:
            return 4;
        case DType::f64:
            return 8;
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
inline constexpr DType dtype_of<int32_t> = DType::i32;
template <>
inline constexpr DType dtype_of<uint8_t> = DType::u8;

/// Calls f.operator()<T>() with the C++ type of a floating-point dtype:
///     dispatch_float(args.dtype, [&]<class T>() { relu<T>(args); });
template <class F>
decltype(auto) dispatch_float(DType dtype, F&& f) {
    switch (dtype) {
        case DType::f32:
            return f.template operator()<float>();
        case DType::f64:
            return f.template operator()<double>();
        default:
            throw std::logic_error("a kernel was called with a dtype that is not floating point");
    }
}

}  // namespace vitrine

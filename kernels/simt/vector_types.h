// CUDA's small vector types for host C++: dim3, the index type uint3, and the 2- and 4-element vectors.
#pragma once

#include <cstdint>

struct uint3 {
    unsigned x, y, z;
};

struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

namespace vitrine::simt {

/// Moves all `bytes` of a vector at once, as the GPU's wide load and store do. A member-wise copy would be
/// seen by the checks as several narrow accesses.
template <int bytes>
struct WholeCopy {
    using Vector __attribute__((vector_size(bytes), may_alias)) = unsigned;
    static inline __attribute__((always_inline)) void copy(void* to, const void* from) {
        *static_cast<Vector*>(to) = *static_cast<const Vector*>(from);
    }
};

}  // namespace vitrine::simt

#define VITRINE_VECTOR2(Name, Element)                                      \
    struct alignas(2 * sizeof(Element)) Name {                              \
        Element x, y;                                                       \
        Name() = default;                                                   \
        Name(Element x_, Element y_) : x(x_), y(y_) {}                      \
        __attribute__((always_inline)) Name(const Name& other) {            \
            vitrine::simt::WholeCopy<sizeof(Name)>::copy(this, &other);     \
        }                                                                   \
        __attribute__((always_inline)) Name& operator=(const Name& other) { \
            vitrine::simt::WholeCopy<sizeof(Name)>::copy(this, &other);     \
            return *this;                                                   \
        }                                                                   \
    };                                                                      \
    inline Name make_##Name(Element x, Element y) { return Name(x, y); }

#define VITRINE_VECTOR4(Name, Element)                                                       \
    struct alignas(4 * sizeof(Element)) Name {                                               \
        Element x, y, z, w;                                                                  \
        Name() = default;                                                                    \
        Name(Element x_, Element y_, Element z_, Element w_) : x(x_), y(y_), z(z_), w(w_) {} \
        __attribute__((always_inline)) Name(const Name& other) {                             \
            vitrine::simt::WholeCopy<sizeof(Name)>::copy(this, &other);                      \
        }                                                                                    \
        __attribute__((always_inline)) Name& operator=(const Name& other) {                  \
            vitrine::simt::WholeCopy<sizeof(Name)>::copy(this, &other);                      \
            return *this;                                                                    \
        }                                                                                    \
    };                                                                                       \
    inline Name make_##Name(Element x, Element y, Element z, Element w) { return Name(x, y, z, w); }

VITRINE_VECTOR2(float2, float)
VITRINE_VECTOR2(int2, int)
VITRINE_VECTOR2(uint2, unsigned)
VITRINE_VECTOR2(double2, double)
VITRINE_VECTOR4(float4, float)
VITRINE_VECTOR4(int4, int)
VITRINE_VECTOR4(uint4, unsigned)
VITRINE_VECTOR4(uchar4, unsigned char)

#undef VITRINE_VECTOR2
#undef VITRINE_VECTOR4

inline uint3 make_uint3(unsigned x, unsigned y, unsigned z) { return {x, y, z}; }

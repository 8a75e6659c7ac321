// The functions of kernels/cuda/tensor_core.h under the executor; that header has the types, and includes this one. They
// must be inlined, so that what they do belongs to the line that uses them.
#pragma once

#include "kernels/simt/kernel_code.h"
#include "kernels/simt/matrices.h"

namespace vitrine::VITRINE_GPU {

__forceinline__ Tf32 to_tf32(float value) {
    const unsigned bits = __float_as_uint(value);
    if (value != value) return {0x7FFFFFFFu};
    return {(bits + 0x1000u) & ~0x1FFFu};
}

template <class M>
__forceinline__ void multiply_matrices(FragmentC& c, const FragmentA<M>& a, const FragmentB<M>& b,
                                       VitrineLocation location = VitrineLocation::current()) {
    using T = typename M::Element;
    static_assert(M::words == 8 || std::is_same_v<M, Mma<f16, 8>>, "there is no such instruction");
    simt::MatrixProduct mine{};
    mine.element = std::is_same_v<T, Tf32>  ? simt::MatrixElement::tf32
                   : std::is_same_v<T, f16> ? simt::MatrixElement::f16
                                            : simt::MatrixElement::bf16;
    mine.columns = M::words;
    for (int i = 0; i < M::a_registers; ++i) mine.a[i] = a.words[i];
    for (int i = 0; i < M::b_registers; ++i) mine.b[i] = b.words[i];
    for (int i = 0; i < 4; ++i) mine.c[i] = c.values[i];
    simt::warp_multiplies(mine, location);
    for (int i = 0; i < 4; ++i) c.values[i] = mine.c[i];
}

template <int count>
__forceinline__ void load_matrices(unsigned (&words)[count], const void* row,
                                   VitrineLocation location = VitrineLocation::current()) {
    static_assert(count == 1 || count == 2 || count == 4);
    simt::MatrixLoad mine{count, false, {}};
    simt::warp_loads(mine, row, location);
    for (int i = 0; i < count; ++i) words[i] = mine.words[i];
}

template <int count>
__forceinline__ void load_matrices_transposed(unsigned (&words)[count], const void* row,
                                              VitrineLocation location = VitrineLocation::current()) {
    static_assert(count == 1 || count == 2 || count == 4);
    simt::MatrixLoad mine{count, true, {}};
    simt::warp_loads(mine, row, location);
    for (int i = 0; i < count; ++i) words[i] = mine.words[i];
}

constexpr bool copies_run_beside = true;

template <int bytes>
__forceinline__ void copy_async(void* shared, const void* global, bool inside = true) {
    static_assert(bytes == 4 || bytes == 8 || bytes == 16);
    simt::begin_async_copy(shared, global, bytes, inside);
}
__forceinline__ void commit_copies() { simt::commit_async_copies(); }
template <int pending>
__forceinline__ void wait_copies() {
    simt::wait_for_async_copies(pending);
}

}  // namespace vitrine::VITRINE_GPU

// Tensor cores, and copies into shared memory that run beside them: PTX's mma.sync, ldmatrix and cp.async, each as one
// function of a warp or of a thread.
//
// A warp multiplies C [16, 8] += A [16, k] · B [k, 8], with f32 in C. Its 32 lanes hold the matrices in their registers, each
// of 4 bytes: of A and B one tf32, or two neighbours in k of 16 bits. In these words the layout is the same for all types
// (PTX ISA, "Matrix fragments for mma"). With group = lane / 4 and member = lane % 4:
//
//     register      A: row          A: word of k       B: column   B: word of k       C: row           C: column
//     0             group           member             group       member             group            2 · member
//     1             group + 8       member             group       member + 4         group            2 · member + 1
//     2             group           member + 4                                        group + 8        2 · member
//     3             group + 8       member + 4                                        group + 8        2 · member + 1
//
// So A and B are made of pieces of 8 lines of 16 bytes, and ldmatrix brings four such pieces from shared memory at
// once: matrix r of it is register r of every lane. Where lines lie behind each other in k, 16 bytes of each are
// contiguous and nothing has to be turned; of k-major matrices `load_matrices_transposed` turns elements of 2 bytes.
//
//     Mma<f16, 8>           7.5 and later
//     Mma<f16, 16>          likewise: before 8.0 it is two of those
//     Mma<bf16, 16>         8.0 and later, like the next
//     Mma<Tf32, 8>
//
// What a GPU adds it adds in its own way: products are exact, sums of a product's k are cut off, not rounded. Long sums
// belong into f32 registers outside, with one multiply_matrices (or a few) for each addition.
//
// Copies: copy_async begins one, commit_copies makes a group of those begun since, wait_copies<n> waits for all groups
// but the last n. It is the thread's own copies that it waits for: others see them behind a barrier. Before 8.0
// they are plain loads and stores.
#pragma once

#include "kernels/cuda/gpu.h"

namespace vitrine::VITRINE_GPU {

/// A float with 10 bits of mantissa: its bits, of which the last 13 are zero.
struct Tf32 {
    unsigned bits;
};

/// Cut after 10 bits: one instruction, where rounding (to_tf32) takes a GPU three. What is left is exact: value − this.
__device__ __forceinline__ Tf32 cut_to_tf32(float value) { return {__float_as_uint(value) & ~0x1FFFu}; }

/// The shape of a product, and how many registers of a lane its matrices take.
template <class T, int depth>
struct Mma {
    using Element = T;
    static constexpr int rows = 16;
    static constexpr int columns = 8;
    static constexpr int k = depth;
    static constexpr int words = depth * static_cast<int>(sizeof(T)) / 4;  // of a row of A
    static constexpr int a_registers = words / 2;
    static constexpr int b_registers = words / 4;
};

template <class M>
struct FragmentA {
    unsigned words[M::a_registers];
};
template <class M>
struct FragmentB {
    unsigned words[M::b_registers];
};
struct FragmentC {
    float values[4];
};

/// Where the registers of the calling lane lie: the table above.
struct FragmentPlace {
    int group = static_cast<int>(threadIdx.x) % 32 / 4;
    int member = static_cast<int>(threadIdx.x) % 4;

    __device__ __forceinline__ int a_row(int i) const { return group + i % 2 * 8; }
    __device__ __forceinline__ int a_word(int i) const { return member + i / 2 * 4; }
    __device__ __forceinline__ int b_column() const { return group; }
    __device__ __forceinline__ int b_word(int i) const { return member + i * 4; }
    __device__ __forceinline__ int c_row(int i) const { return group + i / 2 * 8; }
    __device__ __forceinline__ int c_column(int i) const { return 2 * member + i % 2; }
};

}  // namespace vitrine::VITRINE_GPU

#ifdef __CUDACC__
#include "kernels/cuda/tensor_core_ptx.h"
#else
#include "kernels/simt/tensor_core.h"
#endif

// The functions of tensor_core.h on a GPU: PTX.
#pragma once

#include "kernels/cuda/tensor_core.h"

namespace vitrine::VITRINE_GPU {

/// Rounded to the nearest, ties away from zero. What is beyond the largest tf32 becomes infinite.
__device__ __forceinline__ Tf32 to_tf32(float value) {
    Tf32 result{0};
#if __CUDA_ARCH__ >= 800
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(result.bits) : "f"(value));
#endif
    return result;
}

// A kernel for tensor cores is compiled for every architecture and refused by the host where there are none.
#if __CUDA_ARCH__ >= 800
#define VITRINE_MMA_OF_80(text, c, a, b)                                                                     \
    asm volatile("mma.sync.aligned." text " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};" \
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])                                            \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]))
#else
#define VITRINE_MMA_OF_80(text, c, a, b) asm volatile("trap;")
#endif

/// C += A · B, by all 32 lanes of the warp.
template <class M>
__device__ __forceinline__ void multiply_matrices(FragmentC& c, const FragmentA<M>& a,
                                                  const FragmentB<M>& b) {
    using T = typename M::Element;
    if constexpr (std::is_same_v<M, Mma<f16, 8>>) {
        asm volatile(
            "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, "
            "%3};"
            : "+f"(c.values[0]), "+f"(c.values[1]), "+f"(c.values[2]), "+f"(c.values[3])
            : "r"(a.words[0]), "r"(a.words[1]), "r"(b.words[0]));
    } else if constexpr (std::is_same_v<T, Tf32>) {
        static_assert(M::k == 8);
        VITRINE_MMA_OF_80("m16n8k8.row.col.f32.tf32.tf32.f32", c.values, a.words, b.words);
    } else if constexpr (std::is_same_v<T, f16>) {
        static_assert(M::k == 16);
#if __CUDA_ARCH__ >= 800
        VITRINE_MMA_OF_80("m16n8k16.row.col.f32.f16.f16.f32", c.values, a.words, b.words);
#else
        // The halves of k lie in registers of their own.
        using Half = Mma<f16, 8>;
        multiply_matrices(c, FragmentA<Half>{{a.words[0], a.words[1]}}, FragmentB<Half>{{b.words[0]}});
        multiply_matrices(c, FragmentA<Half>{{a.words[2], a.words[3]}}, FragmentB<Half>{{b.words[1]}});
#endif
    } else {
        static_assert(std::is_same_v<M, Mma<bf16, 16>>);
        VITRINE_MMA_OF_80("m16n8k16.row.col.f32.bf16.bf16.f32", c.values, a.words, b.words);
    }
}

#undef VITRINE_MMA_OF_80

__device__ __forceinline__ unsigned shared_address(const void* shared) {
    return static_cast<unsigned>(__cvta_generic_to_shared(shared));
}

/// 1, 2 or 4 matrices of 8 rows of 16 bytes from shared memory, by all 32 lanes: lane l gives row l % 8 of matrix l / 8,
/// and has of matrix i word l % 4 of row l / 4. (Before 8.0 the lanes beyond the matrices give a valid address, too.)
template <int count>
__device__ __forceinline__ void load_matrices(unsigned (&words)[count], const void* row) {
    static_assert(count == 1 || count == 2 || count == 4);
    if constexpr (count == 4) {
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
                     : "r"(shared_address(row))
                     : "memory");
    } else if constexpr (count == 2) {
        asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
                     : "=r"(words[0]), "=r"(words[1])
                     : "r"(shared_address(row))
                     : "memory");
    } else {
        asm volatile("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%0}, [%1];"
                     : "=r"(words[0])
                     : "r"(shared_address(row))
                     : "memory");
    }
}

/// The same with each matrix turned round, as one of 8 × 8 elements of 2 bytes.
template <int count>
__device__ __forceinline__ void load_matrices_transposed(unsigned (&words)[count], const void* row) {
    static_assert(count == 1 || count == 2 || count == 4);
    if constexpr (count == 4) {
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
                     : "r"(shared_address(row))
                     : "memory");
    } else if constexpr (count == 2) {
        asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
                     : "=r"(words[0]), "=r"(words[1])
                     : "r"(shared_address(row))
                     : "memory");
    } else {
        asm volatile("ldmatrix.sync.aligned.m8n8.x1.trans.shared.b16 {%0}, [%1];"
                     : "=r"(words[0])
                     : "r"(shared_address(row))
                     : "memory");
    }
}

/// Whether copy_async runs beside what follows it. Before 8.0 the thread loads and stores, and waits in between.
#if __CUDA_ARCH__ >= 800
constexpr bool copies_run_beside = true;
#else
constexpr bool copies_run_beside = false;
#endif

/// Begins to copy 4, 8 or 16 bytes from global into shared memory, both aligned to as many; zeros where `inside` is false,
/// and then nothing is read.
template <int bytes>
__device__ __forceinline__ void copy_async(void* shared, const void* global, bool inside = true) {
    static_assert(bytes == 4 || bytes == 8 || bytes == 16);
#if __CUDA_ARCH__ >= 800
    const int read = inside ? bytes : 0;
    if constexpr (bytes == 16) {
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)),
                     "l"(__cvta_generic_to_global(global)), "r"(read)
                     : "memory");
    } else {
        asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(shared_address(shared)),
                     "l"(__cvta_generic_to_global(global)), "n"(bytes), "r"(read)
                     : "memory");
    }
#else
    using V = std::conditional_t<bytes == 16, uint4, std::conditional_t<bytes == 8, uint2, unsigned>>;
    *static_cast<V*>(shared) = inside ? *static_cast<const V*>(global) : V{};
#endif
}

/// The copies that the calling thread has begun since its last commit_copies are a group.
__device__ __forceinline__ void commit_copies() {
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

/// Waits for the calling thread's groups but the last `pending`.
template <int pending>
__device__ __forceinline__ void wait_copies() {
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory");
#endif
}

}  // namespace vitrine::VITRINE_GPU

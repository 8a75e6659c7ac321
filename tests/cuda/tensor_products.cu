// Kernels whose PTX a test reads: each word of kernels/cuda/tensor_core.h, and the products that tensor cores make of
// floats, with loads along k and across it.

#include "kernels/cuda/gemm_conv.h"

namespace vitrine::cuda {

/// A kernel each, with one word in it.
template <class M>
__global__ void multiply_once(const unsigned* a, const unsigned* b, float* c) {
    FragmentA<M> left;
    FragmentB<M> right;
    FragmentC sums{};
    for (int i = 0; i < M::a_registers; ++i) left.words[i] = a[32 * i + threadIdx.x];
    for (int i = 0; i < M::b_registers; ++i) right.words[i] = b[32 * i + threadIdx.x];
    multiply_matrices(sums, left, right);
    for (int i = 0; i < 4; ++i) c[32 * i + threadIdx.x] = sums.values[i];
}

__global__ void load_once(unsigned* out) {
    __shared__ uint4 rows[32];
    rows[threadIdx.x] = make_uint4(threadIdx.x, 0, 0, 0);
    __syncthreads();
    unsigned words[4], turned[2];
    load_matrices(words, rows + threadIdx.x);
    load_matrices_transposed(turned, rows + threadIdx.x);
    out[threadIdx.x] = words[0] + words[1] + words[2] + words[3] + turned[0] + turned[1];
}

__global__ void copy_once(const float4* from, float4* to) {
    __shared__ float4 tile[32];
    copy_async<16>(tile + threadIdx.x, from + threadIdx.x);
    commit_copies();
    wait_copies<0>();
    __syncthreads();
    to[threadIdx.x] = tile[31 - threadIdx.x];
}

template __global__ void multiply_once<Mma<f16, 8>>(const unsigned*, const unsigned*, float*);
template __global__ void multiply_once<Mma<f16, 16>>(const unsigned*, const unsigned*, float*);
template __global__ void multiply_once<Mma<bf16, 16>>(const unsigned*, const unsigned*, float*);
template __global__ void multiply_once<Mma<Tf32, 8>>(const unsigned*, const unsigned*, float*);

// The three products of a pointwise convolution.

using Product = TensorTile<4, 4>;
using Input = PrologueSource<Pack<float>, float>;
using Weight = PlainSource<Pack<float>, float>;
using Upstream = UpstreamSource<Pack<float>, float>;
using ToWeight = GemmStore<float, PutGradient<float>>;

template __global__ void gemm<Product>(GemmShape, LinesOfMatrix<Input>, LinesOfMatrix<Weight>,
                                       GemmConvOutput<float>);
template __global__ void gemm<Product>(GemmShape, LinesOfMatrix<Upstream>, RowsOfDepth<Weight>,
                                       GemmChainRule<float>);
template __global__ void gemm<Product>(GemmShape, RowsOfDepth<Upstream>, RowsOfDepth<Input>, ToWeight);

}  // namespace vitrine::cuda

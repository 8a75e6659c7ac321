// Kernels of one warp for tensor cores and asynchronous copies, right and wrong.

#include "kernels/cuda/tensor_core.h"

#include "tests/simt/tensor_core.h"

namespace vitrine::simt::test {
namespace {

using HalfOf8 = Mma<f16, 8>;
using Half = Mma<f16, 16>;
using Brain = Mma<bf16, 16>;
using Single = Mma<Tf32, 8>;

/// Both compilers align a struct.
template <class T, int count>
struct alignas(16) Aligned {
    T values[count];
};

__device__ int lane_of_warp() { return static_cast<int>(threadIdx.x) % 32; }

__device__ FragmentC load_c(const float* c) {
    const FragmentPlace place;
    FragmentC result{};
    for (int i = 0; i < 4; ++i) result.values[i] = c[place.c_row(i) * 8 + place.c_column(i)];
    return result;
}

__device__ void store_c(const FragmentC& c, float* out) {
    const FragmentPlace place;
    for (int i = 0; i < 4; ++i) out[place.c_row(i) * 8 + place.c_column(i)] = c.values[i];
}

template <class M>
__device__ FragmentA<M> load_a(Words a) {
    const FragmentPlace place;
    FragmentA<M> result{};
    for (int i = 0; i < M::a_registers; ++i) result.words[i] = a[place.a_row(i) * M::words + place.a_word(i)];
    return result;
}

template <class M>
__device__ FragmentB<M> load_b(Words b) {
    const FragmentPlace place;
    FragmentB<M> result{};
    for (int i = 0; i < M::b_registers; ++i)
        result.words[i] = b[place.b_column() * M::words + place.b_word(i)];
    return result;
}

template <class M>
__global__ void multiply_from_registers_kernel(Words a, Words b, const float* c, float* out) {
    FragmentC sums = load_c(c);
    multiply_matrices(sums, load_a<M>(a), load_b<M>(b));
    store_c(sums, out);
}

/// Rows of `words` words into shared rows of 12, which no two of 8 banks share.
constexpr int row_words = 12;
__device__ void put_rows(Words from, int rows, int words, unsigned* to) {
    for (int i = lane_of_warp(); i < rows * words; i += 32) to[i / words * row_words + i % words] = from[i];
}

template <class M>
__global__ void multiply_from_shared_kernel(Words a, Words b, const float* c, float* out) {
    __shared__ Aligned<unsigned, 16 * row_words> a_rows;
    __shared__ Aligned<unsigned, 8 * row_words> b_rows;
    put_rows(a, 16, M::words, a_rows.values);
    put_rows(b, 8, M::words, b_rows.values);
    __syncthreads();
    const int lane = lane_of_warp();
    FragmentA<M> left{};
    FragmentB<M> right{};
    load_matrices(left.words, a_rows.values + lane % 16 * row_words + lane / 16 * 4 % M::words);
    load_matrices(right.words, b_rows.values + lane % 8 * row_words + lane / 8 * 4 % M::words);
    FragmentC sums = load_c(c);
    multiply_matrices(sums, left, right);
    store_c(sums, out);
}

__global__ void multiply_turned_kernel(Words a, const f16* b, const float* c, float* out) {
    __shared__ Aligned<f16, 16 * 8> b_rows;
    for (int i = lane_of_warp(); i < 16 * 8; i += 32) b_rows.values[i] = b[i];
    __syncthreads();
    FragmentB<Half> right{};
    load_matrices_transposed(right.words, b_rows.values + lane_of_warp() % 16 * 8);
    FragmentC sums = load_c(c);
    multiply_matrices(sums, load_a<Half>(a), right);
    store_c(sums, out);
}

template <class T>
__device__ void exchange(T& a, T& b) {
    const T before = a;
    a = b;
    b = before;
}

__global__ void multiply_wrongly_kernel(int which, Words a, Words b, const float* c, float* out) {
    FragmentA<Half> left = load_a<Half>(a);
    FragmentB<Half> right = load_b<Half>(b);
    FragmentC sums = load_c(c);
    if (which < 4) exchange(left.words[which], left.words[(which + 1) % 4]);
    if (which == 4) exchange(right.words[0], right.words[1]);
    if (which == 5) right.words[1] = right.words[0];
    multiply_matrices(sums, left, right);
    if (which >= 6) exchange(sums.values[which - 6], sums.values[(which - 5) % 4]);
    store_c(sums, out);
}

__global__ void split_to_tf32_kernel(const float* values, float* big, float* small) {
    const float value = values[threadIdx.x];
    const float rounded = __uint_as_float(to_tf32(value).bits);
    big[threadIdx.x] = rounded;
    small[threadIdx.x] = __uint_as_float(to_tf32(value - rounded).bits);
}

template <class M>
__device__ void multiply_nothing() {
    FragmentC sums{};
    multiply_matrices(sums, FragmentA<M>{}, FragmentB<M>{});
}

__global__ void multiply_in_half_a_warp_kernel() {
    if (threadIdx.x < 16) multiply_nothing<Half>();
}

__global__ void multiply_in_a_small_block_kernel() { multiply_nothing<Half>(); }

__global__ void multiply_in_two_branches_kernel() {
    FragmentC sums{};
    if (threadIdx.x < 16) {
        multiply_matrices(sums, FragmentA<Half>{}, FragmentB<Half>{});
    } else {
        multiply_matrices(sums, FragmentA<Half>{}, FragmentB<Half>{});
    }
}

__global__ void multiply_against_load_kernel() {
    __shared__ Aligned<unsigned, 32 * 4> rows;
    for (unsigned i = threadIdx.x; i < 128; i += 32) rows.values[i] = i;
    __syncthreads();
    unsigned words[1];
    if (threadIdx.x < 16) {
        multiply_nothing<Half>();
    } else {
        load_matrices(words, rows.values);
    }
}

__global__ void multiply_unrounded_kernel() {
    FragmentC sums{};
    FragmentA<Single> left{};
    if (threadIdx.x == 7) left.words[2] = __float_as_uint(0.1f);
    multiply_matrices(sums, left, FragmentB<Single>{});
}

__global__ void load_row_kernel(unsigned unwritten, int shift) {
    __shared__ Aligned<unsigned, 33 * 4> rows;
    for (unsigned i = threadIdx.x; i < 33 * 4; i += 32) {
        if (i != unwritten) rows.values[i] = i;
    }
    __syncthreads();
    unsigned words[4];
    load_matrices(words, rows.values + 4 * threadIdx.x + shift);
}

__global__ void load_row_of_global_kernel(const void* global) {
    unsigned words[4];
    load_matrices(words, global);
}

__global__ void load_without_syncwarp_kernel() {
    __shared__ Aligned<unsigned, 32 * 4> rows;
    for (unsigned i = threadIdx.x; i < 32 * 4; i += 32) rows.values[i] = i;
    unsigned words[4];
    load_matrices(words, rows.values + 4 * threadIdx.x);
}

template <int row_length>
__global__ void load_with_padding_kernel(uint32_t* out) {
    __shared__ Aligned<unsigned, 8 * row_length> rows;
    for (unsigned i = threadIdx.x; i < 8 * 32; i += 32) rows.values[i / 32 * row_length + i % 32] = i;
    __syncthreads();
    unsigned words[4];
    load_matrices(words, rows.values + threadIdx.x % 8 * row_length + threadIdx.x / 8 * 4);
    for (unsigned i = 0; i < 4; ++i) out[i * 32 + threadIdx.x] = words[i];
}

template <Wait wait>
__global__ void copy_through_shared_kernel(const float* from, float* to) {
    __shared__ Aligned<float, 128> tile;
    const unsigned me = threadIdx.x;
    copy_async<16>(tile.values + 4 * me, from + 4 * me);
    if (wait != Wait::uncommitted) commit_copies();
    if (wait == Wait::for_one_less) {
        wait_copies<1>();
    } else if (wait != Wait::none && wait != Wait::after_the_barrier) {
        wait_copies<0>();
    }
    if (wait != Wait::no_barrier) __syncthreads();
    if (wait == Wait::after_the_barrier) wait_copies<0>();
    for (unsigned i = 0; i < 4; ++i) to[4 * me + i] = tile.values[127 - 4 * me - i];
}

__device__ void begin_tile(float* stages, const float* from, int tile) {
    const unsigned me = threadIdx.x;
    copy_async<16>(stages + tile % 2 * 128 + 4 * me, from + tile * 128 + 4 * me);
    commit_copies();
}

__global__ void copy_in_stages_kernel(bool released, const float* from, float* to, int count) {
    __shared__ Aligned<float, 2 * 128> stages;
    begin_tile(stages.values, from, 0);
    for (int tile = 0; tile < count; ++tile) {
        if (tile + 1 < count) {
            begin_tile(stages.values, from, tile + 1);
            wait_copies<1>();
        } else {
            wait_copies<0>();
        }
        __syncthreads();
        for (unsigned i = 0; i < 4; ++i) {
            to[tile * 128 + 32 * i + threadIdx.x] =
                stages.values[tile % 2 * 128 + 127 - 32 * i - threadIdx.x];
        }
        if (released) __syncthreads();
    }
}

template <int bytes>
__global__ void copy_some_kernel(int count, int offset, const float* from, float* to) {
    __shared__ Aligned<float, 33 * 4> tile;
    constexpr int floats = bytes / 4;
    const int me = lane_of_warp();
    const bool inside = me < count;
    copy_async<bytes>(tile.values + floats * me + offset, from + (inside ? floats * me : 0), inside);
    commit_copies();
    wait_copies<0>();
    for (int i = 0; i < floats; ++i) to[floats * me + i] = tile.values[floats * me + offset + i];
}

__global__ void copy_to_global_kernel(const float* from, float* to) { copy_async<16>(to, from); }

__global__ void copy_from_shared_kernel(float* to) {
    __shared__ Aligned<float, 8> tile;
    for (int i = 0; i < 8; ++i) tile.values[i] = 1.0f;
    copy_async<16>(tile.values, tile.values + 4);
    commit_copies();
    wait_copies<0>();
    *to = *tile.values;
}

template <bool by_copy>
__global__ void write_over_copy_kernel(const float* from, float* to) {
    __shared__ Aligned<float, 4> tile;
    copy_async<16>(tile.values, from);
    if (by_copy) {
        copy_async<16>(tile.values, from + 4);
    } else {
        tile.values[1] = 2.0f;
    }
    commit_copies();
    wait_copies<0>();
    *to = tile.values[1];
}

template <class... Parameters, class... Arguments>
void one_warp(void (*kernel)(Parameters...), Arguments... arguments) {
    launch(kernel, 1, 32, 0, nullptr, arguments...);
}

}  // namespace

void multiply_from_registers(Product product, Words a, Words b, const float* c, float* out) {
    one_warp(product == Product::f16_of_8 ? multiply_from_registers_kernel<HalfOf8>
             : product == Product::f16    ? multiply_from_registers_kernel<Half>
             : product == Product::bf16   ? multiply_from_registers_kernel<Brain>
                                          : multiply_from_registers_kernel<Single>,
             a, b, c, out);
}
void multiply_from_shared(Product product, Words a, Words b, const float* c, float* out) {
    one_warp(product == Product::f16_of_8 ? multiply_from_shared_kernel<HalfOf8>
             : product == Product::f16    ? multiply_from_shared_kernel<Half>
             : product == Product::bf16   ? multiply_from_shared_kernel<Brain>
                                          : multiply_from_shared_kernel<Single>,
             a, b, c, out);
}
void multiply_turned(Words a, const f16* b, const float* c, float* out) {
    one_warp(multiply_turned_kernel, a, b, c, out);
}
void multiply_wrongly(int which, Words a, Words b, const float* c, float* out) {
    one_warp(multiply_wrongly_kernel, which, a, b, c, out);
}
void split_to_tf32(const float* values, float* big, float* small) {
    one_warp(split_to_tf32_kernel, values, big, small);
}

void multiply_in_half_a_warp() { one_warp(multiply_in_half_a_warp_kernel); }
void multiply_in_a_small_block() { launch(multiply_in_a_small_block_kernel, 1, 16, 0, nullptr); }
void multiply_in_two_branches() { one_warp(multiply_in_two_branches_kernel); }
void multiply_against_load() { one_warp(multiply_against_load_kernel); }
void multiply_unrounded() { one_warp(multiply_unrounded_kernel); }

void load_row_uninitialised() { one_warp(load_row_kernel, 17u, 0); }
void load_row_misaligned() { one_warp(load_row_kernel, 1000u, 1); }
void load_row_of_global(const void* global) { one_warp(load_row_of_global_kernel, global); }
void load_without_syncwarp() { one_warp(load_without_syncwarp_kernel); }
void load_with_padding(bool padded, uint32_t* out) {
    one_warp(padded ? load_with_padding_kernel<36> : load_with_padding_kernel<32>, out);
}

void copy_through_shared(Wait wait, const float* from, float* to) {
    const auto kernel = wait == Wait::right          ? copy_through_shared_kernel<Wait::right>
                        : wait == Wait::none         ? copy_through_shared_kernel<Wait::none>
                        : wait == Wait::uncommitted  ? copy_through_shared_kernel<Wait::uncommitted>
                        : wait == Wait::for_one_less ? copy_through_shared_kernel<Wait::for_one_less>
                        : wait == Wait::after_the_barrier
                            ? copy_through_shared_kernel<Wait::after_the_barrier>
                            : copy_through_shared_kernel<Wait::no_barrier>;
    one_warp(kernel, from, to);
}
void copy_in_stages(bool released, const float* from, float* to, int count) {
    one_warp(copy_in_stages_kernel, released, from, to, count);
}
void copy_some(int bytes, int count, int offset, const float* from, float* to) {
    one_warp(bytes == 4   ? copy_some_kernel<4>
             : bytes == 8 ? copy_some_kernel<8>
                          : copy_some_kernel<16>,
             count, offset, from, to);
}
void copy_to_global(const float* from, float* to) { one_warp(copy_to_global_kernel, from, to); }
void copy_from_shared(float* to) { launch(copy_from_shared_kernel, 1, 1, 0, nullptr, to); }
void copy_twice(const float* from, float* to) {
    launch(write_over_copy_kernel<true>, 1, 1, 0, nullptr, from, to);
}
void write_over_copy(const float* from, float* to) {
    launch(write_over_copy_kernel<false>, 1, 1, 0, nullptr, from, to);
}

}  // namespace vitrine::simt::test

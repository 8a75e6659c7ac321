// Kernels of one warp for each of the words of kernels/cuda/tensor_core.h, and the same with a mistake in them.
#pragma once

#include <cstdint>

#include "kernels/half.h"

namespace vitrine::simt::test {

/// The words [lines, words] of an operand.
using Words = const uint32_t*;

enum class Product { f16_of_8, f16, bf16, tf32 };

// out [16, 8] = c [16, 8] + a · bᵀ, of the words of a [16, k] and b [8, k].
void multiply_from_registers(Product product, Words a, Words b, const float* c, float* out);
/// The same through shared memory and ldmatrix.
void multiply_from_shared(Product product, Words a, Words b, const float* c, float* out);
/// f16 of k = 16 with b [k, 8]: ldmatrix turns it round.
void multiply_turned(Words a, const f16* b, const float* c, float* out);

/// With one register in another's place: 0–3 of A, 4 and 5 of B, 6–9 of C.
void multiply_wrongly(int which, Words a, Words b, const float* c, float* out);

/// 32 values to tf32 and back, and what is left of each, as a tf32 too.
void split_to_tf32(const float* values, float* big, float* small);

// Lanes that are not there, each with a warp or less.
void multiply_in_half_a_warp();    // the other lanes have exited
void multiply_in_a_small_block();  // 16 threads
void multiply_in_two_branches();   // of the same kind, in two places
void multiply_against_load();      // half the lanes call mma.sync, the others ldmatrix
void multiply_unrounded();         // tf32 by reinterpreting floats

// Rows for ldmatrix.
void load_row_uninitialised();
void load_row_misaligned();
void load_row_of_global(const void* global);
void load_without_syncwarp();  // rows that other lanes have just written
/// Rows of 32 floats, `padding` apart beside that.
void load_with_padding(bool padded, uint32_t* out);

// Copies of 32 · 16 bytes by a warp, turned round on the way out: 4 floats a lane.
enum class Wait {
    right,         // copy, commit, wait, barrier
    none,          // no wait
    uncommitted,   // no commit
    for_one_less,  // one group may be pending, and it is this one
    after_the_barrier,
    no_barrier,
};
void copy_through_shared(Wait wait, const float* from, float* to);
/// Two stages, `count` tiles of 128 floats: `released` says whether a barrier stands between the last read of a stage and
/// the next copy into it.
void copy_in_stages(bool released, const float* from, float* to, int count);
/// 4, 8 or 16 bytes a lane; of lanes from `count` on zeros. `offset` shifts the destination by floats.
void copy_some(int bytes, int count, int offset, const float* from, float* to);
void copy_to_global(const float* from, float* to);
void copy_from_shared(float* to);
void copy_twice(const float* from, float* to);       // over a copy that is under way
void write_over_copy(const float* from, float* to);  // a plain write over it

}  // namespace vitrine::simt::test

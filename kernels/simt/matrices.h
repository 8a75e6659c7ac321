// What a CUDA thread asks of the executor beside the words of thread.h: matrix products of a warp (mma.sync), matrices
// from shared memory (ldmatrix), and copies into shared memory that nobody waits for at once (cp.async).
// kernels/cuda/tensor_core.h dresses them, and says where in a matrix each lane's registers lie.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/simt/thread.h"

namespace vitrine::simt {

enum class MatrixElement : uint8_t { f16, bf16, tf32 };

/// One lane's registers of an mma.sync: C [16, 8] += A [16, k] · B [k, 8].
struct MatrixProduct {
    MatrixElement element;
    uint8_t columns;  // words of a row of A (and of a column of B): 4 or 8
    uint32_t a[4];
    uint32_t b[2];
    float c[4];
};

/// Waits until all 32 lanes of the warp are here, then changes `mine.c`. The products are exact, and with C they are
/// added in f64 in the order of k; the sum is cut to f32, towards zero, as tensor cores do (M. Fasi, N. Higham,
/// M. Mikaitis and S. Pranesh, "Numerical behavior of NVIDIA tensor cores", PeerJ Computer Science 7, 2021). Reports
/// lanes that are not here or elsewhere in the program, and a tf32 that is not rounded to its 10 bits.
void warp_multiplies(MatrixProduct& mine, Location location);

/// One lane's part in an ldmatrix of 1, 2 or 4 matrices of 8 rows of 16 bytes.
struct MatrixLoad {
    int matrices;
    bool transposed;  // of elements of 2 bytes
    uint32_t words[4];
};

/// Waits until all 32 lanes are here. `row` is row lane % 8 of matrix lane / 8; lanes beyond the matrices give none. The
/// lane that gives a row reads it, as far as races, alignment and banks are concerned.
void warp_loads(MatrixLoad& mine, const void* row, Location location);

/// Begins to copy `bytes` (4, 8 or 16) from global into shared memory; with `inside` false zeros are written and nothing is
/// read. Until the thread has waited, the bytes there are poison, and whoever touches them is reported.
void begin_async_copy(void* shared, const void* global, uint32_t bytes, bool inside);

/// The thread's copies since its last commit are one group from now on.
void commit_async_copies();

/// Waits for the calling thread's groups but the last `pending` ones. Other threads see the bytes behind a barrier.
void wait_for_async_copies(uint32_t pending);

}  // namespace vitrine::simt

// Sums over the rows of a [rows, channels] array, one for each channel, in two stages and without atomics.
//
// First every block reduces a chunk of rows and leaves its partial sums in scratch memory (channel_reduce.h); then the
// chunks are put together: by the last blocks that made them (channel_last.h), or in a launch of their own
// (channel_finish.h, the second stages here). What is added to what follows from the shapes alone, so the bits
// are always the same.
#pragma once

#include "kernels/cuda/channel_reduce.h"

namespace vitrine::VITRINE_GPU {

/// Second stage. partials [chunks, sums, channels]; sum k of every channel goes to gradients[k] (at most 4; a
/// null one is skipped).
template <class T>
void finish_sums(const T* partials, int64_t chunks, int64_t channels, std::span<const Gradient> gradients);

/// Second stage of means and centred squares, by Chan's formula. partials [chunks, 3, channels]: how many
/// rows the chunk has (0 is allowed), their mean, their Σ (x − mean)².
template <class T>
void finish_moments(const T* partials, int64_t chunks, int64_t channels, T* mean, T* m2);

/// First stage of the same: partials [chunks, 3, channels] of x [rows, channels], which is read once. V is
/// what a thread takes: Pack<T>, which must fit, or Single<T>.
template <class V, class T>
Partials<Accumulate<T>> chunk_moments(const T* x, int64_t rows, int64_t channels, Context& context);

/// Both stages in a launch: mean = Σ x / rows and m2 = Σ (x − mean)².
template <class T>
void channel_moments(const T* x, int64_t rows, int64_t channels, T* mean, T* m2, Context& context);

}  // namespace vitrine::VITRINE_GPU

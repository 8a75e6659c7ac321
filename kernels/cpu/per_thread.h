// Scratch memory of which each thread has its own piece, warm in its cache from one chunk to the next.
#pragma once

#include <cstdint>

#include "kernels/context.h"
#include "kernels/cpu/thread_pool.h"
#include "kernels/threads.h"

namespace vitrine::cpu {

/// `count` elements for each thread of a parallel_for. What a chunk finds there is left over from another
/// one: a kernel must write it before it reads it.
template <class T>
class PerThread {
  public:
    /// Pieces begin at cache lines, and no two share one.
    PerThread(Context& context, int64_t count)
        : stride_((count / line + 1) * line), memory_(context.scratch.take<T>(stride_ * threads())) {}

    /// The calling thread's piece.
    T* mine() const { return memory_ + stride_ * index_in_pool(); }

  private:
    static constexpr int64_t line = 64 / sizeof(T);

    int64_t stride_;
    T* memory_;
};

}  // namespace vitrine::cpu

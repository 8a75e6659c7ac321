// The threads of the host kernels: a pool that waits for work, and shares it out.
//
// OpenMP would do the same but for one thing: all its threads must come to every loop and meet at its end,
// even those that found nothing left to do. Where another program has the core of one of them, each of the
// few hundred loops of a step then waits for that core. Here a loop ends as soon as its work is done: a
// thread that comes late finds it closed and is not waited for.
//
// The indices are cut into as many equal parts as there are threads, and a thread begins with the same part of every loop. Ops
// number their chunks along the batch, so what one op wrote of some images the next one reads on the same core, out of that
// core's own cache. Only then does a thread help with what is left of the others' parts.
#pragma once

#include <cstdint>

namespace vitrine::cpu {

/// A call without its type: body(i) as call(body, i).
struct LoopBody {
    void (*call)(const void* body, int64_t index);
    const void* body;
};

/// Calls body for each index in [0, count), shared between `threads` threads, the calling one among them. Inside another loop, or while another thread's loop runs, the calling thread does all of
/// it. Where no further thread can be started, those that were share it. The body must not throw. As with
/// OpenMP, a child of fork() must not use a pool that its parent has used.
void run_in_pool(int64_t count, int threads, LoopBody body) noexcept;

/// Which thread of the pool this is: 0 for the one that called run_in_pool, below `threads` for the others.
int index_in_pool();

}  // namespace vitrine::cpu

// Work on many items with threads, while the calling thread reports progress.
#pragma once

#include <cstdint>
#include <functional>

namespace vitrine {

/// Called with the items done so far and their number. It may throw: the work then stops and the exception
/// passes on.
using ProgressCallback = std::function<void(int64_t done, int64_t total)>;

/// `threads`, or usable_cores() (engine/cores.h) where it is 0.
int resolve_threads(int threads);

/// Calls work(i) once for each i in 0 … count-1, from `threads` threads (0: one a core), in no order.
/// `progress` (may be empty) is called about ten times a second and at the end, always from the calling
/// thread. Where no so many threads can be started, those that can do the work, or else the calling thread
/// alone. The first exception from `work` or `progress` stops the rest and is thrown here after every thread
/// has ended.
void parallel_for(int64_t count, int threads, const std::function<void(int64_t)>& work,
                  const ProgressCallback& progress = {});

}  // namespace vitrine

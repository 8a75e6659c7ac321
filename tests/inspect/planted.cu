// An addition through shared memory: see planted.h.

#include "tests/inspect/planted.h"

#include "kernels/cuda/gpu.h"
#include "kernels/dtype.h"

namespace vitrine::test {
namespace {

using namespace vitrine::simt;

constexpr unsigned threads = 64;

template <class T, bool barrier>
__global__ void add_shared(const T* a, const T* b, T* y, int64_t count) {
    __shared__ T sums[threads];
    const int64_t i = thread_index();
    sums[threadIdx.x] = i < count ? a[i] + b[i] : T(0);
    if (barrier) __syncthreads();
    const unsigned other = threads - 1 - threadIdx.x;
    const T sum = sums[other];
    const int64_t place = i - threadIdx.x + other;
    if (place < count) y[place] = sum;
}

template <bool barrier>
void run(const AddForward& args) {
    dispatch_float(args.dtype, [&]<class T>() {
        launch(add_shared<T, barrier>, blocks_for(args.count, threads), threads, 0, stream(),
               static_cast<const T*>(args.a), static_cast<const T*>(args.b), static_cast<T*>(args.y),
               args.count);
    });
}

}  // namespace

void add_through_shared(const AddForward& args, Context&) { run<true>(args); }
void add_through_shared_without_barrier(const AddForward& args, Context&) { run<false>(args); }

}  // namespace vitrine::test

// CUDA kernels with planted defects: see wrong_kernels.h.

#include "tests/kernels/wrong_kernels.h"

#include "kernels/cuda/gpu.h"
#include "kernels/dtype.h"
#include "kernels/runtime.h"

namespace vitrine::test {
namespace {

using namespace vitrine::simt;

template <class T>
__global__ void add(const T* a, const T* b, T* y, int64_t count) {
    const int64_t i = thread_index();
    if (i < count) y[i] = a[i] + b[i];
}

template <class T>
__global__ void add_twice(const T* a, const T* b, T* y, int64_t count) {
    const int64_t i = thread_index() / 2;
    if (i < count) y[i] = a[i] + b[i];
}

template <class T>
__global__ void add_and_look_behind(const T* a, const T* b, T* y, int64_t count) {
    const int64_t i = thread_index();
    if (i >= count) return;
    const volatile T* left = a;
    static_cast<void>(left[i + 1]);  // volatile: the compiler must not leave it out
    y[i] = a[i] + b[i];
}

template <class T>
__global__ void add_with_tickets(const T* a, const T* b, T* y, int64_t count, int* next_ticket) {
    const int64_t i = thread_index();
    if (i >= count) return;
    const int ticket = atomicAdd(next_ticket, 1);
    const T one_bit_more = T(1) + (sizeof(T) == 4 ? T(1.2e-7) : T(2.3e-16));
    y[i] = (a[i] + b[i]) * (i == 0 && ticket != 0 ? one_bit_more : T(1));
}

template <class Launch>
void with_types(const AddForward& args, Launch launch_kernel) {
    dispatch_float(args.dtype, [&]<class T>() {
        launch_kernel(static_cast<const T*>(args.a), static_cast<const T*>(args.b), static_cast<T*>(args.y));
    });
}

}  // namespace

void add_rightly(const AddForward& args, Context&) {
    with_types(args, [&]<class T>(const T* a, const T* b, T* y) {
        launch(add<T>, blocks_for(args.count, 64), 64, 0, stream(), a, b, y, args.count);
    });
}

void add_with_a_race(const AddForward& args, Context&) {
    with_types(args, [&]<class T>(const T* a, const T* b, T* y) {
        launch(add_twice<T>, blocks_for(2 * args.count, 64), 64, 0, stream(), a, b, y, args.count);
    });
}

void add_reading_too_far(const AddForward& args, Context&) {
    with_types(args, [&]<class T>(const T* a, const T* b, T* y) {
        launch(add_and_look_behind<T>, blocks_for(args.count, 64), 64, 0, stream(), a, b, y, args.count);
    });
}

void add_by_order(const AddForward& args, Context& context) {
    int* tickets = context.scratch.take<int>(1);
    vitrine::runtime(context.device).zero(tickets, sizeof(int));
    with_types(args, [&]<class T>(const T* a, const T* b, T* y) {
        launch(add_with_tickets<T>, blocks_for(args.count, 64), 64, 0, stream(), a, b, y, args.count,
               tickets);
    });
}

}  // namespace vitrine::test

// The sum of two tensors, as plain loops.

#include "kernels/kernels.h"

namespace vitrine::reference {
namespace {

template <class T>
void forward(const AddForward& args) {
    const T* a = static_cast<const T*>(args.a);
    const T* b = static_cast<const T*>(args.b);
    T* y = static_cast<T*>(args.y);
    for (int64_t i = 0; i < args.count; ++i)
        y[i] = static_cast<T>(static_cast<Accumulate<T>>(a[i]) + static_cast<Accumulate<T>>(b[i]));
}

template <class T>
void backward(const AddBackward& args) {
    const T* d_y = static_cast<const T*>(args.d_y);
    const GradientWriter<T> d_a(args.d_a), d_b(args.d_b);
    for (int64_t i = 0; i < args.count; ++i) {
        const auto upstream = static_cast<Accumulate<T>>(d_y[i]);
        if (d_a) d_a(i, upstream);
        if (d_b) d_b(i, upstream);
    }
}

void run_forward(const AddForward& args, Context&) {
    dispatch_storage(args.dtype, [&]<class T>() { forward<T>(args); });
}

void run_backward(const AddBackward& args, Context&) {
    dispatch_storage(args.dtype, [&]<class T>() { backward<T>(args); });
}

constexpr Implementation<AddForward> forward_list[]{
    {"loops", refuses_nothing, run_forward, StorageTypes::all}};
constexpr Implementation<AddBackward> backward_list[]{
    {"loops", refuses_nothing, run_backward, StorageTypes::all}};

}  // namespace

const Kernel<AddForward> add_forward{"add_forward", forward_list};
const Kernel<AddBackward> add_backward{"add_backward", backward_list};

}  // namespace vitrine::reference

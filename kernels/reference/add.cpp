// The sum of two tensors, as plain loops.

#include "kernels/kernels.h"

namespace vitrine::reference {
namespace {

constexpr auto forward = all_types([]<class T>(const AddForward& args, Context&) {
    const T* a = static_cast<const T*>(args.a);
    const T* b = static_cast<const T*>(args.b);
    T* y = static_cast<T*>(args.y);
    for (int64_t i = 0; i < args.count; ++i)
        y[i] = static_cast<T>(static_cast<Accumulate<T>>(a[i]) + static_cast<Accumulate<T>>(b[i]));
});

constexpr auto backward = all_types([]<class T>(const AddBackward& args, Context&) {
    const T* d_y = static_cast<const T*>(args.d_y);
    const GradientWriter<T> d_a(args.d_a), d_b(args.d_b);
    for (int64_t i = 0; i < args.count; ++i) {
        const auto upstream = static_cast<Accumulate<T>>(d_y[i]);
        if (d_a) d_a(i, upstream);
        if (d_b) d_b(i, upstream);
    }
});

constexpr Implementation<AddForward> forward_list[]{{"loops", refuses_nothing, forward}};
constexpr Implementation<AddBackward> backward_list[]{{"loops", refuses_nothing, backward}};

}  // namespace

const Kernel<AddForward> add_forward{"add_forward", forward_list};
const Kernel<AddBackward> add_backward{"add_backward", backward_list};

}  // namespace vitrine::reference

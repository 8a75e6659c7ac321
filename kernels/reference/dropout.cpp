// Dropout, as plain loops: y = x · keep / (1 − probability). The mask is drawn again wherever it is needed.

#include "kernels/kernels.h"

namespace vitrine::reference {
namespace {

bool keeps(RandomKey key, int64_t row, int64_t feature, double probability) {
    key.sample = static_cast<uint32_t>(row);
    return double{uniform_from_word(random_word(key, static_cast<uint64_t>(feature)))} >= probability;
}

template <class T>
void forward(const DropoutForward& args) {
    const T* x = static_cast<const T*>(args.x);
    T* y = static_cast<T*>(args.y);
    const T factor = static_cast<T>(1.0 / (1.0 - args.probability));
    for (int64_t row = 0; row < args.rows; ++row)
        for (int64_t feature = 0; feature < args.features; ++feature) {
            const int64_t i = row * args.features + feature;
            y[i] = keeps(args.key, row, feature, args.probability) ? x[i] * factor : T(0);
        }
}

template <class T>
void backward(const DropoutBackward& args) {
    const T* d_y = static_cast<const T*>(args.d_y);
    const GradientWriter<T> d_x(args.d_x);
    if (!d_x) return;
    const T factor = static_cast<T>(1.0 / (1.0 - args.probability));
    for (int64_t row = 0; row < args.rows; ++row)
        for (int64_t feature = 0; feature < args.features; ++feature) {
            const int64_t i = row * args.features + feature;
            d_x(i, keeps(args.key, row, feature, args.probability) ? d_y[i] * factor : T(0));
        }
}

void run_forward(const DropoutForward& args, Context&) {
    dispatch_float(args.dtype, [&]<class T>() { forward<T>(args); });
}

void run_backward(const DropoutBackward& args, Context&) {
    dispatch_float(args.dtype, [&]<class T>() { backward<T>(args); });
}

constexpr Implementation<DropoutForward> forward_list[]{{"loops", refuses_nothing, run_forward}};
constexpr Implementation<DropoutBackward> backward_list[]{{"loops", refuses_nothing, run_backward}};

}  // namespace

const Kernel<DropoutForward> dropout_forward{"dropout_forward", forward_list};
const Kernel<DropoutBackward> dropout_backward{"dropout_backward", backward_list};

}  // namespace vitrine::reference

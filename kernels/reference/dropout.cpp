// Dropout, as plain loops: y = x · keep / (1 − probability). The mask is drawn again wherever it is needed.

#include "kernels/kernels.h"

namespace vitrine::reference {
namespace {

bool keeps(RandomKey key, int64_t row, int64_t feature, double probability) {
    key.sample = static_cast<uint32_t>(row);
    return double{uniform_from_word(random_word(key, static_cast<uint64_t>(feature)))} >= probability;
}

constexpr auto forward = all_types([]<class T>(const DropoutForward& args, Context&) {
    const T* x = static_cast<const T*>(args.x);
    T* y = static_cast<T*>(args.y);
    const auto factor = static_cast<Accumulate<T>>(1.0 / (1.0 - args.probability));
    for (int64_t row = 0; row < args.rows; ++row)
        for (int64_t feature = 0; feature < args.features; ++feature) {
            const int64_t i = row * args.features + feature;
            const bool kept = keeps(args.key, row, feature, args.probability);
            y[i] = static_cast<T>(kept ? static_cast<Accumulate<T>>(x[i]) * factor : Accumulate<T>(0));
        }
});

constexpr auto backward = all_types([]<class T>(const DropoutBackward& args, Context&) {
    const T* d_y = static_cast<const T*>(args.d_y);
    const GradientWriter<T> d_x(args.d_x);
    if (!d_x) return;
    const auto factor = static_cast<Accumulate<T>>(1.0 / (1.0 - args.probability));
    for (int64_t row = 0; row < args.rows; ++row)
        for (int64_t feature = 0; feature < args.features; ++feature) {
            const int64_t i = row * args.features + feature;
            const bool kept = keeps(args.key, row, feature, args.probability);
            d_x(i, kept ? static_cast<Accumulate<T>>(d_y[i]) * factor : Accumulate<T>(0));
        }
});

constexpr Implementation<DropoutForward> forward_list[]{{"loops", refuses_nothing, forward}};
constexpr Implementation<DropoutBackward> backward_list[]{{"loops", refuses_nothing, backward}};

}  // namespace

const Kernel<DropoutForward> dropout_forward{"dropout_forward", forward_list};
const Kernel<DropoutBackward> dropout_backward{"dropout_backward", backward_list};

}  // namespace vitrine::reference

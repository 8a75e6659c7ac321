// The average of every channel over a whole image, as plain loops: y[n, c] = Σ_p x[n, p, c] / pixels.

#include "kernels/kernels.h"

namespace vitrine::reference {
namespace {

constexpr auto forward = all_types([]<class T>(const GlobalAveragePoolForward& args, Context&) {
    const T* x = static_cast<const T*>(args.x);
    T* y = static_cast<T*>(args.y);
    for (int64_t n = 0; n < args.batch; ++n)
        for (int64_t c = 0; c < args.channels; ++c) {
            double sum = 0;
            for (int64_t p = 0; p < args.pixels; ++p)
                sum += double{x[(n * args.pixels + p) * args.channels + c]};
            y[n * args.channels + c] = static_cast<T>(sum / static_cast<double>(args.pixels));
        }
});

constexpr auto backward = all_types([]<class T>(const GlobalAveragePoolBackward& args, Context&) {
    const T* d_y = static_cast<const T*>(args.d_y);
    const GradientWriter<T> d_x(args.d_x);
    if (!d_x) return;
    for (int64_t n = 0; n < args.batch; ++n)
        for (int64_t p = 0; p < args.pixels; ++p)
            for (int64_t c = 0; c < args.channels; ++c) {
                const double share = double{d_y[n * args.channels + c]} / static_cast<double>(args.pixels);
                d_x((n * args.pixels + p) * args.channels + c, static_cast<Accumulate<T>>(share));
            }
});

constexpr Implementation<GlobalAveragePoolForward> forward_list[]{{"loops", refuses_nothing, forward}};
constexpr Implementation<GlobalAveragePoolBackward> backward_list[]{{"loops", refuses_nothing, backward}};

}  // namespace

const Kernel<GlobalAveragePoolForward> global_average_pool_forward{"global_average_pool_forward",
                                                                   forward_list};
const Kernel<GlobalAveragePoolBackward> global_average_pool_backward{"global_average_pool_backward",
                                                                     backward_list};

}  // namespace vitrine::reference

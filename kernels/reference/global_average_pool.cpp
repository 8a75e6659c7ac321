// The average of every channel over a whole image, as plain loops: see kernels/pool.h for the formulas.

#include "kernels/kernels.h"

namespace vitrine::reference {
namespace {

/// u = scale_c · x + shift_c of element i, which is of channel c.
template <class T>
double value_of(const Affine& affine, int64_t i, int64_t c) {
    const double x{static_cast<const T*>(affine.x)[i]};
    if (affine.plain()) return x;
    using A = Accumulate<T>;
    return double{static_cast<const A*>(affine.scale)[c]} * x +
           double{static_cast<const A*>(affine.shift)[c]};
}

constexpr auto forward = all_types([]<class T>(const GlobalAveragePoolForward& args, Context&) {
    T* y = static_cast<T*>(args.y);
    for (int64_t n = 0; n < args.batch; ++n)
        for (int64_t c = 0; c < args.channels; ++c) {
            double sum = 0;
            for (int64_t p = 0; p < args.pixels; ++p) {
                const int64_t i = (n * args.pixels + p) * args.channels + c;
                sum += clamped(args.activation, value_of<T>(args.x, i, c));
            }
            y[n * args.channels + c] = static_cast<T>(sum / static_cast<double>(args.pixels));
        }
});

/// d_u of element i, which is of image n and channel c.
template <class T>
double gradient_of_u(const GlobalAveragePoolBackward& args, int64_t i, int64_t n, int64_t c) {
    const bool passes =
        args.activation == Activation::identity || inside_clamp(args.activation, value_of<T>(args.x, i, c));
    if (!passes) return 0;
    return double{static_cast<const T*>(args.d_y)[n * args.channels + c]} / static_cast<double>(args.pixels);
}

constexpr auto backward = all_types([]<class T>(const GlobalAveragePoolBackward& args, Context&) {
    using A = Accumulate<T>;
    if (!args.d_x) return;
    const T* x = static_cast<const T*>(args.x.x);
    const A* scale = static_cast<const A*>(args.x.scale);
    const GradientWriter<T> d_x(args.d_x.x);
    const GradientWriter<A> d_scale(args.d_x.scale), d_shift(args.d_x.shift);
    for (int64_t c = 0; c < args.channels; ++c) {
        double sum_x = 0, sum = 0;
        for (int64_t row = 0; row < args.batch * args.pixels; ++row) {
            const int64_t i = row * args.channels + c;
            const double d_u = gradient_of_u<T>(args, i, row / args.pixels, c);
            if (d_scale) sum_x += d_u * double{x[i]};
            sum += d_u;
            if (d_x) d_x(i, static_cast<A>(args.x.plain() ? d_u : double{scale[c]} * d_u));
        }
        if (d_scale) d_scale(c, static_cast<A>(sum_x));
        if (d_shift) d_shift(c, static_cast<A>(sum));
    }
});

constexpr Implementation<GlobalAveragePoolForward> forward_list[]{
    {"loops", refuses_curve_to_resolve<GlobalAveragePoolForward>, forward}};
constexpr Implementation<GlobalAveragePoolBackward> backward_list[]{
    {"loops", refuses_curve_to_resolve<GlobalAveragePoolBackward>, backward}};

}  // namespace

const Kernel<GlobalAveragePoolForward> global_average_pool_forward{"global_average_pool_forward",
                                                                   forward_list};
const Kernel<GlobalAveragePoolBackward> global_average_pool_backward{"global_average_pool_backward",
                                                                     backward_list};

}  // namespace vitrine::reference

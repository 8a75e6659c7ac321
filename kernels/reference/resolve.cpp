// What a pending normalisation stands for, as plain loops: see kernels/resolve.h for the formulas.

#include <vector>

#include "kernels/kernels.h"

namespace vitrine::reference {
namespace {

/// scale_c · x + shift_c of element i, which is of channel c; 0 of what is absent.
template <class T>
double value_of(const Affine& affine, int64_t i, int64_t c) {
    if (affine.x == nullptr) return 0.0;
    const double x{static_cast<const T*>(affine.x)[i]};
    if (affine.plain()) return x;
    using A = Accumulate<T>;
    return double{static_cast<const A*>(affine.scale)[c]} * x +
           double{static_cast<const A*>(affine.shift)[c]};
}

constexpr auto forward = all_types([]<class T>(const ResolveForward& args, Context&) {
    T* z = static_cast<T*>(args.z);
    for (int64_t i = 0; i < args.rows * args.channels; ++i) {
        const int64_t c = i % args.channels;
        const double u = value_of<T>(args.a, i, c) + value_of<T>(args.b, i, c);
        z[i] = static_cast<T>(clamped(args.activation, u));
    }
});

/// d_u, which both operands share.
template <class T>
std::vector<double> gradient_of_u(const ResolveBackward& args) {
    const T* z = static_cast<const T*>(args.z);
    const T* d_z = static_cast<const T*>(args.d_z);
    std::vector<double> d_u(d_z, d_z + args.rows * args.channels);
    if (args.activation == Activation::identity) return d_u;
    for (size_t i = 0; i < d_u.size(); ++i) {
        if (!inside_clamp(args.activation, double{z[i]})) d_u[i] = 0.0;
    }
    return d_u;
}

template <class T>
void operand_gradient(const Affine& affine, const std::vector<double>& d_u, int64_t channels,
                      const AffineGradient& out) {
    const T* x = static_cast<const T*>(affine.x);
    using A = Accumulate<T>;
    const A* scale = static_cast<const A*>(affine.scale);
    const GradientWriter<T> d_x(out.x);
    const GradientWriter<A> d_scale(out.scale), d_shift(out.shift);
    const int64_t rows = static_cast<int64_t>(d_u.size()) / channels;
    for (int64_t c = 0; c < channels; ++c) {
        double sum_x = 0, sum = 0;
        for (int64_t row = 0; row < rows; ++row) {
            const double gradient = d_u[static_cast<size_t>(row * channels + c)];
            sum_x += gradient * double{x[row * channels + c]};
            sum += gradient;
        }
        if (d_scale) d_scale(c, static_cast<A>(sum_x));
        if (d_shift) d_shift(c, static_cast<A>(sum));
    }
    if (!d_x) return;
    for (int64_t i = 0; i < rows * channels; ++i) {
        const double factor = affine.plain() ? 1.0 : double{scale[i % channels]};
        d_x(i, static_cast<A>(factor * d_u[static_cast<size_t>(i)]));
    }
}

constexpr auto backward = all_types([]<class T>(const ResolveBackward& args, Context&) {
    const std::vector<double> d_u = gradient_of_u<T>(args);
    if (args.d_a) operand_gradient<T>(args.a, d_u, args.channels, args.d_a);
    if (args.d_b) operand_gradient<T>(args.b, d_u, args.channels, args.d_b);
});

constexpr Implementation<ResolveForward> forward_list[]{
    {"loops", refuses_curve_to_resolve<ResolveForward>, forward}};
constexpr Implementation<ResolveBackward> backward_list[]{
    {"loops", refuses_curve_to_resolve<ResolveBackward>, backward}};

}  // namespace

const Kernel<ResolveForward> resolve_forward{"resolve_forward", forward_list};
const Kernel<ResolveBackward> resolve_backward{"resolve_backward", backward_list};

}  // namespace vitrine::reference

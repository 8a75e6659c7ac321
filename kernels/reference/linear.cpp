// The linear layer, as plain loops: y = x · weightᵀ + bias.

#include "kernels/kernels.h"

namespace vitrine::reference {
namespace {

constexpr auto forward = all_types([]<class T>(const LinearForward& args, Context&) {
    const T* x = static_cast<const T*>(args.x);
    const T* weight = static_cast<const T*>(args.weight);
    const auto* bias = static_cast<const Accumulate<T>*>(args.bias);
    for (int64_t row = 0; row < args.rows; ++row)
        for (int64_t out = 0; out < args.out_features; ++out) {
            double sum = bias == nullptr ? 0.0 : double{bias[out]};
            for (int64_t in = 0; in < args.in_features; ++in) {
                sum += double{x[row * args.in_features + in]} * double{weight[out * args.in_features + in]};
            }
            static_cast<T*>(args.y)[row * args.out_features + out] = static_cast<T>(sum);
        }
});

/// d_x = d_y · weight
template <class T>
void backward_x(const LinearBackward& args) {
    const T* weight = static_cast<const T*>(args.weight);
    const T* d_y = static_cast<const T*>(args.d_y);
    const GradientWriter<T> d_x(args.d_x);
    if (!d_x) return;
    for (int64_t row = 0; row < args.rows; ++row)
        for (int64_t in = 0; in < args.in_features; ++in) {
            double sum = 0;
            for (int64_t out = 0; out < args.out_features; ++out) {
                sum +=
                    double{d_y[row * args.out_features + out]} * double{weight[out * args.in_features + in]};
            }
            d_x(row * args.in_features + in, static_cast<Accumulate<T>>(sum));
        }
}

/// d_weight = d_yᵀ · x
template <class T>
void backward_weight(const LinearBackward& args) {
    const T* x = static_cast<const T*>(args.x);
    const T* d_y = static_cast<const T*>(args.d_y);
    const GradientWriter<Accumulate<T>> d_weight(args.d_weight);
    if (!d_weight) return;
    for (int64_t out = 0; out < args.out_features; ++out)
        for (int64_t in = 0; in < args.in_features; ++in) {
            double sum = 0;
            for (int64_t row = 0; row < args.rows; ++row) {
                sum += double{d_y[row * args.out_features + out]} * double{x[row * args.in_features + in]};
            }
            d_weight(out * args.in_features + in, static_cast<Accumulate<T>>(sum));
        }
}

/// d_bias = Σ_rows d_y
template <class T>
void backward_bias(const LinearBackward& args) {
    const T* d_y = static_cast<const T*>(args.d_y);
    const GradientWriter<Accumulate<T>> d_bias(args.d_bias);
    if (!d_bias) return;
    for (int64_t out = 0; out < args.out_features; ++out) {
        double sum = 0;
        for (int64_t row = 0; row < args.rows; ++row) sum += double{d_y[row * args.out_features + out]};
        d_bias(out, static_cast<Accumulate<T>>(sum));
    }
}

constexpr auto backward = all_types([]<class T>(const LinearBackward& args, Context&) {
    backward_x<T>(args);
    backward_weight<T>(args);
    backward_bias<T>(args);
});

constexpr Implementation<LinearForward> forward_list[]{{"loops", refuses_nothing, forward}};
constexpr Implementation<LinearBackward> backward_list[]{{"loops", refuses_nothing, backward}};

}  // namespace

const Kernel<LinearForward> linear_forward{"linear_forward", forward_list};
const Kernel<LinearBackward> linear_backward{"linear_backward", backward_list};

}  // namespace vitrine::reference

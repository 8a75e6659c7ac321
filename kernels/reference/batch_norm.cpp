// Batch norm over channels, as plain loops: see kernels/norm.h for the formulas.

#include <cmath>

#include "kernels/kernels.h"

namespace vitrine::reference {
namespace {

struct Moments {
    double mean;
    double variance;
};

/// Mean and biased variance of channel c, in two passes.
template <class T>
Moments batch_moments(const BatchNormForward& args, int64_t c) {
    const T* x = static_cast<const T*>(args.x);
    const double rows = static_cast<double>(args.rows);
    double sum = 0;
    for (int64_t row = 0; row < args.rows; ++row) sum += double{x[row * args.channels + c]};
    const double mean = sum / rows;
    double squares = 0;
    for (int64_t row = 0; row < args.rows; ++row) {
        const double deviation = double{x[row * args.channels + c]} - mean;
        squares += deviation * deviation;
    }
    return {mean, squares / rows};
}

/// running ← (1 − momentum) · running + momentum · batch, with the unbiased variance.
template <class A>
void update_running(const BatchNormForward& args, int64_t c, const Moments& batch) {
    auto& mean = static_cast<A*>(args.running_mean)[c];
    auto& variance = static_cast<A*>(args.running_variance)[c];
    const double rows = static_cast<double>(args.rows);
    const double unbiased = batch.variance * rows / (rows - 1);
    mean = static_cast<A>((1 - args.momentum) * double{mean} + args.momentum * batch.mean);
    variance = static_cast<A>((1 - args.momentum) * double{variance} + args.momentum * unbiased);
}

constexpr auto forward = all_types([]<class T>(const BatchNormForward& args, Context&) {
    using A = Accumulate<T>;
    const T* x = static_cast<const T*>(args.x);
    const A* weight = static_cast<const A*>(args.weight);
    const A* bias = static_cast<const A*>(args.bias);
    T* y = static_cast<T*>(args.y);
    for (int64_t c = 0; c < args.channels; ++c) {
        Moments moments;
        if (args.training) {
            moments = batch_moments<T>(args, c);
            update_running<A>(args, c, moments);
        } else {
            moments = {static_cast<const A*>(args.running_mean)[c],
                       static_cast<const A*>(args.running_variance)[c]};
        }
        const double rstd = 1.0 / std::sqrt(moments.variance + args.epsilon);
        static_cast<A*>(args.mean)[c] = static_cast<A>(moments.mean);
        static_cast<A*>(args.rstd)[c] = static_cast<A>(rstd);
        for (int64_t row = 0; row < args.rows; ++row) {
            const int64_t index = row * args.channels + c;
            y[index] = static_cast<T>((double{x[index]} - moments.mean) * rstd * double{weight[c]} +
                                      double{bias[c]});
        }
    }
});

constexpr auto backward = all_types([]<class T>(const BatchNormBackward& args, Context&) {
    using A = Accumulate<T>;
    const T* x = static_cast<const T*>(args.x);
    const A* weight = static_cast<const A*>(args.weight);
    const T* d_y = static_cast<const T*>(args.d_y);
    const GradientWriter<T> d_x(args.d_x);
    const GradientWriter<A> d_weight(args.d_weight), d_bias(args.d_bias);
    const double rows = static_cast<double>(args.rows);
    for (int64_t c = 0; c < args.channels; ++c) {
        const double mean = static_cast<const A*>(args.mean)[c];
        const double rstd = static_cast<const A*>(args.rstd)[c];
        double sum_d_y = 0;        // Σ d_y
        double sum_d_y_x_hat = 0;  // Σ d_y · x̂
        for (int64_t row = 0; row < args.rows; ++row) {
            const int64_t index = row * args.channels + c;
            sum_d_y += double{d_y[index]};
            sum_d_y_x_hat += double{d_y[index]} * (double{x[index]} - mean) * rstd;
        }
        if (d_weight) d_weight(c, static_cast<A>(sum_d_y_x_hat));
        if (d_bias) d_bias(c, static_cast<A>(sum_d_y));
        if (!d_x) continue;
        for (int64_t row = 0; row < args.rows; ++row) {
            const int64_t index = row * args.channels + c;
            const double x_hat = (double{x[index]} - mean) * rstd;
            // In evaluation mean and rstd are constants; in training x moves them, and they move every row.
            const double through_moments =
                args.training ? sum_d_y / rows + x_hat * sum_d_y_x_hat / rows : 0.0;
            d_x(index, static_cast<A>(double{weight[c]} * rstd * (double{d_y[index]} - through_moments)));
        }
    }
});

constexpr Implementation<BatchNormForward> forward_list[]{{"loops", refuses_nothing, forward}};
constexpr Implementation<BatchNormBackward> backward_list[]{{"loops", refuses_nothing, backward}};

}  // namespace

const Kernel<BatchNormForward> batch_norm_forward{"batch_norm_forward", forward_list};
const Kernel<BatchNormBackward> batch_norm_backward{"batch_norm_backward", backward_list};

}  // namespace vitrine::reference

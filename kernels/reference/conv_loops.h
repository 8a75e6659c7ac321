// A convolution as one loop nest, shared by dense, depthwise and pointwise, which differ only in how they lay
// out their weights. The formulas are those of kernels/conv.h, one function for each of their lines.
#pragma once

#include <vector>

#include "kernels/conv.h"
#include "kernels/reference/activation_formulas.h"
#include "kernels/typed_body.h"

namespace vitrine::reference {

/// Calls multiply(x_index, weight_index, y_index) for every product of the convolution: each one multiplies
/// an element of x by an element of weight and adds to an element of y. Products with padding are zero and
/// left out.
///
/// weight_index(shape, o, p, q, c) says where the weight of output channel o, kernel row p, kernel column q
/// and the c-th input channel of o's group lies.
template <class WeightIndex, class Multiply>
void for_each_product(const ConvShape& shape, WeightIndex weight_index, Multiply multiply) {
    const Size2 out = shape.out();
    const int64_t group_in = shape.in_channels / shape.groups;
    const int64_t group_out = shape.out_channels / shape.groups;
    for (int64_t n = 0; n < shape.batch; ++n)
        for (int64_t i = 0; i < out.height; ++i)
            for (int64_t j = 0; j < out.width; ++j)
                for (int64_t p = 0; p < shape.kernel.height; ++p)
                    for (int64_t q = 0; q < shape.kernel.width; ++q) {
                        const int64_t row = i * shape.stride.height + p - shape.padding.height;
                        const int64_t column = j * shape.stride.width + q - shape.padding.width;
                        if (row < 0 || row >= shape.in.height || column < 0 || column >= shape.in.width)
                            continue;
                        const int64_t x_pixel = (n * shape.in.height + row) * shape.in.width + column;
                        const int64_t y_pixel = (n * out.height + i) * out.width + j;
                        for (int64_t o = 0; o < shape.out_channels; ++o)
                            for (int64_t c = 0; c < group_in; ++c) {
                                const int64_t first_channel = o / group_out * group_in;
                                multiply(x_pixel * shape.in_channels + first_channel + c,
                                         weight_index(shape, o, p, q, c), y_pixel * shape.out_channels + o);
                            }
                    }
}

/// u = scale_c · x + shift_c, or x itself without a scale.
template <class T>
std::vector<double> before_activation(const ConvShape& shape, const void* x, const Prologue& prologue) {
    const T* input = static_cast<const T*>(x);
    const auto* scale = static_cast<const Accumulate<T>*>(prologue.scale);
    const auto* shift = static_cast<const Accumulate<T>*>(prologue.shift);
    std::vector<double> u(input, input + shape.in_pixels() * shape.in_channels);
    if (scale == nullptr) return u;
    for (size_t index = 0; index < u.size(); ++index) {
        const size_t c = index % static_cast<size_t>(shape.in_channels);
        u[index] = double{scale[c]} * u[index] + double{shift[c]};
    }
    return u;
}

/// a = activation(u): what the convolution multiplies.
inline std::vector<double> after_activation(std::vector<double> u, Activation activation) {
    for (double& value : u) value = activated(activation, value);
    return u;
}

/// mean_o = Σ y / M and m2_o = Σ (y − mean_o)², in two passes.
template <class A>
void channel_statistics(const std::vector<double>& y, int64_t pixels, int64_t channels,
                        const Epilogue& epilogue) {
    if (epilogue.plain()) return;
    for (int64_t o = 0; o < channels; ++o) {
        double sum = 0;
        for (int64_t m = 0; m < pixels; ++m) sum += y[static_cast<size_t>(m * channels + o)];
        const double mean = sum / static_cast<double>(pixels);
        double m2 = 0;
        for (int64_t m = 0; m < pixels; ++m) {
            const double deviation = y[static_cast<size_t>(m * channels + o)] - mean;
            m2 += deviation * deviation;
        }
        static_cast<A*>(epilogue.mean)[o] = static_cast<A>(mean);
        static_cast<A*>(epilogue.m2)[o] = static_cast<A>(m2);
    }
}

template <class T, class WeightIndex>
void conv_forward(const ConvForward& args, WeightIndex weight_index) {
    const ConvShape& shape = args.shape;
    const T* weight = static_cast<const T*>(args.weight);
    const auto* bias = static_cast<const Accumulate<T>*>(args.bias);
    const std::vector<double> a =
        after_activation(before_activation<T>(shape, args.x, args.prologue), args.prologue.activation);

    std::vector<double> y(static_cast<size_t>(shape.out_pixels() * shape.out_channels));
    for (size_t index = 0; index < y.size() && bias != nullptr; ++index) {
        y[index] = bias[index % static_cast<size_t>(shape.out_channels)];
    }
    for_each_product(shape, weight_index, [&](int64_t x_index, int64_t w_index, int64_t y_index) {
        y[static_cast<size_t>(y_index)] += double{weight[w_index]} * a[static_cast<size_t>(x_index)];
    });

    for (size_t index = 0; index < y.size(); ++index)
        static_cast<T*>(args.y)[index] = static_cast<T>(y[index]);
    channel_statistics<Accumulate<T>>(y, shape.out_pixels(), shape.out_channels, args.epilogue);
}

/// g = d_y + d_mean_o / M + 2 · d_m2_o · (y − mean_o): the gradient of y, through the epilogue too.
template <class T>
std::vector<double> gradient_of_y(const ConvBackward& args) {
    const T* d_y = static_cast<const T*>(args.d_y);
    const T* y = static_cast<const T*>(args.y);
    const auto* mean = static_cast<const Accumulate<T>*>(args.mean);
    const auto* d_mean = static_cast<const Accumulate<T>*>(args.d_mean);
    const auto* d_m2 = static_cast<const Accumulate<T>*>(args.d_m2);
    const int64_t pixels = args.shape.out_pixels();
    std::vector<double> g(d_y, d_y + pixels * args.shape.out_channels);
    if (d_mean == nullptr) return g;
    for (size_t index = 0; index < g.size(); ++index) {
        const size_t o = index % static_cast<size_t>(args.shape.out_channels);
        g[index] += double{d_mean[o]} / static_cast<double>(pixels) +
                    2.0 * double{d_m2[o]} * (double{y[index]} - double{mean[o]});
    }
    return g;
}

/// Writes or accumulates a whole gradient, if anybody wants it.
template <class T>
void put(const Gradient& gradient, const std::vector<double>& values) {
    const GradientWriter<T> write(gradient);
    if (!write) return;
    for (size_t index = 0; index < values.size(); ++index) {
        write(static_cast<int64_t>(index), static_cast<Accumulate<T>>(values[index]));
    }
}

/// The prologue's chain rule, from d_a: d_u, d_x, d_scale and d_shift.
template <class T>
void prologue_backward(const ConvBackward& args, const std::vector<double>& u, const std::vector<double>& d_a,
                       const Accumulate<T>* d_x_so_far = nullptr) {
    const T* x = static_cast<const T*>(args.x);
    const auto* scale = static_cast<const Accumulate<T>*>(args.prologue.scale);
    const size_t channels = static_cast<size_t>(args.shape.in_channels);
    std::vector<double> d_x(d_a.size()), d_scale(channels), d_shift(channels);
    for (size_t index = 0; index < d_a.size(); ++index) {
        const size_t c = index % channels;
        const double d_u = activation_gradient(args.prologue.activation, u[index], d_a[index]);
        d_x[index] = scale == nullptr ? d_u : double{scale[c]} * d_u;
        if (d_x_so_far != nullptr) d_x[index] += double{d_x_so_far[index]};
        d_scale[c] += d_u * double{x[index]};
        d_shift[c] += d_u;
    }
    put<T>(args.d_x, d_x);
    put<Accumulate<T>>(args.d_scale, d_scale);
    put<Accumulate<T>>(args.d_shift, d_shift);
}

template <class T, class WeightIndex>
void conv_backward(const ConvBackward& args, WeightIndex weight_index) {
    const ConvShape& shape = args.shape;
    const T* weight = static_cast<const T*>(args.weight);
    const std::vector<double> u = before_activation<T>(shape, args.x, args.prologue);
    const std::vector<double> a = after_activation(u, args.prologue.activation);
    const std::vector<double> g = gradient_of_y<T>(args);

    std::vector<double> d_a(a.size()), d_weight(static_cast<size_t>(shape.weight_count()));
    for_each_product(shape, weight_index, [&](int64_t x_index, int64_t w_index, int64_t y_index) {
        const double upstream = g[static_cast<size_t>(y_index)];
        d_weight[static_cast<size_t>(w_index)] += upstream * a[static_cast<size_t>(x_index)];
        d_a[static_cast<size_t>(x_index)] += upstream * double{weight[w_index]};
    });

    std::vector<double> d_bias(static_cast<size_t>(shape.out_channels));
    for (size_t index = 0; index < g.size(); ++index) d_bias[index % d_bias.size()] += g[index];

    put<Accumulate<T>>(args.d_weight, d_weight);
    put<Accumulate<T>>(args.d_bias, d_bias);
    prologue_backward<T>(args, u, d_a);
}

/// What the lists name: the loops, with the weights where weight_index says.
template <auto weight_index>
inline constexpr auto forward_loops = all_types([]<class T>(const ConvForward& args, Context&) {
    conv_forward<T>(args, weight_index);
});
template <auto weight_index>
inline constexpr auto backward_loops = all_types([]<class T>(const ConvBackward& args, Context&) {
    conv_backward<T>(args, weight_index);
});

}  // namespace vitrine::reference

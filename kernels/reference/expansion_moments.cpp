// The moments of an expansion from those of its input, one function for each line of kernels/expanded_conv.h.

#include <utility>
#include <vector>

#include "kernels/kernels.h"
#include "kernels/reference/conv_loops.h"

namespace vitrine::reference {
namespace {

/// x as a convolution's, for the prologue's loops.
ConvBackward as_conv(const ExpansionMomentsBackward& args) {
    ConvBackward conv;
    conv.shape = moments_shape(args);
    conv.x = args.x;
    conv.prologue = args.prologue;
    conv.d_x = args.d_x;
    conv.d_scale = args.d_scale;
    conv.d_shift = args.d_shift;
    return conv;
}

/// Rows of a: those of pixels as they are, or a row for each window of x.
std::vector<double> rows_of(const ConvShape& expansion, std::vector<double> x) {
    if (expansion.kernel == Size2{1, 1} && expansion.stride == Size2{1, 1}) return x;
    ConvShape one = expansion;  // whose weights are the numbers of a window
    one.out_channels = 1;
    const int64_t narrow = one.weight_count();
    std::vector<double> rows(static_cast<size_t>(one.out_pixels() * narrow));
    const auto number_in_window = [](const ConvShape& s, int64_t, int64_t p, int64_t q, int64_t c) {
        return (p * s.kernel.width + q) * s.in_channels + c;
    };
    for_each_product(one, number_in_window, [&](int64_t from, int64_t number, int64_t pixel) {
        rows[static_cast<size_t>(pixel * narrow + number)] = x[static_cast<size_t>(from)];
    });
    return rows;
}

/// μ and S of rows of a.
struct InputMoments {
    std::vector<double> centre, scatter;

    InputMoments(const std::vector<double>& a, size_t narrow) : centre(narrow), scatter(narrow * narrow) {
        const size_t pixels = a.size() / narrow;
        for (size_t i = 0; i < a.size(); ++i) centre[i % narrow] += a[i] / static_cast<double>(pixels);
        for (size_t m = 0; m < pixels; ++m)
            for (size_t j = 0; j < narrow; ++j)
                for (size_t k = 0; k < narrow; ++k)
                    scatter[j * narrow + k] +=
                        (a[m * narrow + j] - centre[j]) * (a[m * narrow + k] - centre[k]);
    }
};

template <class A>
void put_all(const std::vector<double>& values, void* to) {
    put<A>(Gradient{to}, values);
}

constexpr auto forward = all_types([]<class T>(const ExpansionMomentsForward& args, Context&) {
    using A = Accumulate<T>;
    const auto narrow = static_cast<size_t>(args.narrow), channels = static_cast<size_t>(args.channels);
    const ConvShape expansion = moments_shape(args);
    std::vector<double> x = before_activation<T>(expansion, args.x, args.prologue);
    const InputMoments moments(rows_of(expansion, after_activation(std::move(x), args.prologue.activation)),
                               narrow);
    const T* w = static_cast<const T*>(args.expansion);
    std::vector<double> mean(channels), m2(channels);
    for (size_t o = 0; o < channels; ++o)
        for (size_t j = 0; j < narrow; ++j) {
            const double w_j = double{w[o * narrow + j]};
            mean[o] += w_j * moments.centre[j];
            for (size_t k = 0; k < narrow; ++k)
                m2[o] += w_j * moments.scatter[j * narrow + k] * double{w[o * narrow + k]};
        }
    put_all<A>(mean, args.mean);
    put_all<A>(m2, args.m2);
    put_all<A>(moments.centre, args.centre);
    put_all<A>(moments.scatter, args.scatter);
});

/// d_w_o = d_mean_o · μ + 2 · d_m2_o · S w_o
template <class T>
std::vector<double> expansion_gradient(const ExpansionMomentsBackward& args) {
    using A = Accumulate<T>;
    const auto narrow = static_cast<size_t>(args.narrow), channels = static_cast<size_t>(args.channels);
    const T* w = static_cast<const T*>(args.expansion);
    const auto *centre = static_cast<const A*>(args.centre), *scatter = static_cast<const A*>(args.scatter);
    const auto *d_mean = static_cast<const A*>(args.d_mean), *d_m2 = static_cast<const A*>(args.d_m2);
    std::vector<double> d_w(channels * narrow);
    for (size_t o = 0; o < channels; ++o)
        for (size_t j = 0; j < narrow; ++j) {
            double scattered = 0;
            for (size_t k = 0; k < narrow; ++k)
                scattered += double{scatter[j * narrow + k]} * double{w[o * narrow + k]};
            d_w[o * narrow + j] = double{d_mean[o]} * double{centre[j]} + 2 * double{d_m2[o]} * scattered;
        }
    return d_w;
}

/// d_a = Σ_o w_o · (d_mean_o / M + 2 · d_m2_o · w_o · (a − μ))
template <class T>
std::vector<double> input_gradient(const ExpansionMomentsBackward& args, const std::vector<double>& a) {
    using A = Accumulate<T>;
    const auto narrow = static_cast<size_t>(args.narrow), channels = static_cast<size_t>(args.channels);
    const T* w = static_cast<const T*>(args.expansion);
    const auto* centre = static_cast<const A*>(args.centre);
    const auto *d_mean = static_cast<const A*>(args.d_mean), *d_m2 = static_cast<const A*>(args.d_m2);
    std::vector<double> d_a(a.size());
    for (size_t first = 0; first < a.size(); first += narrow)
        for (size_t o = 0; o < channels; ++o) {
            double distance = 0;
            for (size_t k = 0; k < narrow; ++k)
                distance += double{w[o * narrow + k]} * (a[first + k] - double{centre[k]});
            const double d_e =
                double{d_mean[o]} / static_cast<double>(args.pixels) + 2 * double{d_m2[o]} * distance;
            for (size_t k = 0; k < narrow; ++k) d_a[first + k] += double{w[o * narrow + k]} * d_e;
        }
    return d_a;
}

constexpr auto backward = all_types([]<class T>(const ExpansionMomentsBackward& args, Context&) {
    put<Accumulate<T>>(args.d_expansion, expansion_gradient<T>(args));
    if (args.windows.there()) return;  // nobody wants what follows
    const ConvBackward conv = as_conv(args);
    const std::vector<double> u = before_activation<T>(conv.shape, args.x, args.prologue);
    const auto* so_far = static_cast<const Accumulate<T>*>(args.d_x_so_far);
    prologue_backward<T>(conv, u, input_gradient<T>(args, after_activation(u, args.prologue.activation)),
                         so_far);
});

constexpr Implementation<ExpansionMomentsForward> forward_list[]{{"loops", refuses_windows, forward}};
constexpr Implementation<ExpansionMomentsBackward> backward_list[]{{"loops", refuses_windows, backward}};

}  // namespace

const Kernel<ExpansionMomentsForward> expansion_moments_forward{"expansion_moments_forward", forward_list};
const Kernel<ExpansionMomentsBackward> expansion_moments_backward{"expansion_moments_backward",
                                                                  backward_list};

}  // namespace vitrine::reference

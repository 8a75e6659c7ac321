// A convolution of a captured step: the numbers that its terms are made of, by the names of kernels/conv.h.
#pragma once

#include <array>
#include <string>

#include "lab/inspect/terms/curves.h"
#include "lab/inspect/terms/ops.h"
#include "lab/inspect/terms/windows.h"

namespace vitrine::inspect {

/// One multiplication of a convolution: its row and column in the window, and the elements that it is of.
struct Product {
    int64_t p, q;
    int64_t x, weight, y;
};

struct ConvView {
    explicit ConvView(const OpView& view);

    const OpView& op;
    Shape x_shape, weight_shape, y_shape;
    Activation activation;
    Windows windows;
    int64_t group_in, group_out;  // channels of a group
    double outputs;               // M: of each channel
    std::span<const double> x, weight, bias, scale, shift;
    std::span<const double> y, mean, d_y, d_mean, d_m2;

    bool has_prologue() const { return !scale.empty() || activation != Activation::identity; }
    bool through_moments() const { return !d_mean.empty() || !d_m2.empty(); }

    /// u = [scale_c · x + shift_c], a = [activation](u) of an element of x.
    Number u(int64_t x_element) const;
    Number a(int64_t x_element) const { return activated(activation, u(x_element)); }
    /// g = d_y [+ d_mean_o / M + 2 · d_m2_o · (y − mean_o)] of an element of y.
    Number g(int64_t y_element) const;
    /// d_u of an element of x: activation'(u) · Σ weight · g.
    Number d_u(int64_t x_element) const;

    /// What u of an element of x is made of.
    std::vector<Operand> operands_of_u(int64_t x_element) const;
    Factor a_factor(int64_t x_element) const;
    Factor g_factor(int64_t y_element) const;
    Factor weight_factor(int64_t weight_element) const;
    /// "g = …" and "a = …", as far as they are more than d_y and x.
    std::string where_g() const;
    std::string where_a() const;

    int64_t weight_element(int64_t o, int64_t p, int64_t q, int64_t c) const;

    /// The products that an element of y, of x and of the weight take part in.
    template <class Visit>
    void for_each_of_y(int64_t element, Visit visit) const {
        const auto [n, i, j, o] = split(y_shape, element);
        const int64_t first = o / group_out * group_in;
        for_each_pixel(windows.rows, i, [&](int64_t p, int64_t row) {
            for_each_pixel(windows.columns, j, [&](int64_t q, int64_t column) {
                const int64_t pixel = ((n * x_shape[1] + row) * x_shape[2] + column) * x_shape[3] + first;
                for (int64_t c = 0; c < group_in; ++c)
                    visit(Product{p, q, pixel + c, weight_element(o, p, q, c), element});
            });
        });
    }

    template <class Visit>
    void for_each_of_x(int64_t element, Visit visit) const {
        const auto [n, row, column, channel] = split(x_shape, element);
        const int64_t first = channel / group_in * group_out, c = channel % group_in;
        for_each_window(windows.rows, row, [&](int64_t p, int64_t i) {
            for_each_window(windows.columns, column, [&](int64_t q, int64_t j) {
                const int64_t pixel = ((n * y_shape[1] + i) * y_shape[2] + j) * y_shape[3];
                for (int64_t o = first; o < first + group_out; ++o)
                    visit(Product{p, q, element, weight_element(o, p, q, c), pixel + o});
            });
        });
    }

    template <class Visit>
    void for_each_of_weight(int64_t element, Visit visit) const {
        const auto [o, p, q, c] = split_weight(element);
        const int64_t channel = o / group_out * group_in + c;
        for (int64_t n = 0; n < x_shape[0]; ++n)
            for_each_use(windows.rows, p, [&](int64_t i, int64_t row) {
                for_each_use(windows.columns, q, [&](int64_t j, int64_t column) {
                    visit(Product{p, q, ((n * x_shape[1] + row) * x_shape[2] + column) * x_shape[3] + channel,
                                  element, ((n * y_shape[1] + i) * y_shape[2] + j) * y_shape[3] + o});
                });
            });
    }

    /// visit(element): of channel c of a tensor of this shape.
    template <class Visit>
    static void for_each_in_channel(const Shape& shape, int64_t c, Visit visit) {
        for (int64_t element = c; element < shape.count(); element += shape[-1]) visit(element);
    }

  private:
    static std::array<int64_t, 4> split(const Shape& shape, int64_t element);
    std::array<int64_t, 4> split_weight(int64_t element) const;  // o, p, q, c
};

}  // namespace vitrine::inspect

// Draws a point: see expanded_point.h.

#include "lab/gradcheck/cases/expanded_point.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <string>

#include "lab/gradcheck/harness/draw.h"

namespace vitrine::gradcheck {
namespace {

/// Scale and shift of a prologue, one number for each channel; empty where it has none.
struct Affine {
    std::vector<double> scale, shift;

    Affine(const std::string& prefix, bool there, int64_t channels) {
        if (!there) return;
        scale = away_from_zero(prefix + "scale", channels);
        // Not near a clamp's kink: there a channel would stay if all of a were clamped to 0.
        shift = away_from_zero(prefix + "shift", channels);
    }

    double operator()(double value, size_t c) const {
        return scale.empty() ? value : scale[c] * value + shift[c];
    }
    double inverse(double value, size_t c) const {
        return scale.empty() ? value : (value - shift[c]) / scale[c];
    }
};

bool has_kinks(Activation activation) {
    return activation != Activation::identity && activation != Activation::silu;
}

/// Twice the margin of draw.h: here 16-bit types round the value itself as well as what it is made of.
bool is_near_kink(Activation activation, double value) {
    constexpr double margin = 0.1;
    const auto is_near = [value](double kink) { return std::abs(value - kink) < margin; };
    if (activation == Activation::hard_swish) return is_near(-3) || is_near(3);
    return is_near(0) || (activation == Activation::relu6 && is_near(6));
}

/// The point at which a problem is checked. x is drawn off the kinks of its own prologue, as u = scale · x + shift; a pixel one of
/// whose wide channels lies near a kink of theirs is drawn once more until none does.
class Point {
  public:
    explicit Point(const ExpandedOptions& options)
        : options_(options),
          narrow_("narrow_", options.narrow_prologue.scale, options.narrow),
          wide_("", options.prologue.scale, options.shape.in_channels),
          expansion_(uniform("expansion", options.shape.in_channels * options.narrow, -bound(), bound())) {
        options.windows.there() ? draw_image() : draw_x();
    }

    void add_to(std::vector<Tensor>& tensors) && {
        const auto add = [&tensors](const char* name, std::vector<double>& values) {
            if (!values.empty())
                tensors.push_back(
                    {name, Role::parameter, static_cast<int64_t>(values.size()), std::move(values)});
        };
        if (options_.windows.there())
            tensors.push_back({"x", Role::input, std::ssize(x_), std::move(x_)});
        else
            add("x", x_);
        add("narrow_scale", narrow_.scale);
        add("narrow_shift", narrow_.shift);
        add("expansion", expansion_);
        add("scale", wide_.scale);
        add("shift", wide_.shift);
    }

  private:
    /// Of the expansion's weights, with which e spreads as much as a.
    double bound() const { return std::sqrt(3 / static_cast<double>(options_.narrow)); }

    /// A pixel lies in several windows, so none is drawn once more. Instead channels are scaled until what spreads is on one side of
    /// the kinks: some below, some between, some above.
    void draw_image() {
        const ConvShape shape = options_.windows.shape(options_.shape.batch, 1);
        constexpr double reach = 3;
        x_ = uniform("x", shape.in_pixels() * shape.in_channels, -reach, reach);
        if (!has_kinks(options_.prologue.activation)) return;
        const double most = reach * bound() * static_cast<double>(options_.narrow);
        for (size_t c = 0; c < wide_.scale.size(); ++c) {
            wide_.scale[c] *= 2.5 / (most * std::abs(wide_.scale[c]));
            wide_.shift[c] = std::vector<double>{3, -3, 3, 9}[c % 4];
        }
    }

    void draw_x() {
        const auto narrow = static_cast<size_t>(options_.narrow);
        std::vector<size_t> left(static_cast<size_t>(options_.shape.in_pixels()));
        std::iota(left.begin(), left.end(), size_t{0});
        x_.resize(left.size() * narrow);
        for (int attempt = 0; !left.empty(); ++attempt) {
            if (attempt == 10'000)
                throw std::logic_error("an expanded convolution has no pixel off its kinks");
            const std::vector<double> u = draw_u(attempt, std::ssize(left) * options_.narrow);
            for (size_t i = 0; i < u.size(); ++i)
                x_[left[i / narrow] * narrow + i % narrow] = narrow_.inverse(u[i], i % narrow);
            std::erase_if(left, [&](size_t pixel) { return !is_near_wide_kink(pixel); });
        }
    }

    std::vector<double> draw_u(int attempt, int64_t count) const {
        const Activation activation = options_.narrow_prologue.activation;
        const std::string name = fmt::format("u, attempt {}", attempt);
        return activation == Activation::identity ? uniform(name, count, -3, 4)
                                                  : off_kinks(activation, name, count);
    }

    bool is_near_wide_kink(size_t pixel) const {
        const Activation activation = options_.prologue.activation;
        if (!options_.off_wide_kinks || !has_kinks(activation)) return false;
        const std::vector<double> a = inputs_at(pixel);
        for (size_t c = 0; c < static_cast<size_t>(options_.shape.in_channels); ++c) {
            const auto w = expansion_.begin() + static_cast<int64_t>(c) * options_.narrow;
            if (is_near_kink(activation, wide_(std::inner_product(a.begin(), a.end(), w, 0.0), c)))
                return true;
        }
        return false;
    }

    std::vector<double> inputs_at(size_t pixel) const {
        const Activation activation = options_.narrow_prologue.activation;
        if (!is_clamp(activation)) throw std::logic_error("a curve in front of an activation with kinks");
        std::vector<double> a;
        for (size_t k = 0; k < static_cast<size_t>(options_.narrow); ++k)
            a.push_back(
                clamped(activation, narrow_(x_[pixel * static_cast<size_t>(options_.narrow) + k], k)));
        return a;
    }

    const ExpandedOptions& options_;
    Affine narrow_, wide_;
    std::vector<double> expansion_;
    std::vector<double> x_;
};

}  // namespace

void add_expanded_point(const ExpandedOptions& options, std::vector<Tensor>& tensors) {
    Point(options).add_to(tensors);
}

}  // namespace vitrine::gradcheck

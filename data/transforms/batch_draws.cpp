// Erasing, mixup and cutmix: see batch_draws.h.

#include "data/transforms/batch_draws.h"

#include <algorithm>
#include <cmath>

namespace vitrine {
namespace {

/// The part of an axis of `length` that reaches `half` to both sides of a place.
struct Interval {
    int64_t first;
    int64_t last;

    Interval(int64_t place, int64_t half, int64_t length)
        : first(std::max<int64_t>(place - half, 0)), last(std::min(place + half, length)) {}
    int64_t size() const { return last - first; }
};

PixelBox box_of(int64_t top, int64_t left, int64_t height, int64_t width) {
    return {static_cast<int32_t>(top), static_cast<int32_t>(left), static_cast<int32_t>(height),
            static_cast<int32_t>(width)};
}

/// A box with a share of the area that lambda leaves over, around a uniform place; what sticks out is cut
/// off, and the share is that of what is left.
MixDraw draw_cutmix(double lambda, Size2 size, Draws& draws) {
    const int64_t column = draws.below(size.width), row = draws.below(size.height);
    const double side = 0.5 * std::sqrt(1.0 - lambda);
    const auto half = [&](int64_t length) {
        return static_cast<int64_t>(side * static_cast<double>(length));
    };
    const Interval rows(row, half(size.height), size.height);
    const Interval columns(column, half(size.width), size.width);
    const double inside = static_cast<double>(rows.size() * columns.size());
    return {BatchMixing::cutmix, 1.0 - inside / static_cast<double>(size.height * size.width),
            box_of(rows.first, columns.first, rows.size(), columns.size())};
}

}  // namespace

double draw_log_gamma(double shape, Draws& draws) {
    if (shape < 1.0) {
        // 1 − u lies in (0, 1].
        const double from_above = draw_log_gamma(shape + 1.0, draws);
        return from_above + std::log(1.0 - draws.uniform(0.0, 1.0)) / shape;
    }
    const double d = shape - 1.0 / 3.0;
    const double c = 1.0 / std::sqrt(9.0 * d);
    for (;;) {
        const double x = draws.normal();
        const double root = 1.0 + c * x;
        if (root <= 0.0) continue;
        const double log_v = 3.0 * std::log(root);
        const double log_u = std::log(1.0 - draws.uniform(0.0, 1.0));
        if (log_u < 0.5 * x * x + d - d * std::exp(log_v) + d * log_v) return std::log(d) + log_v;
    }
}

double draw_beta(double alpha, Draws& draws) {
    const double first = draw_log_gamma(alpha, draws), second = draw_log_gamma(alpha, draws);
    return 1.0 / (1.0 + std::exp(second - first));
}

ErasedBox draw_erasing(const RandomErasing& erasing, Size2 size, Draws& draws) {
    ErasedBox erased{.box = {}, .noise = erasing.noise, .value = erasing.value};
    if (!draws.chance(erasing.p)) return erased;
    const double area = static_cast<double>(size.height * size.width);
    for (int attempt = 0; attempt < 10; ++attempt) {
        const double target = area * draws.uniform(erasing.scale.low, erasing.scale.high);
        const double ratio =
            std::exp(draws.uniform(std::log(erasing.ratio.low), std::log(erasing.ratio.high)));
        const int64_t height = std::llrint(std::sqrt(target * ratio));
        const int64_t width = std::llrint(std::sqrt(target / ratio));
        if (height >= size.height || width >= size.width) continue;
        const int64_t top = draws.below(size.height - height + 1);
        const int64_t left = draws.below(size.width - width + 1);
        erased.box = box_of(top, left, height, width);
        break;
    }
    return erased;
}

MixDraw draw_mix(const BatchMix& mix, Size2 size, Draws& draws) {
    if (!mix.mixup_alpha && !mix.cutmix_alpha) return {};
    const bool both = mix.mixup_alpha && mix.cutmix_alpha;
    const bool cuts = both ? draws.chance(0.5) : mix.cutmix_alpha.has_value();
    const double lambda = draw_beta(cuts ? *mix.cutmix_alpha : *mix.mixup_alpha, draws);
    return cuts ? draw_cutmix(lambda, size, draws) : MixDraw{BatchMixing::mixup, lambda, {}};
}

}  // namespace vitrine

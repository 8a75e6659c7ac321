// Transforms made of transforms: all, all or none, one of them.

#include <fmt/format.h>

#include <numeric>

#include "data/transforms/describe.h"
#include "data/transforms/ops.h"

namespace vitrine::transforms {
namespace {

void draw_all(const TransformList& list, Draws& draws, Program& program) {
    for (const auto& transform : list) transform->draw(draws, program);
}

ImageSizes sizes_of_all(const TransformList& list, ImageSizes sizes) {
    for (const auto& transform : list) sizes = transform->sizes(sizes);
    return sizes;
}

}  // namespace

ImageSizes Compose::sizes(const ImageSizes& in) const { return sizes_of_all(of, in); }

ImageSizes RandomApply::sizes(const ImageSizes& in) const {
    ImageSizes out;
    if (p > 0.0) out = sizes_of_all(of, in);
    if (p < 1.0) out.insert(in.begin(), in.end());
    return out;
}

ImageSizes RandomChoice::sizes(const ImageSizes& in) const {
    ImageSizes out;
    for (size_t i = 0; i < of.size(); ++i)
        if (p.empty() || p[i] > 0.0) out.merge(of[i]->sizes(in));
    return out;
}

void Compose::draw(Draws& draws, Program& program) const { draw_all(of, draws, program); }

std::string Compose::describe() const { return "[" + text_of(of) + "]"; }

void RandomApply::draw(Draws& draws, Program& program) const {
    if (draws.chance(p)) draw_all(of, draws, program);
}

std::string RandomApply::describe() const { return fmt::format("random_apply(p {}: {})", p, text_of(of)); }

void RandomChoice::draw(Draws& draws, Program& program) const {
    size_t chosen = 0;
    if (p.empty()) {
        chosen = static_cast<size_t>(draws.below(static_cast<int64_t>(of.size())));
    } else {
        double left = draws.uniform(0.0, std::accumulate(p.begin(), p.end(), 0.0));
        while (chosen + 1 < of.size() && left >= p[chosen]) left -= p[chosen++];
        // Rounding must not choose what has no chance.
        while (p[chosen] == 0.0 && chosen > 0) --chosen;
    }
    of[chosen]->draw(draws, program);
}

std::string RandomChoice::describe() const {
    std::string text;
    for (size_t i = 0; i < of.size(); ++i) {
        text += (i == 0 ? "" : " | ") + (p.empty() ? "" : fmt::format("{}: ", p[i])) + of[i]->describe();
    }
    return "random_choice(" + text + ")";
}

}  // namespace vitrine::transforms

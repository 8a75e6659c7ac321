// The pipelines of a recipe: see pipeline.h.

#include "data/transforms/pipeline.h"

#include <fmt/format.h>

#include "data/transforms/describe.h"

namespace vitrine {
namespace {

void draw_resize(int64_t size, Program& program) {
    if (size == 0) return;
    Draws none(0, 0, 0);
    transforms::Resize resize;
    resize.size = size;
    resize.draw(none, program);
}

std::string text_of(const ChannelNormalization& n) {
    return fmt::format("normalize(mean {:.4g} {:.4g} {:.4g}, deviation {:.4g} {:.4g} {:.4g})", n.mean[0],
                       n.mean[1], n.mean[2], n.stddev[0], n.stddev[1], n.stddev[2]);
}

/// "resize(224) → …": the parts that are there.
class Chain {
  public:
    void add(const std::string& part) { text_ += (text_.empty() ? "" : " → ") + part; }
    const std::string& text() const { return text_; }

  private:
    std::string text_;
};

}  // namespace

std::string RandomErasing::describe() const {
    const std::string filling = noise ? "noise" : fmt::format("value {} {} {}", value[0], value[1], value[2]);
    return fmt::format("random_erasing(p {}, scale {}, ratio {}, {})", p, transforms::text_of(scale),
                       transforms::text_of(ratio), filling);
}

void EvalTransform::draw(Program& program) const {
    draw_resize(resize, program);
    if (center_crop == 0) return;
    Draws none(0, 0, 0);
    transforms::CenterCrop crop;
    crop.size = center_crop;
    crop.draw(none, program);
}

ImageSize EvalTransform::size_of(ImageSize in) const {
    Program program{.width = in.width, .height = in.height};
    draw(program);
    return {program.width, program.height};
}

std::string EvalTransform::describe() const {
    Chain chain;
    if (resize != 0) chain.add(fmt::format("resize({})", resize));
    if (center_crop != 0) chain.add(fmt::format("center_crop({})", center_crop));
    chain.add(text_of(normalize));
    return chain.text();
}

void TrainTransform::draw(uint64_t seed, uint32_t epoch, uint32_t sample, Program& program) const {
    draw_resize(resize, program);
    Draws draws(seed, epoch, sample);
    for (const auto& transform : augment) transform->draw(draws, program);
}

ImageSizes TrainTransform::sizes(const ImageSizes& in) const {
    ImageSizes sizes;
    for (const ImageSize& each : in) {
        Program program{.width = each.width, .height = each.height};
        draw_resize(resize, program);
        sizes.insert({program.width, program.height});
    }
    for (const auto& transform : augment) sizes = transform->sizes(sizes);
    return sizes;
}

std::string TrainTransform::describe() const {
    Chain chain;
    if (resize != 0) chain.add(fmt::format("resize({})", resize));
    for (const auto& transform : augment) chain.add(transform->describe());
    const std::string noise_text =
        noise ? fmt::format("poisson_noise(rate {}{})", noise->rate, noise->clip ? ", clipped" : "") : "";
    if (noise && !noise->after_normalize) chain.add(noise_text);
    chain.add(text_of(normalize));
    if (noise && noise->after_normalize) chain.add(noise_text);
    for (const RandomErasing& each : erasing) chain.add(each.describe());
    if (mix.mixup_alpha) chain.add(fmt::format("mixup(alpha {})", *mix.mixup_alpha));
    if (mix.cutmix_alpha) chain.add(fmt::format("cutmix(alpha {})", *mix.cutmix_alpha));
    return chain.text();
}

}  // namespace vitrine

// What happens to the samples of a batch: see input_planner.h.

#include "data/input_planner.h"

#include <fmt/format.h>

#include <algorithm>

#include "data/transforms/batch_draws.h"
#include "engine/error.h"

namespace vitrine {
namespace {

Size2 only_size(const ImageSizes& sizes) {
    if (sizes.size() > 1) {
        const ImageSize &first = *sizes.begin(), &last = *sizes.rbegin();
        throw Error(fmt::format(
            "the training transforms leave images of {}×{} and of {}×{} pixels, but a batch has one size: "
            "let the last transform that changes it, such as random_crop or random_resized_crop, act on "
            "every image",
            first.width, first.height, last.width, last.height));
    }
    return {sizes.begin()->height, sizes.begin()->width};
}

}  // namespace

InputPlanner::InputPlanner(Size2 images, const TrainTransform& transform, uint64_t seed)
    : seed_(seed), in_(images), out_(only_size(transform.sizes({images.width, images.height}))) {
    train_ = transform;
    finish_.mean = transform.normalize.mean;
    finish_.stddev = transform.normalize.stddev;
    finish_.seed = seed;
    if (transform.noise) {
        poisson_ = poisson_table(transform.noise->rate);
        finish_.noise_after_normalize = transform.noise->after_normalize;
        finish_.clip = transform.noise->clip;
    }
}

InputPlanner::InputPlanner(Size2 images, const EvalTransform& transform)
    : in_(images), evaluation_(transform) {
    finish_.mean = transform.normalize.mean;
    finish_.stddev = transform.normalize.stddev;
    const ImageSize size = transform.size_of({images.width, images.height});
    out_ = {size.height, size.width};
}

void InputPlanner::draw_program(int64_t image, uint32_t epoch, Program& program) const {
    if (train_)
        train_->draw(seed_, epoch, static_cast<uint32_t>(image), program);
    else
        evaluation_.draw(program);
}

/// A program takes about a microsecond to draw: a batch's are drawn before threads would have started.
AugmentBatch InputPlanner::draw_programs(const Batch& batch, uint32_t epoch) const {
    AugmentBatch all;
    all.out = out_;
    all.largest = in_;
    Program program;
    for (const int64_t image : batch.distinct()) {
        program.steps.clear();
        program.width = in_.width;
        program.height = in_.height;
        draw_program(image, epoch, program);
        for (const augment::Step& step : program.steps) {
            all.largest.height = std::max<int64_t>(all.largest.height, step.out_height);
            all.largest.width = std::max<int64_t>(all.largest.width, step.out_width);
        }
        all.steps.insert(all.steps.end(), program.steps.begin(), program.steps.end());
        all.begins.push_back(static_cast<int64_t>(all.steps.size()));
    }
    return all;
}

std::vector<ErasedBox> InputPlanner::draw_boxes(const std::vector<uint32_t>& images, uint32_t epoch) const {
    std::vector<ErasedBox> boxes;
    for (const uint32_t image : images) {
        Draws draws(RandomKey{seed_, RandomPurpose::erasing, epoch, image});
        for (const RandomErasing& erasing : train_->erasing)
            boxes.push_back(draw_erasing(erasing, out_, draws));
    }
    return boxes;
}

void InputPlanner::draw_mixture(const Batch& batch, uint32_t epoch, InputPlan& plan) const {
    Draws draws(RandomKey{seed_, RandomPurpose::mix, epoch, static_cast<uint32_t>(batch.index)});
    const MixDraw mix = draw_mix(train_->mix, out_, draws);
    plan.finish.mixing = mix.mixing;
    plan.finish.lambda = mix.lambda;
    plan.finish.mixed_box = mix.box;
    if (mix.mixing == BatchMixing::none) return;
    plan.labels_b = batch.labels;
    std::rotate(plan.labels_b.begin(), plan.labels_b.end() - 1, plan.labels_b.end());
}

InputPlan InputPlanner::plan(const Batch& batch, uint32_t epoch) const {
    InputPlan plan;
    plan.labels = batch.labels;
    plan.programs = draw_programs(batch, epoch);
    plan.samples.assign(batch.distinct().begin(), batch.distinct().end());
    plan.finish = finish_;
    plan.finish.epoch = epoch;
    plan.finish.poisson = poisson_;
    if (train_) {
        plan.boxes = draw_boxes(plan.samples, epoch);
        draw_mixture(batch, epoch, plan);
    }
    plan.finish.samples = plan.samples;
    plan.finish.boxes = plan.boxes;
    return plan;
}

}  // namespace vitrine

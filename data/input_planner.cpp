// What happens to the samples of a batch: see input_planner.h.

#include "data/input_planner.h"

#include <fmt/format.h>

#include <algorithm>

#include "data/transforms/batch_draws.h"
#include "engine/error.h"

namespace vitrine {
namespace {

ImageSizes sizes_of(const ImageSet& set) {
    if (set.height > 0) return {{set.width, set.height}};
    ImageSizes sizes;
    for (int64_t i = 0; i < set.count; ++i) {
        const ImagePlace place = set.place(i);
        sizes.insert({place.width, place.height});
    }
    return sizes;
}

/// `whose` transforms these are, and what makes all images one size.
Size2 only_size(const ImageSizes& sizes, const char* whose, const char* remedy) {
    if (sizes.size() > 1) {
        const ImageSize &first = *sizes.begin(), &last = *sizes.rbegin();
        throw Error(fmt::format(
            "the {} transforms leave images of {}×{} and of {}×{} pixels, but a batch has one size: {}",
            whose, first.width, first.height, last.width, last.height, remedy));
    }
    if (sizes.empty()) return {};
    return {sizes.begin()->height, sizes.begin()->width};
}

Size2 training_size(const ImageSet& set, const TrainTransform& transform) {
    return only_size(
        transform.sizes(sizes_of(set)), "training",
        "let the last transform that changes it, such as random_crop or random_resized_crop, act on "
        "every image");
}

Size2 evaluation_size(const ImageSet& set, const EvalTransform& transform) {
    ImageSizes sizes;
    for (const ImageSize& each : sizes_of(set)) sizes.insert(transform.size_of(each));
    return only_size(sizes, "validation",
                     "cut them in [transforms], such as validation = { resize = 256, center_crop = 224 }");
}

}  // namespace

InputPlanner::InputPlanner(const ImageSet& set, const TrainTransform& transform, uint64_t seed)
    : seed_(seed), out_(training_size(set, transform)) {
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

InputPlanner::InputPlanner(const ImageSet& set, const EvalTransform& transform)
    : out_(evaluation_size(set, transform)), evaluation_(transform) {
    finish_.mean = transform.normalize.mean;
    finish_.stddev = transform.normalize.stddev;
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
    Program program;
    const std::vector<int64_t>& distinct = batch.distinct();
    for (size_t n = 0; n < distinct.size(); ++n) {
        const ImagePlace& place = batch.places[n];
        program.steps.clear();
        program.width = place.width;
        program.height = place.height;
        draw_program(distinct[n], epoch, program);
        all.add(place, program.steps);
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

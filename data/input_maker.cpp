// Samples become the network's input: see input_maker.h.

#include "data/input_maker.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <span>

#include "data/transforms/batch_draws.h"
#include "engine/error.h"
#include "engine/memory.h"
#include "engine/ops/ops.h"

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

InputMaker::InputMaker(const ImageSet& set, Placement placement)
    : placement_(placement), in_{set.height, set.width} {
    keep_whole_set(set);
}

InputMaker::InputMaker(const ImageSet& set, const TrainTransform& transform, Placement placement,
                       uint64_t seed)
    : InputMaker(set, placement) {
    seed_ = seed;
    train_ = transform;
    finish_.mean = transform.normalize.mean;
    finish_.stddev = transform.normalize.stddev;
    finish_.seed = seed;
    if (transform.noise) {
        poisson_ = poisson_table(transform.noise->rate);
        finish_.noise_after_normalize = transform.noise->after_normalize;
        finish_.clip = transform.noise->clip;
    }
    out_ = only_size(transform.sizes({set.width, set.height}));
}

InputMaker::InputMaker(const ImageSet& set, const EvalTransform& transform, Placement placement)
    : InputMaker(set, placement) {
    evaluation_ = transform;
    finish_.mean = transform.normalize.mean;
    finish_.stddev = transform.normalize.stddev;
    const ImageSize size = transform.size_of({set.width, set.height});
    out_ = {size.height, size.width};
}

void InputMaker::keep_whole_set(const ImageSet& set) {
    const Device device = placement_.device;
    if (reads_host_memory(device)) {
        rows_ = set.rows;
        whole_set_ = Tensor::of_host_memory(set.pixels.owner, set.pixels.data,
                                            {set.pixels.images, set.height, set.width, 3}, device);
        return;
    }
    if (static_cast<size_t>(set.count * set.image_bytes()) > free_memory(device) / 2) return;
    rows_.resize(static_cast<size_t>(set.count));
    std::iota(rows_.begin(), rows_.end(), 0);
    whole_set_ = Tensor::empty({set.count, set.height, set.width, 3}, {DType::u8, device});
    for (int64_t i = 0; i < set.count; ++i) {
        const auto bytes = static_cast<size_t>(set.image_bytes());
        whole_set_.assign_part(i * set.image_bytes(), std::span<const uint8_t>(set.image(i), bytes));
    }
}

void InputMaker::draw_program(int64_t sample, uint32_t epoch, Program& program) const {
    if (train_)
        train_->draw(seed_, epoch, static_cast<uint32_t>(sample), program);
    else
        evaluation_.draw(program);
}

/// A program takes about a microsecond to draw: a batch's are drawn before threads would have started.
AugmentBatch InputMaker::draw_programs(const Batch& batch, uint32_t epoch) const {
    AugmentBatch all;
    all.out = out_;
    all.largest = in_;
    Program program;
    for (const int64_t sample : batch.samples) {
        program.steps.clear();
        program.width = in_.width;
        program.height = in_.height;
        draw_program(sample, epoch, program);
        for (const augment::Step& step : program.steps) {
            all.largest.height = std::max<int64_t>(all.largest.height, step.out_height);
            all.largest.width = std::max<int64_t>(all.largest.width, step.out_width);
        }
        all.steps.insert(all.steps.end(), program.steps.begin(), program.steps.end());
        all.begins.push_back(static_cast<int64_t>(all.steps.size()));
        if (!needs_pixels()) all.samples.push_back(rows_.at(static_cast<size_t>(sample)));
    }
    return all;
}

Tensor InputMaker::sources(const Batch& batch) const {
    if (!needs_pixels()) return whole_set_;
    return Tensor::from_host(batch.images, {batch.count, in_.height, in_.width, 3},
                             {DType::u8, placement_.device});
}

std::vector<ErasedBox> InputMaker::draw_boxes(const std::vector<uint32_t>& samples, uint32_t epoch) const {
    std::vector<ErasedBox> boxes;
    for (const uint32_t sample : samples) {
        Draws draws(RandomKey{seed_, RandomPurpose::erasing, epoch, sample});
        for (const RandomErasing& erasing : train_->erasing)
            boxes.push_back(draw_erasing(erasing, out_, draws));
    }
    return boxes;
}

NetworkInput InputMaker::make(const Batch& batch, uint32_t epoch) const {
    NetworkInput input;
    const Placement labels{DType::i32, placement_.device};
    input.labels = Tensor::from_host(batch.labels, {batch.count}, labels);
    const Tensor augmented = ops::augment_images(sources(batch), draw_programs(batch, epoch));

    ImageFinish finish = finish_;
    finish.epoch = epoch;
    finish.poisson = poisson_;
    const std::vector<uint32_t> samples(batch.samples.begin(), batch.samples.end());
    finish.samples = samples;
    std::vector<ErasedBox> boxes;
    if (train_) {
        boxes = draw_boxes(samples, epoch);
        finish.boxes = boxes;
        Draws draws(RandomKey{seed_, RandomPurpose::mix, epoch, static_cast<uint32_t>(batch.index)});
        const MixDraw mix = draw_mix(train_->mix, out_, draws);
        finish.mixing = mix.mixing;
        finish.lambda = input.lambda = mix.lambda;
        finish.mixed_box = mix.box;
        if (mix.mixing != BatchMixing::none) {
            std::vector<int32_t> before = batch.labels;
            std::rotate(before.begin(), before.end() - 1, before.end());
            input.labels_b = Tensor::from_host(before, {batch.count}, labels);
        }
    }
    input.images = ops::finish_images(augmented, finish, placement_.dtype);
    return input;
}

}  // namespace vitrine

// What ops are timed in: see workloads.h.

#include "lab/common/workloads.h"

#include <fmt/format.h>

#include <memory>

#include "data/transforms/pipeline.h"
#include "engine/autograd.h"
#include "engine/ops/ops.h"
#include "engine/step/step.h"
#include "kernels/kernels.h"
#include "lab/common/random_batch.h"
#include "lab/common/random_tensor.h"
#include "models/models.h"
#include "tools/common/units.h"

namespace vitrine::tools {
namespace {

/// All trained parameters as one layer.
std::string parameters_shape(nn::Module& model) {
    const std::vector<nn::NamedParameter> parameters = model.trainable();
    int64_t count = 0;
    for (const nn::NamedParameter& named : parameters) count += named.value().count();
    return fmt::format("{} parameters in {} tensors", grouped(count), parameters.size());
}

class ModelSteps {
  public:
    ModelSteps(const std::string& model, const WorkloadOptions& options)
        : placement_{options.precision, options.device},
          model_(models::make_model(model, {.classes = options.classes, .image_size = options.image_size},
                                    placement_, /*seed=*/1)),
          training_(*model_, {.momentum = 0.9, .weight_decay = 1e-4}, /*label_smoothing=*/0.0),
          batch_(options.batch_size, options.image_size, options.classes),
          batch_shape_{options.batch_size, options.image_size, options.image_size, 3} {
        if (options.fused) model_->set_fused(*options.fused);
    }

    bool fused() const { return model_->fused(); }

    void run(LayerTimer& timer) {
        const Tensor pixels = Tensor::from_host(batch_.images, batch_shape_, {DType::u8, placement_.device});
        NetworkInput input;
        input.labels = Tensor::from_host(batch_.labels, {batch_shape_[0]}, {DType::i32, placement_.device});
        timer.start_forward();
        const ChannelNormalization normalization;
        input.images = ops::finish_images(
            pixels, {.mean = normalization.mean, .stddev = normalization.stddev}, placement_.dtype);
        training_.forward(input, /*seed=*/1, step_++);
        timer.start_backward();
        training_.backward();
        timer.time("sgd_update", parameters_shape(*model_), Pass::forward,
                   [&] { training_.update({.learning_rate = 0.001}); });
        training_.read();
    }

  private:
    Placement placement_;
    std::shared_ptr<nn::Module> model_;
    TrainingStep training_;
    RandomBatch batch_;
    Shape batch_shape_;
    uint32_t step_ = 0;
};

std::string if_not_f32(const WorkloadOptions& options) {
    return options.precision == DType::f32 ? "" : fmt::format(", {}", name_of(options.precision));
}

/// A third of the images each: turned, with another contrast, mirrored.
AugmentBatch mixed_programs(const WorkloadOptions& options) {
    AugmentBatch batch;
    batch.out = {options.image_size, options.image_size};
    const auto side = static_cast<int32_t>(options.image_size);
    for (int64_t n = 0; n < options.batch_size; ++n) {
        augment::Step step{.out_width = side, .out_height = side};
        step.op = n % 3 == 0   ? augment::OpCode::affine
                  : n % 3 == 1 ? augment::OpCode::contrast
                               : augment::OpCode::flip_horizontal;
        const int32_t matrix[6] = {65177, 6849, 0, -6849, 65177, 0};  // 6 degrees, in 1/65536
        std::copy(std::begin(matrix), std::end(matrix), std::begin(step.integers));
        step.reals[0] = 1.3;
        batch.add(place_among_equals(n, side, side), {&step, 1});
    }
    return batch;
}

/// Of half the image's size.
Shape half_size(const WorkloadOptions& options, int64_t channels) {
    const int64_t side = (options.image_size + 1) / 2;
    return {options.batch_size, side, side, channels};
}

/// What widens in an inverted residual, without the wide tensor: its moments, its depthwise convolution, and back.
class ExpandedBlock {
  public:
    /// In an image of `side` pixels; the usual widening by six.
    ExpandedBlock(const WorkloadOptions& options, int64_t side, int64_t narrow, int64_t stride)
        : narrow_(narrow),
          channels_(6 * narrow),
          shape_{options.batch_size, {side, side}, channels_, channels_, {3, 3},
                 {stride, stride},   {1, 1},       channels_},
          placement_{options.precision, options.device} {
        const Placement sums{accumulate_of(options.precision), options.device};
        for (const Shape& shape : {Shape{shape_.in_pixels(), narrow}, Shape{channels_, narrow},
                                   Shape{9, channels_}, Shape{2, narrow}, Shape{2, channels_}}) {
            const bool is_x = operands_.empty(), is_stored = operands_.size() <= weight;
            operands_.push_back(random_tensor(shape, is_stored ? placement_ : sums));
            gradients_.push_back(Tensor::empty(shape, is_x ? placement_ : sums));
        }
        y_ = Tensor::empty({shape_.out_pixels(), channels_}, placement_);
        d_y_ = random_tensor(y_.shape(), placement_);
        moments_ = Tensor::empty({2, channels_}, sums);
        d_moments_ = random_tensor(moments_.shape(), sums);
        scatter_ = Tensor::empty({1 + narrow, narrow}, sums);
    }

    void run(LayerTimer& timer) const {
        const KernelTable& table = kernels(placement_.device);
        const Size2 in = shape_.in, out = shape_.out();
        const std::string wide = fmt::format("{}x{}x{} -> {}x{}x{} s{}", in.height, in.width, narrow_,
                                             out.height, out.width, channels_, shape_.stride.height);
        const std::string sums =
            fmt::format("{}x{}x{}, {} channels", in.height, in.width, narrow_, channels_);
        timer.time("expansion_moments", sums, Pass::forward,
                   [&] { table.expansion_moments_forward(moments_forward()); });
        timer.time("expanded_conv", wide, Pass::forward,
                   [&] { table.expanded_conv_forward(conv_forward()); });
        timer.time("expanded_conv", wide, Pass::backward,
                   [&] { table.expanded_conv_backward(conv_backward()); });
        timer.time("expansion_moments", sums, Pass::backward,
                   [&] { table.expansion_moments_backward(moments_backward()); });
    }

  private:
    enum Operand : uint8_t { x, expansion, weight, narrow_scale, scale };

    static void* row(const Tensor& tensor, int64_t index) {
        return static_cast<std::byte*>(tensor.data()) +
               static_cast<size_t>(index * tensor.shape()[1]) * size_of(tensor.dtype());
    }
    Gradient gradient(Operand operand, int64_t index = 0) const { return {row(gradients_[operand], index)}; }
    Prologue prologue(Operand operand, Activation activation) const {
        return {row(operands_[operand], 0), row(operands_[operand], 1), activation};
    }

    /// What all four are given.
    template <class Args>
    Args common() const {
        Args args;
        args.dtype = placement_.dtype;
        args.narrow = narrow_;
        args.x = operands_[x].data();
        args.expansion = operands_[expansion].data();
        return args;
    }
    template <class Args>
    Args moments() const {
        Args args = common<Args>();
        args.pixels = shape_.in_pixels();
        args.channels = channels_;
        args.prologue = prologue(narrow_scale, Activation::identity);
        args.centre = row(scatter_, 0);
        args.scatter = row(scatter_, 1);
        return args;
    }
    template <class Args>
    Args conv() const {
        Args args = common<Args>();
        args.shape = shape_;
        args.narrow_prologue = prologue(narrow_scale, Activation::identity);
        args.prologue = prologue(scale, Activation::relu6);
        args.weight = operands_[weight].data();
        args.y = y_.data();
        return args;
    }

    ExpansionMomentsForward moments_forward() const {
        auto args = moments<ExpansionMomentsForward>();
        args.mean = row(moments_, 0);
        args.m2 = row(moments_, 1);
        return args;
    }
    ExpandedConvForward conv_forward() const {
        auto args = conv<ExpandedConvForward>();
        args.epilogue = {row(moments_, 0), row(moments_, 1)};
        return args;
    }
    ExpandedConvBackward conv_backward() const {
        auto args = conv<ExpandedConvBackward>();
        args.d_y = d_y_.data();
        args.mean = row(moments_, 0);
        args.d_mean = row(d_moments_, 0);
        args.d_m2 = row(d_moments_, 1);
        args.d_x = gradient(x);
        args.d_narrow_scale = gradient(narrow_scale);
        args.d_narrow_shift = gradient(narrow_scale, 1);
        args.d_expansion = gradient(expansion);
        args.d_scale = gradient(scale);
        args.d_shift = gradient(scale, 1);
        args.d_weight = gradient(weight);
        return args;
    }
    ExpansionMomentsBackward moments_backward() const {
        auto args = moments<ExpansionMomentsBackward>();
        args.d_mean = row(d_moments_, 0);
        args.d_m2 = row(d_moments_, 1);
        args.d_x = {gradient(x).data, GradMode::accumulate};
        args.d_scale = {gradient(narrow_scale).data, GradMode::accumulate};
        args.d_shift = {gradient(narrow_scale, 1).data, GradMode::accumulate};
        args.d_expansion = {gradient(expansion).data, GradMode::accumulate};
        return args;
    }

    int64_t narrow_, channels_;
    ConvShape shape_;
    Placement placement_;
    std::vector<Tensor> operands_, gradients_;  // by Operand
    Tensor y_, d_y_, moments_, d_moments_, scatter_;
};

}  // namespace

Workload model_workload(const std::string& model, const WorkloadOptions& options) {
    const auto steps = std::make_shared<ModelSteps>(model, options);
    return {fmt::format("training steps of {}, images {}x{}, batch {}{}{}", model, options.image_size,
                        options.image_size, options.batch_size, if_not_f32(options),
                        steps->fused() ? "" : ", unfused"),
            [steps](LayerTimer& timer) { steps->run(timer); }, options.device};
}

Workload add_backward_workload(const WorkloadOptions& options) {
    const Placement placement{DType::f32, options.device};
    const Tensor first = random_tensor(half_size(options, 16), placement);
    const Tensor second = random_tensor(first.shape(), placement);
    Tensor x = Tensor::like(first);
    x.require_gradient();
    const std::string shape = fmt::format("{}x{}x{}", x.shape()[1], x.shape()[2], x.shape()[3]);
    const auto run = [x, first, second, shape](LayerTimer& timer) {
        x.slot()->clear();
        const Gradient sum = x.slot()->receive();
        kernels(x.device())
            .add_backward(
                {.dtype = x.dtype(), .count = x.count(), .d_y = first.data(), .d_a = sum, .d_b = {}});
        timer.time("add", shape, Pass::backward, [&] { x.slot()->contribute(second); });
    };
    return {fmt::format("the second gradient of a tensor added to the first, batch {}", options.batch_size),
            run, options.device};
}

Workload optimiser_workload(const WorkloadOptions& options) {
    const Placement placement{DType::f32, options.device};
    const std::shared_ptr<nn::Module> model = models::make_model(
        models::benchmark_model().name, {.classes = options.classes, .image_size = options.image_size},
        placement, /*seed=*/1);
    const auto state = std::make_shared<FlatState>(model->state());
    const auto optimiser = std::make_shared<optim::Sgd>(*state, optim::SgdOptions{});
    for (const nn::NamedParameter& named : model->trainable())
        named.value().slot()->contribute(random_tensor(named.value().shape(), placement));
    const auto average = std::make_shared<optim::Ema>(*state);
    average->update(0.9);  // the first one only copies
    const auto scalars = std::make_shared<StepScalars>(placement);
    const std::string all = parameters_shape(*model);
    const auto run = [model, state, optimiser, average, scalars, all](LayerTimer& timer) {
        Tensor length;
        timer.time("l2_norm", all, Pass::forward, [&] { length = optimiser->gradient_norm(); });
        timer.time("decide_update", "one decision", Pass::forward, [&] {
            kernels(length.device())
                .decide_update({.dtype = length.dtype(),
                                .norm = length.data(),
                                .clip_norm = 1.0,
                                .record = scalars->next_update(),
                                .state = scalars->state(),
                                .decision = scalars->decision()});
        });
        scalars->read();
        timer.time("ema_update", all, Pass::forward, [&] { average->update(0.9); });
    };
    return {fmt::format("the norm of {}'s gradients and the average of its weights",
                        models::benchmark_model().name),
            run, options.device};
}

Workload expansion_workload(const WorkloadOptions& options) {
    const auto blocks = std::make_shared<std::vector<ExpandedBlock>>();
    const auto add = [&](int64_t fraction, int64_t narrow, int64_t stride) {
        blocks->emplace_back(options, (options.image_size + fraction - 1) / fraction, narrow, stride);
    };
    add(2, 16, 2);
    add(4, 24, 1);
    add(4, 24, 2);
    add(8, 32, 1);
    add(16, 96, 1);
    const auto run = [blocks](LayerTimer& timer) {
        for (const ExpandedBlock& block : *blocks) block.run(timer);
    };
    return {fmt::format("inverted residuals without their wide tensors, images {0}x{0}, batch {1}{2}",
                        options.image_size, options.batch_size, if_not_f32(options)),
            run, options.device};
}

Workload augment_workload(const WorkloadOptions& options) {
    const RandomBatch random(options.batch_size, options.image_size, options.classes);
    const Tensor images =
        Tensor::from_host(random.images, {options.batch_size, options.image_size, options.image_size, 3},
                          {DType::u8, options.device});
    const AugmentBatch batch = mixed_programs(options);
    const auto run = [images, batch](LayerTimer& timer) {
        timer.start_forward();
        ops::augment_images(images, batch);
    };
    return {fmt::format("rotation, contrast and flips, batch {}", options.batch_size), run, options.device};
}

}  // namespace vitrine::tools

// The course: see graphed_course.h.

#include "tests/models/graphed_course.h"

#include <memory>

#include "engine/nn/layers.h"
#include "engine/ops/ops.h"
#include "engine/random.h"
#include "engine/step/input.h"
#include "kernels/optim.h"
#include "kernels/simt/launch.h"

namespace vitrine::tests {
namespace {

constexpr int64_t images = 10, side = 6, classes = 7, channels = 4;
constexpr uint64_t seed = 3;

class Pool : public nn::Module {
  public:
    std::string kind() const override { return "Pool"; }

  protected:
    Pending forward(const Pending& x) override { return ops::global_average_pool(x); }
};

/// Convolution, batch norm and activation, fused; dropout before the last layer.
std::unique_ptr<nn::Sequential> make_network(Placement placement) {
    auto model = std::make_unique<nn::Sequential>();
    nn::append_normalised(*model, {.in_channels = 3, .out_channels = channels, .bias = false}, placement);
    model->append<nn::ActivationLayer>(Activation::relu);
    model->append<Pool>();
    model->append<nn::Dropout>(0.3);
    model->append<nn::Linear>(nn::LinearOptions::torch_default(channels, classes), placement);
    nn::initialise(*model, seed);
    model->set_fused(true);
    return model;
}

Tensor make_images(Device device) {
    std::vector<uint8_t> pixels(static_cast<size_t>(images * side * side * 3));
    const RandomKey key{.seed = seed};
    for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<uint8_t>(random_below(key, i, 256));
    return Tensor::from_host(pixels, {images, side, side, 3}, {DType::u8, device});
}

/// Batch `number`: 4 images, the last of five 2, each moved by a pixel and brightened. Every second batch is mixed, now
/// more of the one label, now of the other.
InputPlan make_plan(uint32_t number) {
    InputPlan plan;
    plan.programs.out = {side, side};
    const uint32_t count = number % 5 == 4 ? 2 : 4;
    for (uint32_t n = 0; n < count; ++n) {
        const uint32_t image = (4 * number + n) % images;
        augment::Step moved{.op = augment::OpCode::offset, .out_width = side, .out_height = side};
        moved.integers[0] = static_cast<int32_t>(number % 3) - 1;
        augment::Step brighter{.op = augment::OpCode::brightness, .out_width = side, .out_height = side};
        brighter.reals[0] = 0.5 + 0.1 * static_cast<double>(number % 7);
        const std::vector<augment::Step> program{moved, brighter};
        plan.programs.add(place_among_equals(image, side, side), program);
        plan.labels.push_back(static_cast<int32_t>((image + number) % classes));
    }
    if (number % 2 == 1) {
        plan.labels_b.assign(plan.labels.rbegin(), plan.labels.rend());
        plan.finish.mixing = BatchMixing::mixup;
        plan.finish.lambda = 0.1 + 0.07 * static_cast<double>(number % 13);
    }
    return plan;
}

UpdateOptions options_at(uint32_t step, int accumulate) {
    return {.learning_rate = 0.1 / (1.0 + 0.05 * step),
            .momentum = 0.8 + 0.003 * step,
            .batches = accumulate,
            .clip_norm = 1.5,
            .skip_outliers = 50.0};
}

void add_numbers(CourseResult& result, const Tensor& tensor) {
    if (!tensor.defined()) return;
    const std::vector<double> values = tensor.to_host<double>();
    result.numbers.insert(result.numbers.end(), values.begin(), values.end());
}

void read(CourseResult& result, TrainingStep& training) {
    const StepScalars::Reading reading = training.read();
    for (const BatchResult& batch : reading.batches) {
        result.losses.push_back(batch.loss);
        result.losses.push_back(static_cast<double>(batch.top1));
    }
    for (const UpdateResult& update : reading.updates) result.norms.push_back(update.norm);
}

}  // namespace

CourseResult take_course(const Course& course, bool graphs, Device device) {
    const Placement placement{course.precision, device};
    const auto model = make_network(placement);
    TrainingStep training(*model, {.momentum = 0.8, .weight_decay = 1e-3}, /*label_smoothing=*/0.1);
    training.keep_average(0.9);
    if (course.precision == DType::f16) training.scale_loss({LossScale::most, 0});
    if (!course.class_weights.empty()) training.weigh_classes(course.class_weights);
    const Tensor pixels = make_images(device);
    std::unique_ptr<StepGraph> graph;
    if (graphs) graph = std::make_unique<StepGraph>(training);
    CourseResult result;
    uint32_t number = 0;
    for (uint32_t step = 0; step < course.steps; ++step) {
        if (course.before) course.before(step, training, graph.get());
        for (int i = 0; i < course.accumulate; ++i, ++number) {
            const NetworkInput input = make_input(pixels, make_plan(number), placement.dtype);
            std::optional<UpdateOptions> update;
            if (i + 1 == course.accumulate) update = options_at(step, course.accumulate);
            if (graph) {
                graph->run(input, seed, number, update);
            } else {
                training.accumulate(input, seed, number);
                if (update) training.update(*update);
            }
        }
        if (step % 10 == 9 || training.must_read()) read(result, training);
    }
    read(result, training);
    add_numbers(result, training.state().values());
    for (size_t i = 0; i < training.state().parameters().size(); ++i) {
        if (training.state().is_counter(i)) add_numbers(result, training.state().parameter(i).value);
        if (training.state().is_trained(i)) add_numbers(result, training.optimiser().momentum(i));
    }
    for (const SafeTensor& tensor : training.average()->state().tensors) {
        const std::vector<double> values = tensor.values();
        result.numbers.insert(result.numbers.end(), values.begin(), values.end());
    }
    if (graph) {
        result.counts = graph->counts();
        result.problem = graph->problem();
    }
    return result;
}

}  // namespace vitrine::tests

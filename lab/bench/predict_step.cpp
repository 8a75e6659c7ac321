// bench step --predict: see predict_step.h.

#include "lab/bench/predict_step.h"

#include <algorithm>
#include <cstring>

#include "kernels/call_observer.h"
#include "lab/common/kernel_name.h"
#include "lab/common/workloads.h"

namespace vitrine::tools {
namespace {

bool is_product(std::string_view op) {
    return op == "dense_conv" || op == "pointwise_conv" || op == "depthwise_conv" || op == "linear";
}

/// Operations a second. Products over channels are for tensor cores where these take the type; f32 goes without them
/// (kernels/cuda: "tensor_cores" only where asked for), and a depthwise convolution has no channels to sum over.
double peak_of(std::string_view op, const Gpu& gpu, DType precision) {
    double tensor = 0.0;
    if (precision == DType::f16) tensor = gpu.tensor_f16;
    if (precision == DType::bf16) tensor = gpu.tensor_bf16;
    return tensor > 0.0 && op != "depthwise_conv" ? tensor : gpu.flops(precision);
}

/// The H100's stands in the table as what a copy reaches.
double copy_bandwidth(const Gpu& gpu) {
    return std::strcmp(gpu.name, "h100") == 0 ? gpu.bandwidth : copied_share * gpu.bandwidth;
}

std::vector<StepCall> calls_with(const StepBenchOptions& options, int64_t batch_size) {
    LayerTimer timer(model_workload(options.model, {.device = Device::cpu,
                                                    .precision = options.precision,
                                                    .image_size = options.image_size,
                                                    .batch_size = batch_size,
                                                    .classes = options.classes}));
    std::vector<StepCall> calls;
    const CallObserver observer([&](const KernelCall& call) {
        if (std::string_view(call.kernel) != "finish_images") calls.push_back({call.kernel, call.least});
    });
    timer.run();  // the second step, as the first has no momentum to read
    return calls;
}

/// The straight line through what 2 and 4 images take.
double at_batch(double two, double four, int64_t batch_size) {
    return two + (four - two) / 2.0 * static_cast<double>(batch_size - 2);
}

StepBenchOptions with_image_size(StepBenchOptions options) {
    if (options.image_size == 0) options.image_size = models::model_from_name(options.model).image_size;
    return options;
}

}  // namespace

const char* name_of(Bound bound) {
    switch (bound) {
        case Bound::memory:
            return "memory";
        case Bound::arithmetic:
            return "arithmetic";
        case Bound::launch:
            return "launch";
    }
    return "";
}

Reach reach_of(std::string_view op) {
    if (is_product(op)) return {.worst = 0.14, .best = 0.40};
    if (op == "batch_norm") return {.worst = 0.31, .best = 0.44};
    return {.worst = 0.89, .best = 1.0};
}

PredictedTime& PredictedTime::operator+=(const PredictedTime& other) {
    roofline += other.roofline;
    best += other.best;
    worst += other.worst;
    for (size_t i = 0; i < std::size(bound_by); ++i) bound_by[i] += other.bound_by[i];
    return *this;
}

Bound PredictedTime::bound() const {
    return static_cast<Bound>(std::ranges::max_element(bound_by) - std::begin(bound_by));
}

PredictedTime predict_call(std::string_view kernel, const Cost& cost, const Gpu& gpu, DType precision) {
    const std::string op = parts_of(kernel).op;
    const Reach reach = reach_of(op);
    const double memory = cost.bytes() / copy_bandwidth(gpu);
    const double arithmetic = cost.flops / peak_of(op, gpu, precision);
    PredictedTime time;
    time.roofline = std::max(memory, arithmetic);
    time.best = time.roofline / reach.best + launch_gap;
    time.worst = time.roofline / reach.worst + launch_gap;
    const Bound bound = time.roofline / reach.best < launch_gap ? Bound::launch
                        : arithmetic > memory                   ? Bound::arithmetic
                                                                : Bound::memory;
    time.bound_by[static_cast<size_t>(bound)] = time.best;
    return time;
}

std::vector<StepCall> calls_of_step(const StepBenchOptions& options) {
    const StepBenchOptions sized = with_image_size(options);
    std::vector<StepCall> calls = calls_with(sized, 2);
    const std::vector<StepCall> four = calls_with(sized, 4);
    for (size_t i = 0; i < calls.size(); ++i) {
        Cost& least = calls[i].least;
        const Cost& more = four.at(i).least;
        least = {.bytes_read = at_batch(least.bytes_read, more.bytes_read, options.batch_size),
                 .bytes_written = at_batch(least.bytes_written, more.bytes_written, options.batch_size),
                 .flops = at_batch(least.flops, more.flops, options.batch_size)};
    }
    return calls;
}

StepPrediction predict_step(const StepBenchOptions& options) {
    StepPrediction prediction;
    prediction.image_size = with_image_size(options).image_size;
    prediction.total.kernel = "step";
    for (const StepCall& call : calls_of_step(options)) {
        auto found = std::ranges::find(prediction.kernels, call.kernel, &KernelPrediction::kernel);
        if (found == prediction.kernels.end())
            found = prediction.kernels.insert(found, {.kernel = call.kernel, .cost = {}, .time = {}});
        const PredictedTime time =
            predict_call(call.kernel, call.least, *options.predict_for, options.precision);
        for (KernelPrediction* sum : {&*found, &prediction.total}) {
            ++sum->calls;
            sum->cost += call.least;
            sum->time += time;
        }
    }
    std::ranges::sort(prediction.kernels, std::greater{},
                      [](const KernelPrediction& kernel) { return kernel.time.worst; });
    return prediction;
}

}  // namespace vitrine::tools

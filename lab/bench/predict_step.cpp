// bench step --predict: see predict_step.h.

#include "lab/bench/predict_step.h"

#include <algorithm>
#include <utility>

#include "lab/common/kernel_name.h"
#include "lab/predict/counted_step.h"
#include "lab/predict/kernel_codes.h"

namespace vitrine::tools {
namespace {

double peak_of(std::string_view op, const Gpu& gpu, DType precision) {
    double tensor = 0.0;
    if (precision == DType::f16) tensor = gpu.tensor_f16;
    if (precision == DType::bf16) tensor = gpu.tensor_bf16;
    return tensor > 0.0 && op != "depthwise_conv" ? tensor : gpu.flops(precision);
}

predict::CountedStepOptions counting(const StepBenchOptions& options, int architecture) {
    predict::CountedStepOptions counted{.model = options.model,
                                        .precision = options.precision,
                                        .image_size = options.image_size,
                                        .batch_size = options.batch_size,
                                        .classes = options.classes};
    if (counted.image_size == 0) counted.image_size = models::model_from_name(options.model).image_size;
    counted.compute_capability = architecture > 0 ? architecture : options.predict_for->compute_capability;
    return counted;
}

/// Bytes of memory that each of a call's launches moves. All of them together move each operand once if the cache keeps these from one
/// launch to the next; else a launch moves what it asks for, at most all operands.
std::vector<double> bytes_of_launches(const predict::CountedCall& call, const Gpu& gpu) {
    const double least = call.least.bytes();
    double asked = 0.0;
    for (const predict::LaunchCounts& launch : call.launches) asked += launch.bytes();
    // Under sanitizers nothing is counted.
    const auto share = [&](const predict::LaunchCounts& launch) {
        return asked > 0.0 ? launch.bytes() / asked : 1.0 / static_cast<double>(call.launches.size());
    };
    const bool kept = call.launches.size() == 1 || least <= gpu.cache_bytes || asked == 0.0;
    std::vector<double> bytes;
    for (const predict::LaunchCounts& launch : call.launches)
        bytes.push_back(kept ? least * share(launch) : std::min(least, launch.bytes()));
    return bytes;
}

/// The item with this name, a new one at the end if there is none.
template <class Item>
Item& item_of(std::vector<Item>& items, std::string Item::*name, const std::string& wanted) {
    const auto found = std::ranges::find(items, wanted, name);
    if (found != items.end()) return *found;
    Item& added = items.emplace_back();
    added.*name = wanted;
    return added;
}

class Predictor {
  public:
    explicit Predictor(const StepBenchOptions& options)
        : options_(options), codes_(VITRINE_CUDA_OBJECTS, options.predict_for->compute_capability) {
        prediction_.architecture = codes_.architecture();
        prediction_.total.kernel = "step";
    }

    int architecture() const { return codes_.architecture(); }

    void add(const predict::CountedCall& call) {
        KernelPrediction one;
        one.calls = 1;
        one.launches = static_cast<int>(call.launches.size());
        one.cost = call.least;
        one.time.roofline = call_roofline(call.kernel, call.least, *options_.predict_for, options_.precision);
        const std::vector<double> bytes = bytes_of_launches(call, *options_.predict_for);
        for (size_t i = 0; i < call.launches.size(); ++i) add(call.launches[i], bytes[i], one.time);
        item_of(prediction_.kernels, &KernelPrediction::kernel, call.kernel) += one;
        prediction_.total += one;
    }

    StepPrediction finish() {
        std::ranges::sort(prediction_.kernels, std::greater{},
                          [](const KernelPrediction& kernel) { return kernel.time.worst; });
        std::ranges::sort(prediction_.functions, std::greater{}, &FunctionPrediction::best);
        return std::move(prediction_);
    }

  private:
    void add(const predict::LaunchCounts& launch, double bytes, PredictedTime& time) {
        const resources::KernelResources* code = codes_.find(launch.kernel);
        if (code == nullptr || !code->code) ++prediction_.unknown_launches;
        const predict::LaunchTime one =
            predict::launch_time(launch, bytes, code, *options_.predict_for, options_.precision);
        time.best += one.best();
        time.worst += one.worst();
        time.bound_by[static_cast<size_t>(one.bound())] += one.best();
        FunctionPrediction& function =
            item_of(prediction_.functions, &FunctionPrediction::function, launch.kernel);
        ++function.launches;
        function.best += one.best();
        for (size_t i = 0; i < one.seconds.size(); ++i) function.seconds[i] += one.seconds[i];
    }

    const StepBenchOptions& options_;
    const predict::KernelCodes codes_;
    StepPrediction prediction_;
};

}  // namespace

PredictedTime& PredictedTime::operator+=(const PredictedTime& other) {
    roofline += other.roofline;
    best += other.best;
    worst += other.worst;
    for (size_t i = 0; i < bound_by.size(); ++i) bound_by[i] += other.bound_by[i];
    return *this;
}

KernelPrediction& KernelPrediction::operator+=(const KernelPrediction& other) {
    calls += other.calls;
    launches += other.launches;
    cost += other.cost;
    time += other.time;
    return *this;
}

predict::Bound PredictedTime::bound() const {
    return static_cast<predict::Bound>(std::ranges::max_element(bound_by) - bound_by.begin());
}

double call_roofline(std::string_view kernel, const Cost& least, const Gpu& gpu, DType precision) {
    return std::max(least.bytes() / predict::copy_bandwidth(gpu),
                    least.flops / peak_of(parts_of(kernel).op, gpu, precision));
}

StepPrediction predict_step(const StepBenchOptions& options) {
    Predictor predictor(options);
    const predict::CountedStepOptions counted = counting(options, predictor.architecture());
    for (const predict::CountedCall& call : predict::count_step(counted)) predictor.add(call);
    StepPrediction prediction = predictor.finish();
    prediction.image_size = counted.image_size;
    return prediction;
}

}  // namespace vitrine::tools

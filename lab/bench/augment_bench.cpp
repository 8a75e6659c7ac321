// bench augment: see augment_bench.h.

#include "lab/bench/augment_bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <numeric>

#include "data/parallel.h"
#include "engine/error.h"
#include "engine/ops/ops.h"
#include "engine/step/step.h"
#include "kernels/threads.h"
#include "lab/common/device_clock.h"
#include "lab/common/random_batch.h"
#include "models/models.h"
#include "tools/common/host_batch.h"
#include "tools/common/input_maker.h"

namespace vitrine::tools {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* normalize =
    "normalize = { mean = [0.485, 0.456, 0.406], std = [0.229, 0.224, 0.225] }\n";

/// Each op as it is applied to every image.
std::vector<AugmentCase> op_cases(int64_t size) {
    const auto one = [](const std::string& name, const std::string& op) {
        return AugmentCase{name, "augment = [ { op = \"" + op + " } ]\n"};
    };
    const auto jitter = [&](const std::string& name) {
        return one(name, "color_jitter\", " + name + (name == "hue" ? " = [0.1, 0.4]" : " = [0.3, 0.9]"));
    };
    return {one("horizontal flip", "random_horizontal_flip\", p = 1"),
            one("vertical flip", "random_vertical_flip\", p = 1"),
            one("rotation", "random_rotation\", degrees = [10, 40]"),
            one("affine", "random_affine\", degrees = 30, scale = [0.8, 1.2], shear = 10"),
            one("translation", "random_affine\", degrees = 0, translate = [0.1, 0.1]"),
            one("crop", fmt::format("random_crop\", size = {}, padding = 8", size)),
            one("resized crop", fmt::format("random_resized_crop\", size = {}", size)),
            jitter("brightness"),
            jitter("contrast"),
            jitter("saturation"),
            jitter("hue"),
            one("grayscale", "random_grayscale\", p = 1"),
            one("posterize", "random_posterize\", bits = 2, p = 1"),
            one("solarize", "random_solarize\", threshold = 128, p = 1"),
            one("autocontrast", "random_autocontrast\", p = 1"),
            one("equalize", "random_equalize\", p = 1"),
            one("sharpness", "random_adjust_sharpness\", factor = 1.5, p = 1"),
            one("rand augment", "rand_augment\""),
            one("trivial augment", "trivial_augment_wide\"")};
}

/// `count` different images, each of them its own class.
ImageSet random_images(int64_t count, int64_t side) {
    const RandomBatch batch(count, side, count);
    const int64_t bytes = 3 * side * side;
    std::vector<Image> images;
    for (auto from = batch.images.begin(); from != batch.images.end(); from += bytes)
        images.push_back({side, side, {from, from + bytes}});
    ImageSet set = unlabelled_set(images);
    std::iota(set.labels.begin(), set.labels.end(), 0);
    return set;
}

TrainTransform transform_of(const AugmentCase& one) {
    return parse_transforms("[transforms]\n" + one.transforms, one.name).train;
}

/// Two that do not count, then `steps` that do, each until the device has finished.
std::vector<double> timed(Device device, int steps, const std::function<void(uint32_t)>& run) {
    DeviceClock clock(device);
    std::vector<double> seconds;
    for (int i = -2; i < steps; ++i) {
        const auto start = Clock::now();
        run(static_cast<uint32_t>(i + 2));
        clock.wait();
        if (i >= 0) seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count());
    }
    return seconds;
}

AugmentTime time_op(const AugmentCase& one, const AugmentBenchOptions& options) {
    const int64_t size = options.image_size;
    const RandomBatch random(options.batch_size, size, 10);
    const Tensor images =
        Tensor::from_host(random.images, {options.batch_size, size, size, 3}, {DType::u8, options.device});
    const TrainTransform transform = transform_of(one);
    AugmentTime time{.name = one.name, .refused = {}, .seconds = {}};
    time.bytes = 2.0 * static_cast<double>(images.bytes());
    time.seconds = timed(options.device, options.steps, [&](uint32_t epoch) {
        AugmentBatch batch;
        batch.out = {size, size};
        for (int64_t n = 0; n < options.batch_size; ++n) {
            Program program{.width = size, .height = size};
            transform.draw(1, epoch, static_cast<uint32_t>(n), program);
            batch.add(place_among_equals(n, size, size), program.steps);
        }
        ops::augment_images(images, batch);
    });
    return time;
}

AugmentTime time_pipeline(const AugmentCase& one, const AugmentBenchOptions& options) {
    const ImageSet set = random_images(options.batch_size, options.source_size);
    const Batch batch = whole_batch(set);
    AugmentTime time{.name = one.name, .refused = {}, .seconds = {}};
    try {
        const InputMaker maker(set, transform_of(one), {DType::f32, options.device}, /*seed=*/1);
        time.bytes =
            static_cast<double>(set.bytes()) + static_cast<double>(maker.make(batch, 0).images.bytes());
        time.seconds =
            timed(options.device, options.steps, [&](uint32_t epoch) { maker.make(batch, epoch); });
    } catch (const Error& error) {
        time.refused = error.what();
    }
    return time;
}

double seconds_per_program(const TrainTransform& transform, const AugmentBenchOptions& options,
                           int thread_count) {
    const int64_t block = 4096, blocks = (options.programs + block - 1) / block;
    const auto start = Clock::now();
    parallel_for(blocks, thread_count, [&](int64_t first) {
        Program program;
        for (int64_t i = first * block; i < (first + 1) * block; ++i) {
            program.width = program.height = options.source_size;
            program.steps.clear();
            transform.draw(1, 1, static_cast<uint32_t>(i), program);
        }
    });
    return std::chrono::duration<double>(Clock::now() - start).count() / static_cast<double>(blocks * block);
}

std::vector<double> time_steps(const AugmentBenchOptions& options) {
    const Placement placement{DType::f32, options.device};
    const auto model = models::make_model(
        options.model, {.classes = options.classes, .image_size = options.image_size}, placement, /*seed=*/1);
    TrainingStep step(*model, {.momentum = 0.9, .weight_decay = 1e-4},
                      /*label_smoothing=*/0.0);
    const RandomBatch random(options.batch_size, options.image_size, options.classes);
    const HostBatch batch{random.images, random.labels, options.image_size};
    return timed(options.device, std::max(options.steps / 3, 3), [&](uint32_t i) {
        step.accumulate(upload(batch, {}, placement), /*seed=*/1, i);
        step.update({.learning_rate = 0.001});
        step.read();
    });
}

}  // namespace

std::vector<AugmentCase> pipeline_cases(int64_t image_size) {
    const std::string begin = fmt::format("resize = {}\n{}", image_size, normalize);
    const std::string flip = "{ op = \"random_horizontal_flip\" }",
                      rotation = "{ op = \"random_rotation\", degrees = 45 }",
                      gray = "{ op = \"random_grayscale\", p = 0.2 }",
                      jitter = "{ op = \"color_jitter\", brightness = 0.5, contrast = 0.6 }",
                      posterize = "{ op = \"random_posterize\", bits = 2 }",
                      policy = "{ op = \"rand_augment\" }";
    const std::string heavy =
        fmt::format("{}augment = [ {}, {}, {}, {{ op = \"random_vertical_flip\", p = 0.05 }}, {} ]\n", begin,
                    jitter, rotation, flip, gray);
    return {
        {"resize and normalize", begin},
        {"jitter, rotation, flips, grayscale", heavy},
        {"the same with Poisson noise",
         heavy + "noise = { op = \"poisson_noise\", rate = 5, after_normalize = true }\n"},
        {"posterize, rand_augment", fmt::format("{}augment = [ {}, {} ]\n", begin, posterize, policy)},
        {"nested random_choice",
         fmt::format("{}augment = [ {{ op = \"random_choice\", p = [0.2, 0.4, 0.4], of = [ [ {}, {}, {} ], "
                     "{{ op = \"random_choice\", of = [ {}, {}, {}, {} ] }}, "
                     "{{ op = \"trivial_augment_wide\" }} ] }} ]\n",
                     begin, flip, posterize, policy, jitter, rotation, flip, gray)}};
}

AugmentBenchResult bench_augment(const AugmentBenchOptions& given) {
    AugmentBenchOptions options = given;
    if (options.image_size == 0) options.image_size = models::model_from_name(options.model).image_size;
    AugmentBenchResult result;
    result.image_size = options.image_size;
    for (const AugmentCase& one : pipeline_cases(options.image_size)) {
        const TrainTransform transform = transform_of(one);
        result.plans.push_back({one.name, seconds_per_program(transform, options, 1),
                                seconds_per_program(transform, options, threads())});
    }
    if (options.plan_only) return result;
    for (const AugmentCase& one : op_cases(options.image_size)) result.ops.push_back(time_op(one, options));
    for (const AugmentCase& one : pipeline_cases(options.image_size))
        result.pipelines.push_back(time_pipeline(one, options));
    result.step_seconds = time_steps(options);
    return result;
}

}  // namespace vitrine::tools

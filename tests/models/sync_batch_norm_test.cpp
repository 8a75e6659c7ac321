// Shards whose batch norms have their statistics in common (engine/step/lockstep.h): a batch in shards is the batch in one piece.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/checkpoint.h"
#include "engine/error.h"
#include "engine/step/step.h"
#include "engine/trace.h"
#include "kernels/threads.h"
#include "models/models.h"
#include "tests/models/step_setting.h"

using namespace vitrine;
using vitrine::tests::batch_for;
using vitrine::tests::Setting;

namespace {

constexpr int64_t images_of_batch = 12;

enum class Statistics { of_shards, of_batch };

/// How a course of steps is run.
struct Course {
    Setting setting;
    Placement placement;
    int64_t shards = 1;
    Statistics statistics = Statistics::of_batch;
    int64_t accumulate = 1;
    std::string frozen{};  // parameters whose names begin so, and the batch norms among them
    int steps = 4;
};

std::shared_ptr<nn::Module> make_model(const Course& course) {
    const auto model = models::make_model(
        course.setting.model,
        {.classes = 3, .image_size = course.setting.image_size, .variant = course.setting.variant},
        course.placement, 5);
    model->set_fused(true);
    return model;
}

/// Part k of the images of a batch.
NetworkInput part_of(const Course& course, int64_t k) {
    const Setting whole{course.setting.model, course.setting.image_size, images_of_batch,
                        course.setting.variant};
    const NetworkInput batch = batch_for(whole, course.placement);
    const int64_t count = images_of_batch / course.shards;
    const Shape shape{count, course.setting.image_size, course.setting.image_size, 3};
    NetworkInput part;
    part.images = Tensor::empty(shape, course.placement);
    part.images.assign_copy(batch.images.part(k * shape.count(), shape));
    part.labels = Tensor::empty({count}, batch.labels.placement());
    part.labels.assign_copy(batch.labels.part(k * count, {count}));
    return part;
}

std::vector<NetworkInput> parts_of(const Course& course) {
    std::vector<NetworkInput> parts;
    for (int64_t k = 0; k < course.shards; ++k) parts.push_back(part_of(course, k));
    return parts;
}

void divide(TrainingStep& step, const Course& course) {
    step.divide_batches(course.shards);
    if (course.shards > 1 && course.statistics == Statistics::of_batch) step.synchronise_batch_norm();
}

void run_batch(TrainingStep& step, const std::vector<NetworkInput>& parts, uint32_t number) {
    if (step.synchronises_batch_norm()) return step.accumulate_together(parts, 1, number);
    for (const NetworkInput& part : parts) step.accumulate(part, 1, number++);
}

void freeze(nn::Module& model, TrainingStep& step, const std::string& frozen) {
    if (frozen.empty()) return;
    step.state().freeze([&](size_t i) { return step.state().parameters()[i].name.starts_with(frozen); });
    model.for_each_module([&](const std::string& path, nn::Module& module) {
        if (module.kind() == "BatchNorm2d" && path.starts_with(frozen)) module.keep_in_evaluation(true);
    });
}

/// What a course leaves, by name: losses, values and gradients, those of shards divided by their number, which the update does.
using Numbers = std::map<std::string, std::vector<double>>;

Numbers outcome(const Course& course) {
    const auto model = make_model(course);
    TrainingStep step(*model, {.momentum = 0.9, .weight_decay = 1e-4}, 0.1);
    divide(step, course);
    freeze(*model, step, course.frozen);
    const std::vector<NetworkInput> parts = parts_of(course);
    Numbers numbers;
    uint32_t number = 0;
    for (int i = 0; i < course.steps; ++i) {
        for (int64_t batch = 0; batch < course.accumulate;
             ++batch, number += static_cast<uint32_t>(course.shards))
            run_batch(step, parts, number);
        step.update({.learning_rate = 0.0005, .batches = course.accumulate});
    }
    for (const BatchResult& batch : step.read().batches) numbers["losses"].push_back(batch.loss);
    for (const nn::NamedParameter& named : model->state()) {
        numbers[named.name] = named.value().to_host<double>();
        const Tensor gradient = named.value().gradient();
        if (!gradient.defined()) continue;
        std::vector<double>& mean = numbers["gradient of " + named.name] = gradient.to_host<double>();
        for (double& value : mean) value /= static_cast<double>(course.shards);
    }
    return numbers;
}

/// The largest difference between numbers of the same name, over the largest of these numbers.
double distance(const Numbers& a, const Numbers& b) {
    double largest = 0.0;
    CHECK(a.size() == b.size());
    for (const auto& [name, values] : a) {
        const std::vector<double>& others = b.at(name);
        double difference = 0.0, size = 1e-3;  // of gradients that are rounding alone
        for (size_t i = 0; i < values.size(); ++i) {
            difference = std::max(difference, std::abs(values[i] - others[i]));
            size = std::max(size, std::abs(values[i]));
        }
        largest = std::max(largest, difference / size);
    }
    return largest;
}

void check_is_whole_batch(Course course) {
    const std::string what = fmt::format("{} on {} in {} shards", course.setting.model,
                                         name_of(course.placement.device), course.shards);
    CAPTURE(what);
    const Numbers together = outcome(course);
    course.statistics = Statistics::of_shards;
    const Numbers apart = outcome(course);
    course.shards = 1;
    const Numbers whole = outcome(course);
    const double of_batch = distance(whole, together), of_shards = distance(whole, apart);
    CHECK(of_batch < 1e-11);
    CHECK(of_shards > 1e-3);
}

const Setting basic{"basic_block_net", 16, 0};
const Setting mobile{"mobilenet_v2", 64, 0, {.width_mult = 0.25, .dropout = 0.0}};
const Setting dropping{"mobilenet_v2", 32, 0, {.width_mult = 0.25, .dropout = 0.5}};

bool same_bits(const SafeTensors& a, const SafeTensors& b) {
    return a.tensors.size() == b.tensors.size() &&
           std::ranges::all_of(a.tensors,
                               [&](const SafeTensor& each) { return each.bytes == b.at(each.name).bytes; });
}

}  // namespace

TEST_CASE("sync batch norm: a batch in shards is the batch in one piece") {
    const Placement cpu{DType::f64, Device::cpu};
    for (const int64_t shards : {2, 3, 4, 6}) check_is_whole_batch({basic, cpu, shards});
    check_is_whole_batch({mobile, cpu, 3});
    check_is_whole_batch({mobile, cpu, 4});
    check_is_whole_batch(
        {.setting = basic, .placement = {DType::f64, Device::reference}, .shards = 4, .steps = 2});
    check_is_whole_batch(
        {.setting = basic, .placement = {DType::f64, Device::simt}, .shards = 3, .steps = 1});
}

TEST_CASE("sync batch norm: so it is with frozen parts, and with several batches in a step") {
    const Placement cpu{DType::f64, Device::cpu};
    check_is_whole_batch({.setting = basic, .placement = cpu, .shards = 3, .accumulate = 2});
    check_is_whole_batch({.setting = mobile, .placement = cpu, .shards = 4, .frozen = "features.0"});
    check_is_whole_batch(
        {.setting = mobile, .placement = cpu, .shards = 3, .accumulate = 2, .frozen = "features.1"});
}

TEST_CASE("sync batch norm: f32 and bf16 train, too") {
    for (const Placement placement :
         {Placement{DType::f32, Device::cpu}, Placement{DType::bf16, Device::reference}}) {
        const Numbers numbers = outcome({.setting = basic, .placement = placement, .shards = 3, .steps = 2});
        for (const double loss : numbers.at("losses")) CHECK(std::isfinite(loss));
    }
}

TEST_CASE("sync batch norm: the same bits with any number of threads") {
    const int before = threads();
    std::vector<Numbers> outcomes;
    for (const int count : {1, 2, 3}) {
        set_threads(count);
        outcomes.push_back(outcome({.setting = mobile, .placement = {DType::f32, Device::cpu}, .shards = 4}));
    }
    set_threads(before);
    CHECK(outcomes[1] == outcomes[0]);
    CHECK(outcomes[2] == outcomes[0]);
}

TEST_CASE("sync batch norm: a batch is counted once, and dropout's masks are those of the shards") {
    const auto keys = [](Statistics statistics) {
        const Course course{dropping, {DType::f32, Device::cpu}, 3, statistics};
        const auto model = make_model(course);
        TrainingStep step(*model, {}, 0.0);
        divide(step, course);
        std::vector<std::pair<uint64_t, uint32_t>> all;
        const Trace trace([&](const OpEvent& event) {
            if (const auto* dropout = std::get_if<TracedDropout>(&event.options))
                all.emplace_back(dropout->key.seed, dropout->key.epoch);
        });
        for (const uint32_t number : {0U, 3U}) run_batch(step, parts_of(course), number);
        for (const double counter : step.state().counters()) CHECK(counter == 2.0);
        return all;
    };
    CHECK(keys(Statistics::of_batch).size() == 6);
    CHECK(keys(Statistics::of_batch) == keys(Statistics::of_shards));
}

TEST_CASE("sync batch norm: ops are traced in the modules of their shard") {
    const auto modules = [](Statistics statistics) {
        const Course course{basic, {DType::f32, Device::cpu}, 2, statistics};
        const auto model = make_model(course);
        TrainingStep step(*model, {}, 0.0);
        divide(step, course);
        std::vector<std::string> all;
        const Trace trace([&](const OpEvent& event) {
            if (event.op != std::string("merge_moments"))
                all.push_back((event.pass == Pass::forward ? "forward " : "backward ") + event.module + " " +
                              event.op);
        });
        run_batch(step, parts_of(course), 0);
        std::ranges::sort(all);
        return all;
    };
    CHECK(modules(Statistics::of_batch) == modules(Statistics::of_shards));
    CHECK(current_module().empty());
}

TEST_CASE("sync batch norm: a batch that an exception ended leaves nothing behind") {
    const Course course{basic, {DType::f32, Device::cpu}, 3};
    const auto run = [&](bool with_exceptions) {
        const auto model = make_model(course);
        TrainingStep step(*model, {.momentum = 0.9}, 0.0);
        divide(step, course);
        const std::vector<NetworkInput> parts = parts_of(course);
        for (int i = 0; i < 2; ++i) {
            for (size_t wrong = 0; with_exceptions && wrong < 3; ++wrong) {
                std::vector<NetworkInput> refused = parts;
                refused[wrong].labels = Tensor::zeros({1}, parts[wrong].labels.placement());
                CHECK_THROWS_AS(step.accumulate_together(refused, 1, 0), std::logic_error);
                CHECK(step.running_place() == 0);
            }
            // In the middle of the network, forward and backward: others wait for it.
            for (const Pass pass : {Pass::forward, Pass::backward}) {
                if (!with_exceptions) continue;
                int seen = 0;
                const Trace trace([&](const OpEvent& event) {
                    if (event.pass == pass && ++seen == 20) throw std::runtime_error("enough");
                });
                CHECK_THROWS_WITH(step.accumulate_together(parts, 1, 0), "enough");
            }
            step.accumulate_together(parts, 1, 0);
            step.update({.learning_rate = 0.1});
        }
        CHECK(step.read().batches.size() == 2);
        return model_state(*model);
    };
    CHECK(same_bits(run(true), run(false)));
}

TEST_CASE("sync batch norm: what it cannot do is refused") {
    const Course course{basic, {DType::f32, Device::cpu}, 2};
    const auto model = make_model(course);
    TrainingStep step(*model, {}, 0.0);
    CHECK_THROWS_AS(step.synchronise_batch_norm(), std::logic_error);
    step.divide_batches(2);
    model->set_fused(false);
    CHECK_THROWS_WITH_AS(step.synchronise_batch_norm(),
                         "batch norm over all shards needs a fused model: choose --fusion on", Error);
    model->set_fused(true);
    step.synchronise_batch_norm();
    const std::vector<NetworkInput> parts = parts_of(course);
    CHECK_THROWS_AS(step.accumulate(parts[0], 1, 0), std::logic_error);
    CHECK_THROWS_AS(step.accumulate_together(std::span(parts).first(1), 1, 0), std::logic_error);
}

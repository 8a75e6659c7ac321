// A batch in shards: what the tree of engine/step/shards.h makes of them, against each shard trained by itself and added up
// here, in the order that the header draws.

#include "engine/step/shards.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <span>
#include <stdexcept>
#include <vector>

#include "engine/checkpoint.h"
#include "engine/step/step.h"
#include "kernels/device_collective.h"
#include "kernels/simt/launch.h"
#include "kernels/threads.h"
#include "models/models.h"
#include "tests/models/step_setting.h"

using namespace vitrine;
using vitrine::tests::batch_for;
using vitrine::tests::Setting;

namespace {

constexpr int64_t images_of_shard = 3;

using Numbers = std::vector<double>;

std::shared_ptr<nn::Module> make_model(const Setting& setting, Placement placement) {
    return models::make_model(setting.model,
                              {.classes = 3, .image_size = setting.image_size, .variant = setting.variant},
                              placement, 5);
}

/// Shard k of a batch of so many.
NetworkInput shard_of(const Setting& setting, int64_t shards, int64_t k, Placement placement) {
    const Setting whole{setting.model, setting.image_size, shards * images_of_shard, setting.variant};
    const NetworkInput batch = batch_for(whole, placement);
    const Shape shape{images_of_shard, setting.image_size, setting.image_size, 3};
    NetworkInput shard;
    shard.images = Tensor::empty(shape, placement);
    shard.images.assign_copy(batch.images.part(k * shape.count(), shape));
    shard.labels = Tensor::empty({images_of_shard}, batch.labels.placement());
    shard.labels.assign_copy(batch.labels.part(k * images_of_shard, {images_of_shard}));
    return shard;
}

/// What a batch left in a model.
struct Left {
    std::map<std::string, Numbers> gradients, statistics, counters;
    std::vector<double> losses;
};

Left what_is_left(nn::Module& model, const StepScalars::Reading& reading) {
    Left left;
    for (const nn::NamedParameter& named : model.state()) {
        const nn::Role role = named.parameter->role;
        if (role == nn::Role::trained)
            left.gradients[named.name] = named.value().gradient().to_host<double>();
        else
            (role == nn::Role::counter ? left.counters : left.statistics)[named.name] =
                named.value().to_host<double>();
    }
    for (const BatchResult& batch : reading.batches) left.losses.push_back(batch.loss);
    return left;
}

/// One shard in a model of its own: a batch in one piece.
Left alone(const Setting& setting, int64_t shards, int64_t k, Placement placement) {
    const auto model = make_model(setting, placement);
    TrainingStep step(*model, {}, 0.1);
    step.accumulate(shard_of(setting, shards, k, placement), 1, static_cast<uint32_t>(k));
    return what_is_left(*model, step.read());
}

Left in_shards(const Setting& setting, int64_t shards, Placement placement) {
    const auto model = make_model(setting, placement);
    TrainingStep step(*model, {}, 0.1);
    step.divide_batches(shards);
    for (int64_t k = 0; k < shards; ++k)
        step.accumulate(shard_of(setting, shards, k, placement), 1, static_cast<uint32_t>(k));
    return what_is_left(*model, step.read());
}

/// The first of two processes. The other one is gone after so many calls that wait for it; what it says until then is whatever
/// lies in memory.
class OtherLeaves final : public Collective {
  public:
    int calls = 1000;

    int rank() const override { return 0; }
    int ranks() const override { return 2; }
    int number_on_machine() const override { return 0; }
    int cores() const override { return 1; }
    void set_patience(double) override {}
    double patience() const override { return 1.0; }
    double waited_seconds() const override { return 0.0; }
    void count_as_waited(double) override {}
    bool any_thread() const override { return true; }
    void give_up() override {}
    void send(std::span<const std::byte>, int) override { wait(); }
    void receive(std::span<std::byte> data, int) override {
        wait();
        std::ranges::fill(data, std::byte{0});
    }
    void broadcast(std::span<std::byte>, int) override { wait(); }
    void gather(std::span<std::byte>) override { wait(); }
    int64_t largest(int64_t value) override {
        wait();
        return value;
    }
    bool meet(double) override { return false; }
    [[noreturn]] void throw_absent() override { throw AbsentProcess("gone"); }
    [[noreturn]] void end_all(int) override { throw std::logic_error("nobody to end"); }

  private:
    void wait() {
        if (calls-- == 0) throw_absent();
    }
};

int64_t left_part_of(int64_t shards) {
    int64_t part = 1;
    while (2 * part < shards) part *= 2;
    return part;
}

/// The header's tree, over what element `get` gives of each shard.
template <class Combine>
Numbers tree(const std::vector<Numbers>& shards, size_t begin, size_t end, Combine combine) {
    if (end - begin == 1) return shards[begin];
    const size_t middle = begin + static_cast<size_t>(left_part_of(static_cast<int64_t>(end - begin)));
    Numbers left = tree(shards, begin, middle, combine);
    const Numbers right = tree(shards, middle, end, combine);
    for (size_t i = 0; i < left.size(); ++i)
        left[i] = combine(left[i], right[i], static_cast<double>(middle - begin),
                          static_cast<double>(end - middle));
    return left;
}

void check_tree(const Setting& setting, int64_t shards, Placement placement) {
    CAPTURE(name_of(placement.device));
    CAPTURE(shards);
    std::vector<Left> parts;
    for (int64_t k = 0; k < shards; ++k) parts.push_back(alone(setting, shards, k, placement));
    const Left whole = in_shards(setting, shards, placement);
    const auto of_all = [&](auto member, const std::string& name) {
        std::vector<Numbers> all;
        for (const Left& part : parts) all.push_back((part.*member).at(name));
        return all;
    };
    for (const auto& [name, gradient] : whole.gradients) {
        CAPTURE(name);
        const Numbers sum = tree(of_all(&Left::gradients, name), 0, static_cast<size_t>(shards),
                                 [](double a, double b, double, double) { return a + b; });
        CHECK(gradient == sum);  // in f64, and to the bit
    }
    for (const auto& [name, statistic] : whole.statistics) {
        CAPTURE(name);
        const Numbers mean = tree(of_all(&Left::statistics, name), 0, static_cast<size_t>(shards),
                                  [](double a, double b, double left, double right) {
                                      return (left * a + right * b) / (left + right);
                                  });
        for (size_t i = 0; i < mean.size(); ++i)
            CHECK(statistic[i] == doctest::Approx(mean[i]).epsilon(1e-14));
    }
    CHECK(!whole.counters.empty());
    for (const auto& [name, counter] : whole.counters) CHECK(counter == Numbers{1.0});  // one batch was seen
    double loss = 0;
    for (const Left& part : parts) loss += part.losses.front() / static_cast<double>(shards);
    REQUIRE(whole.losses.size() == 1);
    CHECK(whole.losses.front() == doctest::Approx(loss).epsilon(1e-14));
}

SafeTensors trained(const Setting& setting, int64_t shards, int64_t batches_of_step, Placement placement) {
    const auto model = make_model(setting, placement);
    TrainingStep step(*model, {.momentum = 0.9, .weight_decay = 1e-4}, 0.0);
    step.keep_average(0.9);
    step.divide_batches(shards);
    uint32_t number = 0;
    for (int i = 0; i < 3; ++i) {
        for (int64_t k = 0; k < batches_of_step * shards; ++k)
            step.accumulate(shard_of(setting, shards, k % shards, placement), 1, number++);
        step.update({.learning_rate = 0.01, .batches = batches_of_step, .clip_norm = 1.0});
    }
    CHECK(step.read().batches.size() == static_cast<size_t>(3 * batches_of_step));
    SafeTensors state = model_state(*model);
    for (const SafeTensors& more : {step.optimiser().state(), step.average()->state()})
        state.tensors.insert(state.tensors.end(), more.tensors.begin(), more.tensors.end());
    return state;
}

bool same_bits(const SafeTensors& a, const SafeTensors& b) {
    return a.tensors.size() == b.tensors.size() &&
           std::ranges::all_of(a.tensors,
                               [&](const SafeTensor& each) { return each.bytes == b.at(each.name).bytes; });
}

const Setting basic{"basic_block_net", 16, 0};
const Setting mobile{"mobilenet_v2", 64, 0, {.width_mult = 0.25}};

}  // namespace

TEST_CASE("shards: gradients are added and statistics averaged in the tree of the header") {
    for (const int64_t shards : {2, 3, 4, 5, 6, 7, 8}) check_tree(basic, shards, {DType::f64, Device::cpu});
    check_tree(mobile, 3, {DType::f64, Device::cpu});
    check_tree(basic, 5, {DType::f64, Device::reference});
    check_tree(basic, 3, {DType::f64, Device::simt});
}

TEST_CASE("shards: a batch in one piece is what it was without them") {
    const Placement placement{DType::f32, Device::cpu};
    const auto model = make_model(basic, placement), other = make_model(basic, placement);
    TrainingStep step(*model, {}, 0.0), same(*other, {}, 0.0);
    same.divide_batches(1);
    for (TrainingStep* each : {&step, &same}) {
        each->accumulate(shard_of(basic, 1, 0, placement), 1, 0);
        each->update({.learning_rate = 0.1});
    }
    CHECK(same_bits(model_state(*model), model_state(*other)));
}

TEST_CASE("shards: gradients of several batches add up as those of several batches in one piece") {
    const Placement placement{DType::f64, Device::cpu};
    const auto model = make_model(basic, placement);
    TrainingStep step(*model, {}, 0.1);
    step.divide_batches(3);
    const auto run_batch = [&] {
        for (int64_t k = 0; k < 3; ++k) step.accumulate(shard_of(basic, 3, k, placement), 1, 0);
        return what_is_left(*model, step.read());
    };
    const Left once = run_batch(), twice = run_batch();
    for (const auto& [name, gradient] : twice.gradients) {
        CAPTURE(name);
        Numbers doubled = once.gradients.at(name);
        for (double& value : doubled) value *= 2.0;  // the same batch: weights have not moved
        CHECK(gradient == doubled);
    }
    for (const auto& [name, counter] : twice.counters) CHECK(counter == Numbers{2.0});
}

TEST_CASE("shards: whenever another process is lost in a batch, the state is that of before it") {
    const Placement placement{DType::f32, Device::cpu};
    for (const bool together : {false, true}) {
        CAPTURE(together);
        OtherLeaves processes;
        const JoinedDevices joined = join_devices(placement.device, processes, "host");
        const auto model = make_model(mobile, placement);
        TrainingStep step(*model, {}, 0.1);
        step.divide_batches(4, *joined.collective);
        if (together) step.synchronise_batch_norm();
        const SafeTensors before = model_state(*model);
        const auto run_batch = [&] {
            const std::vector<NetworkInput> inputs{shard_of(mobile, 4, 0, placement),
                                                   shard_of(mobile, 4, 1, placement)};
            if (together) return step.accumulate_together(inputs, 1, 0);
            for (const NetworkInput& input : inputs) step.accumulate(input, 1, 0);
        };
        int lost = 0;
        for (bool whole = false; !whole; ++lost) {
            CAPTURE(lost);
            processes.calls = lost;
            try {
                run_batch();
                whole = true;
            } catch (const AbsentProcess&) {
                step.abandon_batch();
                CHECK(same_bits(model_state(*model), before));
            }
        }
        CHECK(lost > 5);  // gradients, statistics and losses have been waited for
        CHECK(!same_bits(model_state(*model), before));
    }
}

TEST_CASE("shards: the same bits with any number of threads") {
    const Placement placement{DType::f32, Device::cpu};
    const int before = threads();
    std::vector<SafeTensors> outcomes;
    for (const int count : {1, 2, 3}) {
        set_threads(count);
        outcomes.push_back(trained(mobile, 4, 2, placement));
    }
    set_threads(before);
    CHECK(same_bits(outcomes[1], outcomes[0]));
    CHECK(same_bits(outcomes[2], outcomes[0]));
}

TEST_CASE("shards: bf16 has its shards, too") {
    const SafeTensors state = trained(basic, 2, 1, {DType::bf16, Device::reference});
    CHECK(!same_bits(state, trained(basic, 2, 1, {DType::f32, Device::reference})));
}

TEST_CASE("shards: a batch that an exception ended leaves nothing behind") {
    const Placement placement{DType::f32, Device::cpu};
    const auto run = [&](bool with_exceptions) {
        const auto model = make_model(basic, placement);
        TrainingStep step(*model, {.momentum = 0.9}, 0.0);
        step.divide_batches(3);
        for (int i = 0; i < 2; ++i) {
            if (with_exceptions) {
                step.accumulate(shard_of(basic, 3, 1, placement), 1, 0);
                NetworkInput wrong = shard_of(basic, 3, 2, placement);
                wrong.labels = Tensor::zeros({images_of_shard + 1}, wrong.labels.placement());
                CHECK_THROWS(step.accumulate(wrong, 1, 0));
            }
            for (int64_t k = 0; k < 3; ++k) step.accumulate(shard_of(basic, 3, k, placement), 1, 0);
            step.update({.learning_rate = 0.1});
        }
        CHECK(step.read().batches.size() == 2);
        return model_state(*model);
    };
    CHECK(same_bits(run(true), run(false)));
}

TEST_CASE("shards: readings hold whole batches, and no step is divided once it has begun") {
    const Placement placement{DType::f32, Device::cpu};
    const auto model = make_model(basic, placement);
    TrainingStep step(*model, {}, 0.0);
    CHECK_THROWS_AS(step.divide_batches(StepScalars::capacity + 1), std::logic_error);
    constexpr int64_t shards = 200;
    static_assert(2 * shards <= StepScalars::capacity && 3 * shards > StepScalars::capacity);
    step.divide_batches(shards);
    const NetworkInput shard = shard_of(basic, 1, 0, placement);
    for (int64_t k = 0; k < 2 * shards; ++k) {
        if (k % shards == 0) CHECK(!step.must_read());
        step.accumulate(shard, 1, 0);
    }
    CHECK(step.must_read());
    CHECK_THROWS_AS(step.divide_batches(2), std::logic_error);
    CHECK(step.read().batches.size() == 2);
    CHECK(!step.must_read());
}

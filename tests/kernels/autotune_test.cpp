// Choosing implementations by trying them: the quickest is taken, one with wrong numbers never, and a trial changes nothing.

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "kernels/autotune.h"
#include "kernels/autotune_trial.h"
#include "kernels/call_key.h"
#include "kernels/error.h"
#include "kernels/kernels.h"

using namespace vitrine;

namespace {

const Kernel<LinearForward>& own_forward() { return *listed_kernels(Device::cpu).linear_forward.kernel; }
const Kernel<LinearBackward>& own_backward() { return *listed_kernels(Device::cpu).linear_backward.kernel; }

int slow_calls = 0;

template <class Args>
const Kernel<Args>& own_kernel() {
    if constexpr (std::is_same_v<Args, LinearForward>)
        return own_forward();
    else
        return own_backward();
}

template <class Args>
void run_own(const Args& args, Context& context) {
    own_kernel<Args>().choose(args, Device::cpu).run(args, context);
}
template <class Args>
void run_slowly(const Args& args, Context& context) {
    ++slow_calls;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    run_own(args, context);
}
void run_wrongly(const LinearForward& args, Context& context) {
    run_own(args, context);
    static_cast<float*>(args.y)[args.rows * args.out_features - 1] += 1;
}
void run_wrongly(const LinearBackward& args, Context& context) {
    run_own(args, context);
    static_cast<float*>(args.d_weight.data)[0] += 1;
}
/// The wrong bias gradient is off by more than rounding, the other one by less.
void run_with_wrong_bias(const LinearBackward& args, Context& context) {
    run_own(args, context);
    static_cast<float*>(args.d_bias.data)[0] += 1;
}
void run_with_rounded_bias(const LinearBackward& args, Context& context) {
    run_own(args, context);
    static_cast<float*>(args.d_bias.data)[0] += 1e-4f;
}
template <class Args>
void run_with_failure(const Args&, Context&) {
    throw Error("out of luck");
}

template <class Args>
constexpr Implementation<Args> implementations[]{{"slow", refuses_nothing<Args>, run_slowly<Args>},
                                                 {"wrong", refuses_nothing<Args>, run_wrongly},
                                                 {"failing", refuses_nothing<Args>, run_with_failure<Args>},
                                                 {"quick", refuses_nothing<Args>, run_own<Args>}};

constexpr Implementation<LinearBackward> bias_gradients[]{
    {"slow", refuses_nothing<LinearBackward>, run_slowly<LinearBackward>},
    {"wrong", refuses_nothing<LinearBackward>, run_with_wrong_bias},
    {"rounded", refuses_nothing<LinearBackward>, run_with_rounded_bias}};

/// The cpu's kernels, but for a linear layer of these implementations.
struct PlantedTable {
    Kernel<LinearForward> forward{own_forward().name(), implementations<LinearForward>};
    Kernel<LinearBackward> backward{own_backward().name(), implementations<LinearBackward>};
    KernelTable table = listed_kernels(Device::cpu);

    PlantedTable() {
        table.linear_forward.kernel = &forward;
        table.linear_backward.kernel = &backward;
    }
};

/// y = x · weightᵀ for 3 rows, 4 features, 2 outputs; and gradients that something lies in already.
struct Layer {
    std::vector<float> x = std::vector<float>(12, 0.5f), weight = std::vector<float>(8, 0.25f);
    std::vector<float> y = std::vector<float>(6), d_y = std::vector<float>(6, 2.0f);
    std::vector<float> d_weight = std::vector<float>(8, 100.0f);

    LinearForward forward() {
        LinearForward args;
        args.rows = 3, args.in_features = 4, args.out_features = 2;
        args.x = x.data(), args.weight = weight.data(), args.y = y.data();
        return args;
    }
    LinearBackward backward() {
        LinearBackward args;
        args.rows = 3, args.in_features = 4, args.out_features = 2;
        args.x = x.data(), args.weight = weight.data(), args.d_y = d_y.data();
        args.d_weight = {d_weight.data(), GradMode::accumulate};
        return args;
    }
};

std::string fault_of(const TunedCall& call, const std::string& name) {
    return std::ranges::find(call.tried, name, &TriedImplementation::name)->fault;
}

}  // namespace

TEST_CASE("autotune: the quickest is taken whose numbers are right") {
    const PlantedTable planted;
    Layer layer;
    std::vector<TunedCall> found;
    {
        const Autotune autotune(planted.table, Device::cpu, {},
                                [&](const TunedCall& call) { found.push_back(call); });
        kernels(Device::cpu).linear_forward(layer.forward());
        CHECK(layer.y == std::vector<float>(6, 0.5f));
        REQUIRE(found.size() == 1);
        const int calls = slow_calls;
        kernels(Device::cpu).linear_forward(layer.forward());
        CHECK(slow_calls == calls);
        CHECK(found.size() == 1);
        CHECK(autotune.calls().size() == 1);
    }
    const TunedCall& call = found.front();
    CHECK(call.kernel == "linear_forward");
    CHECK(call.call == "f32 3x4 -> 2");
    CHECK(call.chosen == "quick");
    REQUIRE(call.tried.size() == 4);
    CHECK(call.tried.front().seconds > 0.015);
    CHECK(fault_of(call, "slow").empty());
    CHECK(fault_of(call, "wrong") == "its numbers are not those of the first implementation");
    CHECK(fault_of(call, "failing") == "out of luck");
    // And no more of it.
    CHECK(&kernels(Device::cpu) == &listed_kernels(Device::cpu));
}

TEST_CASE("autotune: something else goes through the caches before each call, outside its time") {
    Layer layer;
    int sweeps = 0;
    Trial<LinearForward> trial("linear_forward", layer.forward(), context(Device::cpu), [&] {
        ++sweeps;
        std::this_thread::sleep_for(std::chrono::milliseconds(30));
    });
    const Implementation<LinearForward> own{"own", refuses_nothing<LinearForward>, run_own<LinearForward>};
    double quickest = trial.run(own);
    for (int run = 1; run < 5; ++run) quickest = std::min(quickest, trial.run(own));
    CHECK(quickest < 0.03);
    CHECK(sweeps == 5);

    const CacheSweep sweep(Device::cpu);
    CHECK(sweep.bytes() >= 2 * timing(Device::cpu).cache_bytes() / 256 * 256);
    CHECK(timing(Device::cpu).cache_bytes() >= size_t{64} << 10);
    sweep();
}

TEST_CASE("autotune: a trial adds nothing to a gradient") {
    const PlantedTable planted;
    Layer layer;
    const Autotune autotune(planted.table, Device::cpu);
    kernels(Device::cpu).linear_backward(layer.backward());
    CHECK(layer.d_weight == std::vector<float>(8, 103.0f));  // 100 + 3 · 2 · 0.5
    CHECK(autotune.calls().front().call == "f32 3x4 -> 2, d_weight added");
    CHECK(autotune.calls().front().chosen == "quick");
    CHECK(!fault_of(autotune.calls().front(), "wrong").empty());
}

TEST_CASE("autotune: what rounding leaves of a sum that cancels is no fault, and a wrong sum is") {
    const Kernel<LinearBackward> three{own_backward().name(), bias_gradients};
    KernelTable table = listed_kernels(Device::cpu);
    table.linear_backward.kernel = &three;
    Layer layer;
    layer.d_y = {1000, 500, -2000, -1000, 1000, 500};  // nothing in each column
    std::vector<float> d_x(12), d_bias(2);
    LinearBackward args = layer.backward();
    args.d_x = {d_x.data()};
    args.d_bias = {d_bias.data()};
    const Autotune autotune(table, Device::cpu);
    kernels(Device::cpu).linear_backward(args);
    const TunedCall call = autotune.calls().front();
    CHECK(call.chosen == "rounded");
    CHECK(!fault_of(call, "wrong").empty());
}

TEST_CASE(
    "autotune: what is known is not tried, another shape is, and a forced implementation is left alone") {
    const PlantedTable planted;
    Layer layer;
    slow_calls = 0;
    const TunedCall known{"linear_forward", "f32 3x4 -> 2", "slow", {}};
    int found = 0;
    const Autotune autotune(planted.table, Device::cpu, {known}, [&](const TunedCall&) { ++found; });
    kernels(Device::cpu).linear_forward(layer.forward());
    CHECK(slow_calls == 1);
    CHECK(found == 0);

    LinearForward fewer = layer.forward();
    fewer.rows = 2;
    kernels(Device::cpu).linear_forward(fewer);
    CHECK(found == 1);

    force_implementation(Device::cpu, "linear_forward=onednn");
    LinearForward one = layer.forward();
    one.rows = 1;
    CHECK_THROWS_AS(kernels(Device::cpu).linear_forward(one), Error);  // which the planted kernel has not
    force_implementation(Device::cpu, "linear_forward=");
    CHECK(found == 1);
}

TEST_CASE("autotune: calls are told apart by all that decides which implementation is the quickest") {
    ConvForward conv;
    conv.shape.batch = 8;
    conv.shape.in = {56, 56};
    conv.shape.in_channels = 24;
    conv.shape.out_channels = 144;
    CHECK(call_key(conv) == "f32 8x56x56x24 -> 56x56x144, 1x1");
    conv.prologue.activation = Activation::relu6;
    float anything = 0;
    conv.epilogue = {&anything, &anything};
    conv.dtype = DType::bf16;
    CHECK(call_key(conv) == "bf16 8x56x56x24 -> 56x56x144, 1x1, prologue relu6, moments");
    ConvBackward backward;
    backward.shape = conv.shape;
    backward.d_x = {&anything};
    backward.d_bias = {&anything, GradMode::accumulate};
    backward.shape.kernel = {3, 3};
    backward.shape.stride = {2, 2};
    backward.shape.padding = {1, 1};
    backward.shape.groups = 24;
    CHECK(call_key(backward) ==
          "f32 8x56x56x24 -> 28x28x144, 3x3, stride 2x2, padding 1x1, groups 24, d_x, d_bias added");
}

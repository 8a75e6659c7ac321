// Single ops against PyTorch's own numbers: tests/golden/ops.json, in f64 and NCHW, made by make_ops.py.

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "engine/atomic_file.h"
#include "engine/autograd.h"
#include "engine/nn/parameter.h"
#include "engine/ops/ops.h"
#include "tests/folders.h"
#include "tests/golden_devices.h"

using namespace vitrine;
using nlohmann::json;

namespace {

struct Array {
    Shape shape;
    std::vector<double> data;
};

Array array_of(const json& packed) {
    return {Shape(packed.at("shape").get<std::vector<int64_t>>()),
            packed.at("data").get<std::vector<double>>()};
}

/// Reorders axes: order[i] is the axis of `array` that comes i-th.
Array permuted(const Array& array, std::vector<int> order) {
    std::vector<int64_t> extents;
    for (int axis : order) extents.push_back(array.shape[axis]);
    return {Shape(extents), nn::to_torch(array.data, {array.shape, std::move(order), {}})};
}

Array to_nhwc(const Array& array) { return array.shape.rank() == 4 ? permuted(array, {0, 2, 3, 1}) : array; }
Array to_nchw(const Array& array) { return array.shape.rank() == 4 ? permuted(array, {0, 3, 1, 2}) : array; }

/// One case of the file on one device.
class Run {
  public:
    Run(const json& entry, Device device) : entry_(entry), placement_{DType::f64, device} {}

    void check() {
        CAPTURE(entry_.at("op").get<std::string>());
        CAPTURE(entry_.at("settings").dump());
        Tape tape;
        Tensor y;
        {
            const Recording recording(tape);
            y = forward(entry_.at("op"));
        }
        compare("y", y);
        // The scalar Σ y · d_y has d_y as the gradient of y: handing it to y's slot starts backward there.
        y.slot()->contribute(tensor(to_nhwc(array_of(input("d_y")))));
        tape.backward_from_slots();
        for (const auto& [name, leaf] : leaves_) compare("d_" + name, leaf.gradient());
        for (const auto& [name, changed] : changed_) compare(name, changed);
    }

  private:
    const json& input(const std::string& name) const { return entry_.at("inputs").at(name); }
    bool has(const std::string& name) const { return entry_.at("inputs").contains(name); }
    double setting(const std::string& name) const { return entry_.at("settings").at(name); }
    Size2 square(const std::string& name) const {
        const auto side = static_cast<int64_t>(setting(name));
        return {side, side};
    }

    Tensor tensor(const Array& array) const { return Tensor::from_host(array.data, array.shape, placement_); }

    Tensor leaf(const std::string& name, const Array& array) {
        const Tensor made = tensor(array).require_gradient();
        leaves_[name] = made;
        return made;
    }
    Tensor leaf(const std::string& name) {
        return has(name) ? leaf(name, to_nhwc(array_of(input(name)))) : Tensor();
    }

    Tensor forward(const std::string& op) {
        if (op == "conv") return conv();
        if (op == "batch_norm") return batch_norm();
        if (op == "relu") return ops::relu(leaf("x"));
        if (op == "relu6") return ops::relu6(leaf("x"));
        if (op == "silu") return ops::silu(leaf("x"));
        if (op == "hardswish") return ops::hard_swish(leaf("x"));
        if (op == "global_avg_pool") return ops::global_average_pool(leaf("x"));
        if (op == "linear") {
            const Tensor x = leaf("x"), weight = leaf("weight");
            return ops::linear(x, weight, leaf("bias"));
        }
        if (op == "max_pool" || op == "avg_pool") {
            const ops::PoolOptions options{square("kernel_size"), square("stride"), square("padding")};
            return op == "max_pool" ? ops::max_pool(leaf("x"), options)
                                    : ops::average_pool(leaf("x"), options);
        }
        REQUIRE(op == "cross_entropy");
        ops::MixedLabels other;
        if (has("labels_b")) other = {labels("labels_b"), setting("lambda")};
        Tensor weights;
        if (has("class_weights"))
            weights = ops::class_weights(array_of(input("class_weights")).data, placement_);
        return ops::softmax_cross_entropy(leaf("logits"), labels("labels"), setting("label_smoothing"), other,
                                          weights);
    }

    Tensor labels(const std::string& name) const {
        const auto values = input(name).at("data").get<std::vector<int32_t>>();
        return Tensor::from_host(values, {static_cast<int64_t>(values.size())},
                                 {DType::i32, placement_.device});
    }

    Tensor conv() {
        const Tensor x = leaf("x");
        const Array weight = array_of(input("weight"));  // [O, I / groups, kh, kw]
        const auto groups = static_cast<int64_t>(setting("groups"));
        const ops::ConvOptions options{square("stride"), square("padding"), groups};
        if (groups > 1 && groups == x.shape()[-1] && weight.shape[0] == groups) {
            Array taps = permuted(weight, {2, 3, 0, 1});
            taps.shape = {taps.shape[0], taps.shape[1], taps.shape[2]};
            const Tensor filter = leaf("weight", taps);
            return ops::conv(x, filter, leaf("bias"), options);
        }
        if (weight.shape[2] == 1 && weight.shape[3] == 1 && groups == 1) {
            const Tensor matrix = leaf("weight", {{weight.shape[0], weight.shape[1]}, weight.data});
            return ops::conv(x, matrix, leaf("bias"));
        }
        const Tensor filter = leaf("weight");
        return ops::conv(x, filter, leaf("bias"), options);
    }

    Tensor batch_norm() {
        const Tensor x = leaf("x"), weight = leaf("weight"), bias = leaf("bias");
        changed_["running_mean"] = tensor(array_of(input("running_mean")));
        changed_["running_var"] = tensor(array_of(input("running_var")));
        return ops::batch_norm(x, weight, bias, changed_["running_mean"], changed_["running_var"],
                               {.training = entry_.at("settings").at("training").get<bool>(),
                                .epsilon = setting("eps"),
                                .momentum = setting("momentum")});
    }

    /// Our values, brought into PyTorch's order and compared element by element.
    void compare(const std::string& name, const Tensor& ours) {
        CAPTURE(name);
        const Array expected = array_of(entry_.at("outputs").at(name));
        Array array{ours.shape(), ours.to_host<double>()};
        if (ours.shape().rank() == 3) {  // a depthwise filter [kh, kw, C]
            array =
                permuted({{ours.shape()[0], ours.shape()[1], ours.shape()[2], 1}, array.data}, {2, 3, 0, 1});
        } else {
            array = to_nchw(array);
        }
        REQUIRE(array.data.size() == expected.data.size());
        for (size_t i = 0; i < expected.data.size(); ++i) {
            const double allowed = 1e-12 * std::max(1.0, std::abs(expected.data[i]));
            CHECK_MESSAGE(std::abs(array.data[i] - expected.data[i]) <= allowed, "element ", i, ": ",
                          array.data[i], ", PyTorch has ", expected.data[i]);
        }
    }

    const json& entry_;
    Placement placement_;
    std::map<std::string, Tensor> leaves_, changed_;
};

}  // namespace

TEST_CASE("every op agrees with PyTorch, forward and backward") {
    const json document = json::parse(read_file(tests::repository() / "tests/golden/ops.json"));
    const tests::OtherLibrary on_simt;
    const std::vector<Device> devices = tests::golden_devices({Device::reference, Device::cpu, Device::simt});
    std::set<std::string> seen;
    for (const json& entry : document.at("cases")) {
        seen.insert(entry.at("op").get<std::string>());
        for (const Device device : devices) Run(entry, device).check();
    }
    CHECK(seen.size() == 11);
}

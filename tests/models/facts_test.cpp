// Counts, names, shapes, order and initialisation of all models, against those of PyTorch and torchvision.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "engine/checkpoint.h"
#include "engine/error.h"
#include "models/models.h"
#include "tests/models/golden.h"

using namespace vitrine;

namespace {

constexpr Placement placement{DType::f32, Device::reference};

int64_t count_parameters(nn::Module& model) {
    int64_t count = 0;
    for (const nn::NamedParameter& named : model.trainable()) count += named.value().count();
    return count;
}

const nlohmann::json& facts(const char* model) {
    static const nlohmann::json all = golden::json_file("models/facts.json");
    return all.at(model);
}

void check_state(nn::Module& model, const nlohmann::json& expected) {
    const SafeTensors state = model_state(model);
    REQUIRE(state.tensors.size() == expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
        const SafeTensor& tensor = state.tensors[i];
        CHECK(tensor.name == expected[i][0].get<std::string>());
        CHECK(tensor.shape.extents() == expected[i][1].get<std::vector<int64_t>>());
        CHECK(tensor.dtype == (expected[i][2] == "int64" ? "I64" : "F32"));
    }
}

struct MeanAndSpread {
    double mean, stddev, largest;
};

MeanAndSpread moments_of(const std::vector<double>& values) {
    double sum = 0.0, squares = 0.0, largest = 0.0;
    for (double value : values) {
        sum += value;
        squares += value * value;
        largest = std::max(largest, std::abs(value));
    }
    const double count = static_cast<double>(values.size()), mean = sum / count;
    return {mean, std::sqrt(squares / count - mean * mean), largest};
}

}  // namespace

TEST_CASE("parameter counts are torchvision's for every width and class count") {
    for (const auto& [width, by_classes] : facts("mobilenet_v2").at("parameters").items()) {
        for (const auto& [classes, count] : by_classes.items()) {
            const auto model = models::make_model(
                "mobilenet_v2", {.classes = std::stoll(classes), .variant = {.width_mult = std::stod(width)}},
                placement, 1);
            CHECK(count_parameters(*model) == count.get<int64_t>());
        }
    }
    for (const auto& [size, by_classes] : facts("basic_block_net").at("parameters").items()) {
        for (const auto& [classes, count] : by_classes.items()) {
            const auto model = models::make_model(
                "basic_block_net", {.classes = std::stoll(classes), .image_size = std::stoll(size)},
                placement, 1);
            CHECK(count_parameters(*model) == count.get<int64_t>());
        }
    }
}

TEST_CASE("parameter counts of ResNet-18 are torchvision's for every class count") {
    for (const auto& [classes, count] : facts("resnet18").at("parameters").items()) {
        const auto model = models::make_outline("resnet18", {.classes = std::stoll(classes)});
        CHECK(count_parameters(*model) == count.get<int64_t>());
    }
}

TEST_CASE("names, shapes and order of the state are PyTorch's") {
    check_state(*models::make_model("resnet18", {.classes = 1000}, placement, 1),
                facts("resnet18").at("state_1000_classes"));
    check_state(*models::make_model("mobilenet_v2", {.classes = 1000}, placement, 1),
                facts("mobilenet_v2").at("state_1000_classes"));
    check_state(*models::make_model("basic_block_net", {.classes = 10}, placement, 1),
                facts("basic_block_net").at("state_10_classes"));
}

void check_torchvision_start(const char* name) {
    const auto model = models::make_model(name, {.classes = 1000}, placement, 5);
    for (const SafeTensor& tensor : model_state(*model).tensors) {
        CAPTURE(tensor.name);
        const std::vector<double> values = tensor.values();
        const MeanAndSpread moments = moments_of(values);
        double deviation = 0.0;
        if (tensor.shape.rank() == 4) {
            deviation =
                std::sqrt(2.0 / static_cast<double>(tensor.shape[0] * tensor.shape[2] * tensor.shape[3]));
        } else if (tensor.name == "classifier.1.weight") {
            deviation = 0.01;
        } else if (tensor.name.starts_with("fc.")) {  // uniform: its bound has to hold too
            const double bound = 1.0 / std::sqrt(512.0);
            CHECK(moments.largest <= bound);
            deviation = bound / std::sqrt(3.0);
        } else {
            const bool one = (tensor.name.ends_with("weight") || tensor.name.ends_with("running_var"));
            CHECK(std::ranges::all_of(values, [&](double value) { return value == (one ? 1.0 : 0.0); }));
            continue;
        }
        // Five standard errors of a mean and of a deviation.
        const double count = static_cast<double>(values.size());
        CHECK(std::abs(moments.mean) < 5.0 * deviation / std::sqrt(count));
        CHECK(std::abs(moments.stddev / deviation - 1.0) < 5.0 / std::sqrt(2.0 * count));
    }
}

TEST_CASE("parameters start from torchvision's distributions") {
    check_torchvision_start("mobilenet_v2");
    check_torchvision_start("resnet18");
}

TEST_CASE("BasicBlockNet starts from PyTorch's default distributions") {
    const auto model = models::make_model("basic_block_net", {.classes = 1000}, placement, 5);
    int64_t fan_in = 0;
    for (const SafeTensor& tensor : model_state(*model).tensors) {
        if (tensor.shape.rank() < 2 &&
            (tensor.name.starts_with("layer_1.1") || tensor.name.starts_with("layer_1.4"))) {
            continue;
        }
        CAPTURE(tensor.name);
        if (tensor.shape.rank() > 1) fan_in = tensor.shape.count() / tensor.shape[0];
        const double bound = 1.0 / std::sqrt(static_cast<double>(fan_in));
        const MeanAndSpread moments = moments_of(tensor.values());
        CHECK(moments.largest <= bound);
        if (tensor.shape.count() >= 1000) {
            CHECK(moments.largest > 0.97 * bound);
            CHECK(moments.stddev == doctest::Approx(bound / std::sqrt(3.0)).epsilon(0.06));
        }
    }
}

TEST_CASE("another seed gives other weights, the same seed the same") {
    const auto weights = [](uint64_t seed) {
        return model_state(*models::make_model("basic_block_net", {}, placement, seed))
            .at("layer_1.0.weight")
            .bytes;
    };
    CHECK(weights(1) == weights(1));
    CHECK(weights(1) != weights(2));
}

TEST_CASE("what cannot be built is refused with a sentence") {
    CHECK_THROWS_AS(models::make_model("resnet", {}, placement, 1), Error);
    CHECK_THROWS_WITH(models::make_model("mobilenet_v2", {.variant = {.width_mult = 11.0}}, placement, 1),
                      "mobilenet_v2: width_mult 11 is not in (0, 10]");
    CHECK_THROWS_AS(models::make_model("basic_block_net", {.image_size = 7}, placement, 1), Error);
    CHECK_THROWS_AS(models::make_model("basic_block_net", {.classes = 0}, placement, 1), Error);
    CHECK_THROWS_AS(models::make_model("mobilenet_v2", {.variant = {.width_mult = 0.0}}, placement, 1),
                    Error);
    CHECK_THROWS_AS(models::make_model("mobilenet_v2", {.variant = {.dropout = 1.0}}, placement, 1), Error);
}

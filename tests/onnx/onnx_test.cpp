// ONNX files: accepted by ONNX's own checker, and by the definitions of its operators the same function as the model.

#include <doctest/doctest.h>
#include <onnx/checker.h>
#include <onnx/shape_inference/implementation.h>

#include <algorithm>
#include <cmath>

#include "engine/nn/layers.h"
#include "engine/random.h"
#include "models/models.h"
#include "tests/error_of.h"
#include "tests/onnx/evaluator.h"
#include "tools/export/fold_norms.h"
#include "tools/export/onnx_file.h"

namespace vitrine::tests {
namespace {

using exporting::Graph;

constexpr Placement exact{DType::f64, Device::reference};

double draw(uint64_t place, uint64_t index, double low, double high) {
    const RandomKey key{
        .seed = 11, .purpose = RandomPurpose::initialise, .epoch = 0, .sample = static_cast<uint32_t>(place)};
    return random_uniform(key, index, low, high);
}

/// Values that are f32's too, none of them one that hides a mistake: no statistics of 0 and 1, no norm that changes nothing.
void make_busy(nn::Module& model) {
    nn::initialise(model, 3);
    uint64_t place = 0;
    for (const nn::NamedParameter& named : model.state()) {
        std::vector<double> values = named.value().to_host<double>();
        const bool norm = named.parameter->layout.shape.rank() == 1;
        for (size_t i = 0; i < values.size(); ++i) {
            if (norm) values[i] = draw(place, i, 0.4, 1.6);
            values[i] = static_cast<double>(static_cast<float>(values[i]));
        }
        named.value().assign(std::span<const double>(values));
        ++place;
    }
}

/// Images as ours, [N, H, W, 3], and the same as theirs, [N, 3, H, W].
struct Images {
    Tensor ours;
    Array theirs;

    Images(int64_t count, int64_t side) {
        std::vector<double> nhwc(static_cast<size_t>(count * side * side * 3));
        for (size_t i = 0; i < nhwc.size(); ++i) nhwc[i] = draw(1000, i, -2.0, 2.0);
        ours = Tensor::from_host(nhwc, {count, side, side, 3}, exact);
        theirs = {{count, 3, side, side}, std::vector<double>(nhwc.size())};
        const int64_t pixels = side * side;
        for (int64_t i = 0; i < std::ssize(nhwc); ++i) {
            const int64_t n = i / (3 * pixels), c = i / pixels % 3, pixel = i % pixels;
            theirs.values[static_cast<size_t>(i)] = nhwc[static_cast<size_t>((n * pixels + pixel) * 3 + c)];
        }
    }
};

/// Parsed back, and accepted by the checker with all shapes inferred.
onnx::ModelProto checked(const std::string& file) {
    onnx::ModelProto model;
    REQUIRE(model.ParseFromString(file));
    CHECK_NOTHROW(onnx::checker::check_model(model));
    CHECK_NOTHROW(onnx::shape_inference::InferShapes(model));
    CHECK(model.graph().input(0).type().tensor_type().shape().dim(0).dim_param() == "N");
    return model;
}

int64_t count_of(const onnx::ModelProto& model, const std::string& type) {
    return std::ranges::count(model.graph().node(), type, &onnx::NodeProto::op_type);
}

/// The largest difference of the logits, as a share of the largest logit.
double difference(const onnx::ModelProto& file, const Array& input, const Tensor& logits) {
    const Array theirs = evaluate(file.graph(), input);
    const std::vector<double> ours = logits.to_host<double>();
    REQUIRE(theirs.shape == logits.shape().extents());
    double most = 0.0, scale = 0.0;
    for (size_t i = 0; i < ours.size(); ++i) {
        REQUIRE(std::isfinite(theirs.values[i]));
        most = std::max(most, std::abs(ours[i] - theirs.values[i]));
        scale = std::max(scale, std::abs(ours[i]));
    }
    REQUIRE(scale > 1e-3);
    return most / scale;
}

/// Both forms of a model against the model. Returns the folded one.
onnx::ModelProto compare(nn::Module& model, int64_t side) {
    const Graph graph = exporting::record_graph(model, side);
    const Images images(2, side);
    const Tensor logits = model(images.ours);
    const onnx::ModelProto whole = checked(exporting::onnx_file(graph, {}));
    // The definitions, in f64, of the same numbers: only epsilon, which is an f32 there, differs.
    CHECK(difference(whole, images.theirs, logits) < 1e-9);
    Graph folded = graph;
    exporting::fold_norms(folded);
    const onnx::ModelProto file = checked(exporting::onnx_file(folded, {}));
    CHECK(difference(file, images.theirs, logits) < 1e-5);  // weights that are rounded to f32 once
    return file;
}

std::shared_ptr<nn::Module> busy_model(const char* name, int64_t side, double width_mult) {
    const models::ModelOptions options{
        .classes = 7, .image_size = side, .variant = {.width_mult = width_mult}};
    const auto model = models::make_blank_model(name, options, exact);
    make_busy(*model);
    return model;
}

TEST_CASE("ONNX: every model is the same function by the definitions of its operators, norms folded or not") {
    for (const models::ModelInfo& info : models::all_models()) {
        CAPTURE(info.name);
        const int64_t side = info.one_size ? 19 : 33;
        const auto model = busy_model(info.name, side, 0.1);
        const onnx::ModelProto file = compare(*model, side);
        CHECK(count_of(file, "BatchNormalization") == 0);
        CHECK(count_of(file, "Conv") > 0);
        CHECK(file.graph().output(0).type().tensor_type().shape().dim(1).dim_value() == 7);
    }
}

/// What the engine's layers can do beyond the three models: curves, groups, padded pools, norms that follow no convolution
/// of their own, and layers that are used twice.
class Zoo : public nn::Module {
  public:
    Zoo() {
        first_ = add(
            "first",
            std::make_shared<nn::Conv2d>(
                nn::Conv2dOptions{.in_channels = 3, .out_channels = 6, .stride = 2, .padding = 2}, exact));
        norm_ = add("norm", std::make_shared<nn::BatchNorm2d>(6, exact));
        silu_ = add("silu", std::make_shared<nn::ActivationLayer>(Activation::silu));
        grouped_ =
            add("grouped", std::make_shared<nn::Conv2d>(
                               nn::Conv2dOptions{.in_channels = 6, .out_channels = 4, .groups = 2}, exact));
        late_norm_ = add("late_norm", std::make_shared<nn::BatchNorm2d>(4, exact));
        hard_swish_ = add("hard_swish", std::make_shared<nn::ActivationLayer>(Activation::hard_swish));
        same_ = add(
            "same",
            std::make_shared<nn::Conv2d>(
                nn::Conv2dOptions{.in_channels = 4, .out_channels = 4, .padding = 1, .bias = false}, exact));
        same_norm_ = add("same_norm", std::make_shared<nn::BatchNorm2d>(4, exact));
        relu_ = add("relu", std::make_shared<nn::ActivationLayer>(Activation::relu));
        dropout_ = add("dropout", std::make_shared<nn::Dropout>(0.5));
        linear_ = add("linear", std::make_shared<nn::Linear>(nn::LinearOptions::torch_default(4, 3), exact));
    }
    std::string kind() const override { return "Zoo"; }

  protected:
    Pending forward(const Pending& x) override {
        const Tensor raw = ops::resolve((*first_)(x));
        Tensor y = ops::add(raw, ops::resolve((*norm_)(raw)));  // raw is read twice: its norm must stay
        y = ops::resolve((*grouped_)((*silu_)(y)));
        y = ops::resolve((*hard_swish_)((*late_norm_)((*relu_)(y))));
        y = ops::resolve((*same_)((*relu_)((*same_norm_)((*same_)(y)))));  // one weight, two convolutions
        y = ops::average_pool(y, {.kernel = {3, 2}, .stride = {2, 1}, .padding = {1, 1}});
        y = ops::max_pool(y, {.kernel = {2, 3}, .stride = {1, 2}, .padding = {1, 0}});
        return (*linear_)((*dropout_)(ops::global_average_pool(y)));
    }

  private:
    std::shared_ptr<nn::Conv2d> first_, grouped_, same_;
    std::shared_ptr<nn::BatchNorm2d> norm_, late_norm_, same_norm_;
    std::shared_ptr<nn::ActivationLayer> silu_, hard_swish_, relu_;
    std::shared_ptr<nn::Dropout> dropout_;
    std::shared_ptr<nn::Linear> linear_;
};

TEST_CASE("ONNX: what the layers can do is written as it is, and norms stay where they cannot be folded") {
    Zoo zoo;
    make_busy(zoo);
    const onnx::ModelProto file = compare(zoo, 17);
    CHECK(count_of(file, "BatchNormalization") == 3);
    CHECK(count_of(file, "Conv") == 4);
    CHECK(count_of(file, "Dropout") == 0);
}

TEST_CASE("ONNX: a network of pixels normalises them itself") {
    const auto model = busy_model("basic_block_net", 9, 1.0);
    const Graph graph = exporting::record_graph(*model, 9);
    const ChannelNormalization normalize{{0.4, 0.5, 0.3}, {0.2, 0.25, 0.125}};
    const onnx::ModelProto file = checked(exporting::onnx_file(graph, {normalize, {}}));
    CHECK(file.graph().input(0).type().tensor_type().elem_type() == onnx::TensorProto::UINT8);

    Array pixels{{2, 9, 9, 3}, std::vector<double>(2 * 9 * 9 * 3)};
    std::vector<double> normalized(pixels.values.size());
    for (size_t i = 0; i < normalized.size(); ++i) {
        pixels.values[i] = std::floor(draw(7, i, 0.0, 256.0));
        normalized[i] = (pixels.values[i] / 255 - normalize.mean[i % 3]) / normalize.stddev[i % 3];
    }
    const Tensor logits = (*model)(Tensor::from_host(normalized, {2, 9, 9, 3}, exact));
    CHECK(difference(file, pixels, logits) < 1e-6);  // the factors are f32's
}

TEST_CASE("ONNX: names are the modules', metadata are told, and the same model is the same file") {
    const auto model = busy_model("mobilenet_v2", 32, 0.1);
    const Graph graph = exporting::record_graph(*model, 32);
    const exporting::OnnxOptions options{{}, {{"classes", R"(["a","ø"])"}, {"model", "mobilenet_v2"}}};
    const std::string file = exporting::onnx_file(graph, options);
    CHECK(file == exporting::onnx_file(exporting::record_graph(*model, 32), options));
    const onnx::ModelProto parsed = checked(file);
    CHECK(parsed.metadata_props(0).value() == R"(["a","ø"])");
    CHECK(parsed.ir_version() == 7);
    CHECK(parsed.opset_import(0).version() == 12);
    CHECK(parsed.graph().node(0).name() == "features.0.0");
    CHECK(parsed.graph().node(0).input(1) == "features.0.0.weight");
    CHECK(parsed.graph().input(0).name() == "images");
    CHECK(parsed.graph().output(0).name() == "logits");
}

TEST_CASE("ONNX: what has no form there, or does not fit into f32, is refused") {
    Graph unknown = exporting::record_graph(*busy_model("basic_block_net", 8, 1.0), 8);
    unknown.nodes[2].op = "sort";
    CHECK(error_of([&] { exporting::onnx_file(unknown, {}); }) ==
          "--to onnx: the op sort of module layer_1.2 has no form there");

    const auto model = busy_model("basic_block_net", 8, 1.0);
    for (const nn::NamedParameter& named : model->state()) {
        if (named.name == "layer_1.1.weight")
            named.value().assign(std::span<const double>(std::vector<double>(32, 3e38)));
        if (named.name == "layer_1.1.running_var")
            named.value().assign(std::span<const double>(std::vector<double>(32, 0.0)));
    }
    Graph large = exporting::record_graph(*model, 8);
    CHECK(error_of([&] { exporting::fold_norms(large); }).find("too large for f32: use --fold-norms off") !=
          std::string::npos);
}

}  // namespace
}  // namespace vitrine::tests

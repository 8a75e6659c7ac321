// The terms of ops, options and graphs that no model of ours has: one small network of all of them.

#include <doctest/doctest.h>

#include <memory>

#include "engine/nn/layers.h"
#include "tests/error_of.h"
#include "tests/inspect/terms_support.h"

namespace vitrine::inspect {
namespace {

constexpr Placement f64{DType::f64, Device::cpu};

/// Strides, groups, biases, curves, both pools with windows that overlap and stand in padding, dropout, a tensor that is read
/// three times (once with itself), a norm of its own and one that is kept in evaluation.
class Everything : public nn::Module {
  public:
    Everything() {
        grouped_ =
            conv("grouped", {.in_channels = 3, .out_channels = 6, .stride = 2, .padding = 1, .groups = 3});
        first_ = conv("first", {.in_channels = 6, .out_channels = 8, .kernel = 1});
        norm_ = add("norm", std::make_shared<nn::BatchNorm2d>(8, f64));
        first_->set_next(norm_);
        depthwise_ = conv("depthwise", {.in_channels = 8, .out_channels = 8, .padding = 2, .groups = 8});
        frozen_ = add("frozen", std::make_shared<nn::BatchNorm2d>(8, f64));
        depthwise_->set_next(frozen_);
        frozen_->keep_in_evaluation(true);
        silu_ = add("silu", std::make_shared<nn::ActivationLayer>(Activation::silu));
        hard_swish_ = add("hard_swish", std::make_shared<nn::ActivationLayer>(Activation::hard_swish));
        last_ = conv("last", {.in_channels = 8, .out_channels = 4, .kernel = 2, .bias = false});
        dropout_ = add("dropout", std::make_shared<nn::Dropout>(0.3));
        nn::initialise(*this, 5);
    }
    std::string kind() const override { return "Everything"; }

  protected:
    Pending forward(const Pending& x) override {
        const Pending grouped = (*grouped_)(x);
        const Pending first = (*silu_)((*norm_)((*first_)(grouped)));
        const Pending second = (*hard_swish_)((*frozen_)((*depthwise_)(first)));
        Tensor y = ops::resolve((*dropout_)((*last_)(second)));
        const Tensor twice = ops::add(y, y);
        const Tensor largest = ops::max_pool(twice, {.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}});
        const Tensor average = ops::average_pool(y, {.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}});
        const Tensor sum = ops::relu6(ops::add(largest, average));
        return ops::reshape(sum, {sum.shape()[0], sum.count() / sum.shape()[0]});
    }

  private:
    std::shared_ptr<nn::Conv2d> conv(const char* name, const nn::Conv2dOptions& options) {
        return add(name, std::make_shared<nn::Conv2d>(options, f64));
    }

    std::shared_ptr<nn::Conv2d> grouped_, first_, depthwise_, last_;
    std::shared_ptr<nn::BatchNorm2d> norm_, frozen_;
    std::shared_ptr<nn::ActivationLayer> silu_, hard_swish_;
    std::shared_ptr<nn::Dropout> dropout_;
};

Tensor random_tensor(const Shape& shape) {
    std::mt19937_64 random(3);
    std::normal_distribution<double> normal;
    std::vector<double> values(static_cast<size_t>(shape.count()));
    for (double& value : values) value = normal(random);
    return Tensor::from_host(values, shape, f64);
}

Tensor labels_of(const std::vector<int32_t>& labels) {
    return Tensor::from_host(labels, {std::ssize(labels)}, {DType::i32, Device::cpu});
}

/// Mixed labels, or plain ones.
CapturedStep step_of_everything(bool fused, const StepSettings& settings, bool mixed) {
    Everything model;
    model.set_fused(fused);
    NetworkInput input;
    input.images = random_tensor({3, 9, 9, 3});
    input.labels = labels_of({0, 5, 2});
    if (mixed) {
        input.labels_b = labels_of({5, 5, 1});
        input.lambda = 0.7;
    }
    return capture_step(model, input, settings);
}

int64_t classes() { return 3 * 3 * 4; }

StepSettings plain_settings() { return {.optimiser = {.momentum = 0.9, .weight_decay = 1e-2}, .steps = 3}; }

void check_step(const StepSettings& settings, bool mixed, const char* what) {
    for (const bool fused : {false, true}) {
        const CapturedStep step = step_of_everything(fused, settings, mixed);
        CheckedKinds kinds;
        look_everywhere(step, elements_of_each(12), kinds);
        report(fmt::format("everything, {}, {}", fused ? "fused" : "op by op", what), kinds);
        check_all(kinds);
        for (const char* op : {"dense_conv", "depthwise_conv", "pointwise_conv", "max_pool", "average_pool",
                               "dropout", "add", "reshape", "relu6"})
            CHECK_MESSAGE(kinds.contains(fmt::format("gradient of {} y", op)), op);
        CHECK(kinds.contains(fused ? "gradient of normalize shift" : "gradient of silu y"));
        CHECK(kinds.contains("softmax_cross_entropy loss"));
    }
}

}  // namespace

TEST_CASE("terms add up in a network of everything") { check_step(plain_settings(), false, "plain"); }

TEST_CASE("terms add up with mixed labels, label smoothing, class weights; Nesterov and a clipped norm") {
    StepSettings settings = plain_settings();
    settings.label_smoothing = 0.1;
    settings.optimiser.nesterov = true;
    settings.optimiser.decay_norms_and_biases = false;
    settings.update.clip_norm = 0.01;
    for (int64_t k = 0; k < classes(); ++k) settings.class_weights.push_back(static_cast<double>(k % 3));
    check_step(settings, true, "mixed, smoothed, weighted, Nesterov, clipped");
}

TEST_CASE("terms add up with dampening, in a first step and in a later one, and without momentum") {
    StepSettings settings = plain_settings();
    settings.optimiser.dampening = 0.25;
    check_step(settings, false, "dampened");
    settings.steps = 1;
    check_step(settings, false, "dampened, the first step");
    settings.optimiser = {};
    check_step(settings, false, "no momentum");
}

TEST_CASE("an update that was left out is its value from before") {
    StepSettings settings = plain_settings();
    settings.steps = 2;
    settings.update.skip_outliers = 1e-9;
    const CapturedStep step = step_of_everything(true, settings, false);
    REQUIRE_FALSE(step.update_result.followed);
    Explainer explainer(step);
    const Explanation update = explainer.update(step.parameters[0], 3);
    CHECK(update.ulps() == 0);
    CHECK(update.list.count() == 1);
}

TEST_CASE("what has no gradient says so") {
    const CapturedStep step = step_of_everything(true, plain_settings(), false);
    const int mean = step.op("frozen")->inputs[0];  // the running one, of a norm that is kept in evaluation
    CHECK_FALSE(has_gradient_terms(step, mean));
    CHECK(error_of([&] { Explainer(step).gradient(mean, 0); }) ==
          "frozen.running_mean has no gradient: none was wanted, or none came back");
}

TEST_CASE("a gradient names the ops through which it came back") {
    const CapturedStep step = step_of_everything(true, plain_settings(), false);
    const Explanation gradient = Explainer(step).gradient(step.op("dropout")->outputs[0], 30);
    CHECK(gradient.formulas.size() == 3);  // y + y hands it on twice, average_pool once
    CHECK(gradient.formulas.front() == "add: d_a = d_y");
    CHECK(std::ranges::count(gradient.list.terms, "add", &Term::through) == 2);
    CHECK(std::ranges::count(gradient.list.terms, "average_pool", &Term::through) >= 1);
    CHECK(gradient.adds_up());
}

TEST_CASE("a pooled window names its winner, and dropout what was drawn") {
    const CapturedStep step = step_of_everything(true, plain_settings(), false);
    Explainer explainer(step);
    const Explanation pooled = explainer.value(step.op("max_pool")->outputs[0], 0);
    CHECK(pooled.list.count() == 4);  // a corner: the rest of its window is padding
    CHECK(std::ranges::count_if(pooled.list.terms,
                                [](const Term& term) { return term.factors[1].value == 1.0; }) == 1);
    int dropped = 0, kept = 0;
    const int y = step.op("dropout")->outputs[0];
    for (int64_t i = 0; i < step.tensors[y].value.count(); ++i) {
        const Term term = explainer.value(y, i).list.terms.front();
        (term.factors[1].value == 0.0 ? dropped : kept) += 1;
    }
    CHECK(dropped > 0);
    CHECK(kept > dropped);
}

}  // namespace vitrine::inspect

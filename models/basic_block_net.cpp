// BasicBlockNet: see basic_block_net.h.

#include "models/basic_block_net.h"

#include <fmt/format.h>

#include "engine/error.h"
#include "engine/nn/layers.h"
#include "models/models.h"

namespace vitrine::models {
namespace {

constexpr int64_t channels = 32, pool = 8;

class BasicBlockNet : public nn::Module {
  public:
    BasicBlockNet(const ModelOptions& options, Placement placement) {
        residual_ = add("layer_1", std::make_shared<nn::Sequential>());
        nn::append_normalised(*residual_, {.in_channels = 3, .out_channels = channels, .padding = 1},
                              placement);
        residual_->append<nn::ActivationLayer>(Activation::relu);
        nn::append_normalised(*residual_, {.in_channels = channels, .out_channels = channels, .padding = 1},
                              placement);
        shortcut_ =
            add("layer_2",
                std::make_shared<nn::Conv2d>(
                    nn::Conv2dOptions{.in_channels = 3, .out_channels = channels, .kernel = 1}, placement));
        relu_ = add("layer_3", std::make_shared<nn::ActivationLayer>(Activation::relu));
        pool_ = add("layer_4", std::make_shared<nn::AvgPool2d>(pool));
        const int64_t pooled = options.image_size / pool;
        nn::LinearOptions linear =
            nn::LinearOptions::torch_default(pooled * pooled * channels, options.classes);
        linear.unflattened = {pooled, pooled, channels};
        classifier_ = add("layer_5", std::make_shared<nn::Linear>(linear, placement));
    }

    std::string kind() const override { return "BasicBlockNet"; }

  protected:
    Pending forward(const Pending& x) override {
        // One after the other: arguments of a call would run in an order that each compiler chooses.
        const Pending residual = (*residual_)(x);
        const Pending sum = ops::add(residual, (*shortcut_)(x));
        const Tensor y = ops::resolve((*pool_)((*relu_)(sum)));
        return (*classifier_)(ops::reshape(y, {y.shape()[0], y.count() / y.shape()[0]}));
    }

  private:
    std::shared_ptr<nn::Sequential> residual_;
    std::shared_ptr<nn::Conv2d> shortcut_;
    std::shared_ptr<nn::ActivationLayer> relu_;
    std::shared_ptr<nn::AvgPool2d> pool_;
    std::shared_ptr<nn::Linear> classifier_;
};

std::shared_ptr<nn::Module> build(const ModelOptions& options, Placement placement) {
    if (options.image_size < pool) {
        throw Error(fmt::format("basic_block_net needs images of at least {0}x{0} pixels, got {1}x{1}", pool,
                                options.image_size));
    }
    return std::make_shared<BasicBlockNet>(options, placement);
}

}  // namespace

const ModelInfo& basic_block_net() {
    static const ModelInfo info{.name = "basic_block_net",
                                .summary = "one residual block; small and quick, for first steps",
                                .head = "layer_5",
                                .image_size = 32,
                                .size_multiple = pool,
                                .one_size = true,
                                .learning_rate = 0.1,
                                .build = build};
    return info;
}

}  // namespace vitrine::models

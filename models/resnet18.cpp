// ResNet-18: see resnet18.h.

#include "models/resnet18.h"

#include "engine/nn/layers.h"
#include "models/models.h"

namespace vitrine::models {
namespace {

nn::Conv2dOptions plain_conv(int64_t in, int64_t out, int64_t kernel, int64_t stride) {
    return {.in_channels = in,
            .out_channels = out,
            .kernel = kernel,
            .stride = stride,
            .padding = kernel / 2,
            .bias = false,
            .initialisation = nn::ConvInitialisation::kaiming_fan_out};
}

class BasicBlock : public nn::Module {
  public:
    BasicBlock(int64_t in, int64_t out, int64_t stride, Placement placement) {
        conv1_ = add("conv1", std::make_shared<nn::Conv2d>(plain_conv(in, out, 3, stride), placement));
        bn1_ = add("bn1", std::make_shared<nn::BatchNorm2d>(out, placement));
        conv1_->set_next(bn1_);
        relu_ = add("relu", std::make_shared<nn::ActivationLayer>(Activation::relu));
        conv2_ = add("conv2", std::make_shared<nn::Conv2d>(plain_conv(out, out, 3, 1), placement));
        bn2_ = add("bn2", std::make_shared<nn::BatchNorm2d>(out, placement));
        conv2_->set_next(bn2_);
        if (stride == 1 && in == out) return;
        downsample_ = add("downsample", std::make_shared<nn::Sequential>());
        nn::append_normalised(*downsample_, plain_conv(in, out, 1, stride), placement);
    }

    std::string kind() const override { return "BasicBlock"; }

  protected:
    Pending forward(const Pending& x) override {
        const Pending residual = (*bn2_)((*conv2_)((*relu_)((*bn1_)((*conv1_)(x)))));
        const Pending sum = ops::add(residual, downsample_ ? (*downsample_)(x) : x);
        return ops::resolve((*relu_)(sum));  // read twice, so it is made whole
    }

  private:
    std::shared_ptr<nn::Conv2d> conv1_, conv2_;
    std::shared_ptr<nn::BatchNorm2d> bn1_, bn2_;
    std::shared_ptr<nn::ActivationLayer> relu_;
    std::shared_ptr<nn::Sequential> downsample_;  // null: the shortcut is the input itself
};

class ResNet18 : public nn::Module {
  public:
    ResNet18(const ModelOptions& options, Placement placement) {
        constexpr int64_t stages = 4, blocks = 2;
        int64_t channels = 64;
        const auto conv1 = std::make_shared<nn::Conv2d>(plain_conv(3, channels, 7, 2), placement);
        const auto bn1 = std::make_shared<nn::BatchNorm2d>(channels, placement);
        conv1->set_next(bn1);
        append("conv1", conv1);
        append("bn1", bn1);
        append("relu", std::make_shared<nn::ActivationLayer>(Activation::relu));
        append("maxpool", std::make_shared<nn::MaxPool2d>(/*kernel=*/3, /*stride=*/2, /*padding=*/1));
        for (int64_t stage = 0; stage < stages; ++stage) {
            const int64_t out = int64_t{64} << stage;
            const auto layer = std::make_shared<nn::Sequential>();
            for (int64_t block = 0; block < blocks; ++block) {
                layer->append<BasicBlock>(channels, out, stage > 0 && block == 0 ? 2 : 1, placement);
                channels = out;
            }
            append("layer" + std::to_string(stage + 1), layer);
        }
        classifier_ = add("fc", std::make_shared<nn::Linear>(
                                    nn::LinearOptions::torch_default(channels, options.classes), placement));
    }

    std::string kind() const override { return "ResNet18"; }

  protected:
    Pending forward(const Pending& x) override {
        Pending y = x;
        for (const auto& part : features_) y = (*part)(y);
        return (*classifier_)(ops::global_average_pool(y));
    }

  private:
    void append(const std::string& name, const std::shared_ptr<nn::Module>& part) {
        features_.push_back(add(name, part));
    }

    std::vector<std::shared_ptr<nn::Module>> features_;  // one after the other
    std::shared_ptr<nn::Linear> classifier_;
};

std::shared_ptr<nn::Module> build(const ModelOptions& options, Placement placement) {
    return std::make_shared<ResNet18>(options, placement);
}

}  // namespace

const ModelInfo& resnet18() {
    static const ModelInfo info{.name = "resnet18",
                                .summary = "eight residual blocks of two 3x3 convolutions (He et al., 2015)",
                                .head = "fc",
                                .image_size = 224,
                                .learning_rate = 0.02,
                                .build = build};
    return info;
}

}  // namespace vitrine::models

// MobileNetV2: see mobilenet_v2.h.

#include "models/mobilenet_v2.h"

#include <algorithm>
#include <cmath>

#include "engine/nn/layers.h"
#include "models/models.h"

namespace vitrine::models {
namespace {

/// Channels scaled by the width, rounded to a multiple of 8 but never below 90% of what was asked.
int64_t scaled_channels(int64_t channels, double width_mult) {
    const double wanted = static_cast<double>(channels) * width_mult;
    const int64_t rounded = std::max<int64_t>(8, static_cast<int64_t>(wanted + 4.0) / 8 * 8);
    return static_cast<double>(rounded) < 0.9 * wanted ? rounded + 8 : rounded;
}

nn::Conv2dOptions plain_conv(int64_t in, int64_t out, int64_t kernel, int64_t stride = 1,
                             int64_t groups = 1) {
    return {.in_channels = in,
            .out_channels = out,
            .kernel = kernel,
            .stride = stride,
            .padding = (kernel - 1) / 2,
            .groups = groups,
            .bias = false,
            .initialisation = nn::ConvInitialisation::kaiming_fan_out};
}

/// Convolution, batch norm, ReLU6.
std::shared_ptr<nn::Sequential> conv_bn_relu6(const nn::Conv2dOptions& conv, Placement placement) {
    auto unit = std::make_shared<nn::Sequential>();
    nn::append_normalised(*unit, conv, placement);
    unit->append<nn::ActivationLayer>(Activation::relu6);
    return unit;
}

struct BlockOptions {
    int64_t in, out, stride, expansion;
};

class InvertedResidual : public nn::Module {
  public:
    InvertedResidual(const BlockOptions& block, Placement placement)
        : residual_(block.stride == 1 && block.in == block.out) {
        const int64_t hidden = block.in * block.expansion;
        conv_ = add("conv", std::make_shared<nn::Sequential>());
        const auto append = [&](const auto& unit) { conv_->append_module(unit); };
        if (block.expansion != 1) {
            nn::Conv2dOptions expansion = plain_conv(block.in, hidden, 1);
            expansion.expands = true;
            append(conv_bn_relu6(expansion, placement));
        }
        append(conv_bn_relu6(plain_conv(hidden, hidden, 3, block.stride, hidden), placement));
        nn::append_normalised(*conv_, plain_conv(hidden, block.out, 1), placement);
    }

    std::string kind() const override { return "InvertedResidual"; }

  protected:
    Pending forward(const Pending& x) override {
        const Pending y = (*conv_)(x);
        return residual_ ? ops::resolve(ops::add(x, y)) : y;  // the sum is read twice, so it is made whole
    }

  private:
    bool residual_;
    std::shared_ptr<nn::Sequential> conv_;
};

class MobileNetV2 : public nn::Module {
  public:
    MobileNetV2(const ModelOptions& options, Placement placement) {
        struct Row {
            int64_t expansion, channels, blocks, stride;
        };
        constexpr Row rows[] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
                                {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};

        features_ = add("features", std::make_shared<nn::Sequential>());
        int64_t channels = scaled_channels(32, options.variant.width_mult);
        nn::Conv2dOptions first = plain_conv(3, channels, 3, 2);
        first.expands = rows[0].expansion == 1;
        features_->append_module(conv_bn_relu6(first, placement));
        for (const Row& row : rows) {
            const int64_t out = scaled_channels(row.channels, options.variant.width_mult);
            for (int64_t i = 0; i < row.blocks; ++i) {
                features_->append<InvertedResidual>(
                    BlockOptions{channels, out, i == 0 ? row.stride : 1, row.expansion}, placement);
                channels = out;
            }
        }
        const int64_t last = scaled_channels(1280, std::max(1.0, options.variant.width_mult));
        features_->append_module(conv_bn_relu6(plain_conv(channels, last, 1), placement));

        classifier_ = add("classifier", std::make_shared<nn::Sequential>());
        classifier_->append<nn::Dropout>(options.variant.dropout);
        classifier_->append<nn::Linear>(nn::LinearOptions{.in_features = last,
                                                          .out_features = options.classes,
                                                          .weight = nn::Initialisation::normal(0.01),
                                                          .bias = nn::Initialisation::constant(0.0),
                                                          .unflattened = {}},
                                        placement);
    }

    std::string kind() const override { return "MobileNetV2"; }

  protected:
    Pending forward(const Pending& x) override {
        return (*classifier_)(ops::global_average_pool((*features_)(x)));
    }

  private:
    std::shared_ptr<nn::Sequential> features_, classifier_;
};

std::shared_ptr<nn::Module> build(const ModelOptions& options, Placement placement) {
    return std::make_shared<MobileNetV2>(options, placement);
}

}  // namespace

const ModelInfo& mobilenet_v2() {
    static const ModelInfo info{
        .name = "mobilenet_v2",
        .summary = "inverted residuals with depthwise convolutions (Sandler et al., 2018)",
        .head = "classifier.1",
        .image_size = 224,
        .learning_rate = 0.02,
        .options = {{.key = "width_mult",
                     .value = &ModelVariant::width_mult,
                     .low = 0.0,
                     .high = 10.0,
                     .low_open = true,
                     .least = 0.01,
                     .most = 10.0,
                     .of_weights = true,
                     .meaning = "Factor on the channels of mobilenet_v2"},
                    {.key = "dropout",
                     .value = &ModelVariant::dropout,
                     .low = 0.0,
                     .high = 1.0,
                     .high_open = true,
                     .least = 0.0,
                     .most = 0.999999,
                     .of_weights = false,
                     .meaning = "Share dropped before mobilenet_v2's classifier"}},
        .build = build};
    return info;
}

}  // namespace vitrine::models

// The layers: modules around one op each, with PyTorch's names, defaults and initialisation.
#pragma once

#include "engine/nn/module.h"
#include "engine/ops/ops.h"

namespace vitrine::nn {

/// How a convolution's weight starts; its bias too where it has one.
enum class ConvInitialisation {
    torch_default,   // weight and bias uniform in ±1/√fan_in, fan_in = kernel area · in_channels / groups
    kaiming_fan_out  // weight N(0, 2 / fan_out), fan_out = kernel area · out_channels; bias 0 (torchvision's
                     // models)
};

struct Conv2dOptions {
    int64_t in_channels;
    int64_t out_channels;
    int64_t kernel = 3;
    int64_t stride = 1;
    int64_t padding = 0;
    int64_t groups = 1;
    bool bias = true;
    bool expands =
        false;  // a batch norm, an activation and a depthwise convolution follow, which is the only reader
    ConvInitialisation initialisation = ConvInitialisation::torch_default;
};

class BatchNorm2d;

/// Depthwise where each channel is a group of its own, pointwise for plain 1×1, else dense: the weight's shape is told by
/// it, and the weight's shape tells the op.
class Conv2d : public Module {
  public:
    Conv2d(const Conv2dOptions& options, Placement placement);
    /// This batch norm follows, and wants the moments of the output.
    void set_next(std::shared_ptr<BatchNorm2d> norm) { next_ = std::move(norm); }
    std::string kind() const override { return "Conv2d"; }
    std::optional<Window> window() const override;

  protected:
    Pending forward(const Pending& x) override;

  private:
    bool depthwise() const;
    bool pointwise() const;
    /// Whether the output is left to the depthwise convolution that follows.
    bool stays_unwritten(const Pending& x, const ops::ConvOptions& options) const;

    Conv2dOptions options_;
    Parameter* weight_;
    Parameter* bias_ = nullptr;  // null: none
    std::shared_ptr<BatchNorm2d> next_;
};

class BatchNorm2d : public Module {
  public:
    BatchNorm2d(int64_t channels, Placement placement);
    std::string kind() const override { return "BatchNorm2d"; }

    /// What a convolution may do behind its moments; none where those of other shards come first.
    std::optional<ops::BatchNorm> behind_moments() const;

  protected:
    Pending forward(const Pending& x) override;

  private:
    ops::BatchNorm norm() const;
    /// With the moments of all shards of the batch, where there are several.
    Pending over_all_shards(const Pending& x) const;

    Parameter *weight_, *bias_, *running_mean_, *running_variance_, *batches_;
};

/// Appends a convolution and the batch norm behind it.
void append_normalised(Sequential& modules, const Conv2dOptions& options, Placement placement);

class ActivationLayer : public Module {
  public:
    explicit ActivationLayer(Activation activation) : activation_(activation) {}
    std::string kind() const override;

  protected:
    Pending forward(const Pending& x) override;

  private:
    Activation activation_;
};

class AvgPool2d : public Module {
  public:
    explicit AvgPool2d(int64_t kernel) : kernel_(kernel) {}
    std::string kind() const override { return "AvgPool2d"; }
    std::optional<Window> window() const override { return Window{.kernel = kernel_, .stride = kernel_}; }

  protected:
    Pending forward(const Pending& x) override {
        return ops::average_pool(ops::resolve(x),
                                 {.kernel = {kernel_, kernel_}, .stride = {kernel_, kernel_}});
    }

  private:
    int64_t kernel_;
};

/// Padding never is the maximum.
class MaxPool2d : public Module {
  public:
    MaxPool2d(int64_t kernel, int64_t stride, int64_t padding)
        : options_{.kernel = {kernel, kernel}, .stride = {stride, stride}, .padding = {padding, padding}} {}
    std::string kind() const override { return "MaxPool2d"; }
    std::optional<Window> window() const override {
        return Window{.kernel = options_.kernel.height, .stride = options_.stride.height};
    }

  protected:
    Pending forward(const Pending& x) override { return ops::max_pool(ops::resolve(x), options_); }

  private:
    ops::PoolOptions options_;
};

/// `unflattened` is the NHWC image [H, W, C] that the input was flattened from, if it was: PyTorch flattens
/// in the order [C, H, W], so its weight has its columns in another order than ours.
struct LinearOptions {
    int64_t in_features;
    int64_t out_features;
    Initialisation weight;
    Initialisation bias;
    Shape unflattened;

    /// torch.nn.Linear's default: both uniform in ±1/√in_features.
    static LinearOptions torch_default(int64_t in_features, int64_t out_features);
};

class Linear : public Module {
  public:
    Linear(const LinearOptions& options, Placement placement);
    std::string kind() const override { return "Linear"; }

  protected:
    Pending forward(const Pending& x) override {
        return ops::linear(ops::resolve(x), weight_->factor(), bias_->value);
    }

  private:
    Parameter *weight_, *bias_;
};

/// `index` tells several dropouts of one model apart.
class Dropout : public Module {
  public:
    explicit Dropout(double probability, uint32_t index = 0) : probability_(probability), index_(index) {}
    std::string kind() const override { return "Dropout"; }

  protected:
    Pending forward(const Pending& x) override;

  private:
    double probability_;
    uint32_t index_;
};

/// Draws every parameter's first values: a pure function of the seed and the parameter's place in the model.
void initialise(Module& model, uint64_t seed);

}  // namespace vitrine::nn

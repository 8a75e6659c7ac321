// The ops: functions from tensors to a tensor that know their own gradient. Layouts are those of kernels/*.h.
//
// One .cpp file an op holds its shape rule, the forward call, what is saved and the backward call, side by
// side. A tensor of the wrong shape is a mistake in a model, hence a std::logic_error that names the op and
// the shapes.
#pragma once

#include <span>

#include "engine/augment.h"
#include "engine/pending.h"
#include "engine/tensor.h"
#include "kernels/activation.h"
#include "kernels/conv.h"
#include "kernels/finish_images.h"
#include "kernels/philox.h"

namespace vitrine {
class ShardMeeting;  // engine/shard_meeting.h
}

namespace vitrine::ops {

struct BatchNormOptions {
    bool training = true;
    double epsilon = 1e-5;
    double momentum = 0.1;
};

/// A batch norm's tensors, [C] each. Training updates the running statistics in place.
struct BatchNorm {
    Tensor weight, bias, running_mean, running_variance;
    BatchNormOptions options{};
};

struct ConvOptions {
    Size2 stride;
    Size2 padding{0, 0};
    int64_t groups = 1;
    bool moments = false;  // leave them, for normalize
};

/// x [N, H, W, C], and by the weight's shape
///     dense      [O, kh, kw, C / groups] → [N, H', W', O]
///     depthwise  [kh, kw, C]             → [N, H', W', C]    options.groups is not used
///     pointwise  [O, C]                  → [N, H, W, O]      neither are stride and padding
/// bias [O] or undefined. What is pending of x, but for a residual, happens as it is read.
/// An unwritten x is read by a depthwise convolution without a bias as it is; all others write it first.
/// Told which batch norm will be next, in training, it does its part as well, perhaps in the same kernel (kernels/norms_behind.h).
Pending conv(const Pending& x, const Tensor& weight, const Tensor& bias, const ConvOptions& options = {},
             const BatchNorm* next = nullptr);

/// The pointwise convolution of x with weight [O, C], left unwritten (Pending::expansion); with its moments where a batch norm
/// in training follows. Or the dense one in one group, of an x that is whole and has no gradient.
Pending expand(const Pending& x, const Tensor& weight, const ConvOptions& options = {},
               const BatchNorm* next = nullptr);
/// Whether that can be, and is faster than to write it, where a depthwise convolution follows.
bool expand_pays(const Pending& x, const Shape& weight, const ConvOptions& options = {});
/// x, whose value is written now; what is pending of it stays so.
Pending write(const Pending& x);

/// Makes whole what is pending: one pass over memory, none where nothing is pending.
Tensor resolve(const Pending& x);

/// A tensor's, without moments.
inline Tensor conv(const Tensor& x, const Tensor& weight, const Tensor& bias,
                   const ConvOptions& options = {}) {
    return resolve(conv(Pending(x), weight, bias, options));
}

/// x [..., C], all others [C] → [..., C]. Training updates the running statistics in place.
Tensor batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& running_mean,
                  Tensor& running_variance, const BatchNormOptions& options);

/// Of a shard's tensor with so many rows: the moments of all shards of the batch. Waits for the others, and so does its backward.
Moments merge_moments(const Moments& own, int64_t rows, ShardMeeting& meeting);

/// The same without a pass over x, which is left pending: x is a convolution's output, with its moments in training.
Pending normalize(const Pending& x, const BatchNorm& norm);

Tensor activation(const Tensor& x, Activation activation);
inline Tensor relu(const Tensor& x) { return activation(x, Activation::relu); }
inline Tensor relu6(const Tensor& x) { return activation(x, Activation::relu6); }
inline Tensor silu(const Tensor& x) { return activation(x, Activation::silu); }
inline Tensor hard_swish(const Tensor& x) { return activation(x, Activation::hard_swish); }

/// Two of one shape. Where a or b is pending, so is the sum.
Pending add(const Pending& a, const Pending& b);
inline Tensor add(const Tensor& a, const Tensor& b) { return resolve(add(Pending(a), Pending(b))); }

struct PoolOptions {
    Size2 kernel;
    Size2 stride;
    Size2 padding{0, 0};
};

/// x [N, H, W, C] → [N, H', W', C].
Tensor average_pool(const Tensor& x, const PoolOptions& options);
Tensor max_pool(const Tensor& x, const PoolOptions& options);
/// x [N, H, W, C] → [N, C]. What is pending of x happens as it is read, but for a residual and a curve, which are resolved first.
Tensor global_average_pool(const Pending& x);

/// x [N, I], weight [O, I], bias [O] or undefined → [N, O].
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias);

/// x [N, ...]: each sample has its own stream of randomness; see DropoutForward for the key.
Tensor dropout(const Tensor& x, double probability, const RandomKey& key);

/// The second labels of a batch whose images were mixed.
struct MixedLabels {
    Tensor labels;        // i32 [N]; undefined: there are none
    double lambda = 1.0;  // of the first labels in the target, in [0, 1]; the rest is these labels'
};

/// What each class counts for in softmax_cross_entropy, scaled to a mean of 1, which changes nothing there.
/// None may be below 0 or not finite, nor all 0.
Tensor class_weights(std::span<const double> weights, const Placement& placement);

/// logits [N, K], labels i32 [N], class_weights [K] or undefined → [1].
Tensor softmax_cross_entropy(const Tensor& logits, const Tensor& labels, double label_smoothing,
                             const MixedLabels& other = {}, const Tensor& class_weights = {});

/// The same elements under another shape.
Tensor reshape(const Tensor& x, Shape shape);

/// u8 images, at batch.places → u8 [batch.count(), out.height, out.width, 3]; has no gradient.
Tensor augment_images(const Tensor& images, const AugmentBatch& batch);

/// u8 images [N, H, W, 3] → dtype [N, H, W, 3]; has no gradient.
Tensor finish_images(const Tensor& images, const ImageFinish& finish, DType dtype);

}  // namespace vitrine::ops

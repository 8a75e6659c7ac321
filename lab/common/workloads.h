// What ops are timed in: training steps of the models, and small closures for kernels that no model launches.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kernels/device.h"
#include "kernels/dtype.h"
#include "lab/common/layer_timer.h"

namespace vitrine::tools {

struct WorkloadOptions {
    Device device = Device::cpu;
    DType precision = DType::f32;
    int64_t image_size = 224;
    int64_t batch_size = 32;
    int64_t classes = 1000;
    std::optional<bool> fused{};  // of a model (Module::set_fused), else as --fusion says
};

/// A training step (engine/step/step.h): normalise, forward, loss, backward, SGD with momentum and weight
/// decay.
Workload model_workload(const std::string& model, const WorkloadOptions& options);

/// The second gradient of a tensor that two ops read, added to the first.
Workload add_backward_workload(const WorkloadOptions& options);

/// What a step of the benchmark's model may add to the update: the norm of its gradients, the average of its weights.
Workload optimiser_workload(const WorkloadOptions& options);

/// Batch norm over the shards of a batch, four of them in a process each: what one of these makes of all shards' moments, scale and shift
/// with them, and back. In other steps `normalize` comes with the kernel before it (kernels/norms_behind.h).
Workload shards_workload(const WorkloadOptions& options);

/// Inverted residuals of MobileNetV2 as far as their depthwise convolution, whose wide input is never stored.
Workload expansion_workload(const WorkloadOptions& options);

/// Rotation, contrast and a flip for each image; `bench augment` has every op and whole pipelines.
Workload augment_workload(const WorkloadOptions& options);

}  // namespace vitrine::tools

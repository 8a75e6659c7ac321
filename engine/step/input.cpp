// What a step trains on: see input.h.

#include "engine/step/input.h"

#include "engine/ops/ops.h"

namespace vitrine {

NetworkInput make_input(const Tensor& images, const InputPlan& plan, DType dtype) {
    const Placement labels{DType::i32, images.device()};
    const auto count = static_cast<int64_t>(plan.labels.size());
    NetworkInput input;
    input.labels = Tensor::from_host(plan.labels, {count}, labels);
    if (!plan.labels_b.empty()) input.labels_b = Tensor::from_host(plan.labels_b, {count}, labels);
    input.lambda = plan.finish.lambda;
    input.images = ops::finish_images(ops::augment_images(images, plan.programs), plan.finish, dtype);
    return input;
}

}  // namespace vitrine

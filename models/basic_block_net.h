// BasicBlockNet: a single residual block, made for 32×32 images.
//
//     a = conv3×3 3→32 → BN → ReLU → conv3×3 32→32 → BN        layer_1.{0,1,3,4}
//     b = conv1×1 3→32                                          layer_2
//     logits = linear(average_pool_8(ReLU(a + b)))              layer_5
//
// All convolutions have a bias, the shortcut has no BN. 15,530 parameters at 32×32 with 10 classes; another
// image size or class count changes only the linear layer.
#pragma once

namespace vitrine::models {

struct ModelInfo;

const ModelInfo& basic_block_net();

}  // namespace vitrine::models

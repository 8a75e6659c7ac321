// MobileNetV2: a stem, seventeen inverted residuals, a head and a linear classifier.
//
// An inverted residual widens its input by a pointwise convolution, filters each channel by a depthwise one,
// and projects back to a narrow output, which is added to the input where shapes allow:
//
//     [1×1, BN, ReLU6] → 3×3 depthwise, BN, ReLU6 → 1×1, BN → [+ x]
//
// Source: Sandler, Howard, Zhu, Zhmoginov, Chen, 2018. Structure, names, initialisation and parameter counts
// are those of torchvision.models.mobilenet_v2: 3,504,872 parameters with 1000 classes, 300.77 M
// multiply-adds at 224×224.
#pragma once

namespace vitrine::models {

struct ModelInfo;

const ModelInfo& mobilenet_v2();

}  // namespace vitrine::models

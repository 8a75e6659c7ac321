// ResNet-18: a stem, eight basic blocks in four stages, a linear classifier.
//
//     stem    7×7/2 convolution 3→64, BN, ReLU, 3×3/2 max pooling       conv1, bn1, relu, maxpool
//     block   y = ReLU(BN(3×3(ReLU(BN(3×3/s(x))))) + shortcut(x))        layer1.0 … layer4.1
//     stages  64, 128, 256, 512 channels, two blocks each; the first of a stage but the first halves the image
//     logits = linear(global average)                                    fc
//
// The shortcut is x itself, or BN(1×1/s(x)) where the shape changes (downsample). Source: He, Zhang, Ren, Sun, "Deep
// Residual Learning for Image Recognition", 2015. Structure, names, initialisation and counts are those of
// torchvision.models.resnet18: 11,689,512 parameters with 1000 classes, 1.81 G multiply-adds at 224×224.
#pragma once

namespace vitrine::models {

struct ModelInfo;

const ModelInfo& resnet18();

}  // namespace vitrine::models

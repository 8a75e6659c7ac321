// Softmax cross-entropy with label smoothing, averaged over the batch.
//
//     p = softmax(logits)      target_k = (1 − ε) · [k = label] + ε / K
//     loss = −1/B · Σ_b Σ_k target_k · log p_k
//
// Source: Szegedy et al., "Rethinking the Inception architecture", 2016, section 7; as
// torch.nn.CrossEntropyLoss.
#pragma once

#include <cstdint>

#include "kernels/dtype.h"
#include "kernels/gradient.h"

namespace vitrine {

struct SoftmaxCrossEntropyForward {
    DType dtype = DType::f32;
    int64_t batch = 0;
    int64_t classes = 0;
    double label_smoothing = 0.0;     // ε in [0, 1]
    const void* logits = nullptr;     // [batch, classes]
    const int32_t* labels = nullptr;  // [batch], each in [0, classes)
    void* probabilities = nullptr;    // [batch, classes]: written, for backward
    void* loss = nullptr;             // [1]
};

/// d_logits = d_loss · (p − target) / batch
struct SoftmaxCrossEntropyBackward {
    DType dtype = DType::f32;
    int64_t batch = 0;
    int64_t classes = 0;
    double label_smoothing = 0.0;
    const void* probabilities = nullptr;
    const int32_t* labels = nullptr;
    const void* d_loss = nullptr;  // [1]
    Gradient d_logits;
};

}  // namespace vitrine

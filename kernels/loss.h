// Softmax cross-entropy with label smoothing, averaged over the batch.
//
//     p = softmax(logits)      target_k = (1 − ε) · (λ · [k = label] + (1 − λ) · [k = label b]) + ε / K
//     loss = −1/B · Σ_b Σ_k target_k · log p_k
//
// The second label is that of an image mixed into this one (mixup, cutmix), λ the first one's share.
//
// Source: Szegedy et al., "Rethinking the Inception architecture", 2016, section 7; as
// torch.nn.CrossEntropyLoss, which takes two labels as probabilities.
#pragma once

#include <cstdint>

#include "kernels/dtype.h"
#include "kernels/gradient.h"

namespace vitrine {

struct SoftmaxCrossEntropyForward {
    DType dtype = DType::f32;
    int64_t batch = 0;
    int64_t classes = 0;
    double label_smoothing = 0.0;       // ε in [0, 1]
    const void* logits = nullptr;       // [batch, classes]
    const int32_t* labels = nullptr;    // [batch], each in [0, classes)
    const int32_t* labels_b = nullptr;  // the same; null where λ = 1
    double lambda = 1.0;                // λ in [0, 1]
    void* probabilities = nullptr;      // [batch, classes]: written, for backward
    void* loss = nullptr;               // [1]
};

/// d_logits = d_loss · (p − target) / batch
struct SoftmaxCrossEntropyBackward {
    DType dtype = DType::f32;
    int64_t batch = 0;
    int64_t classes = 0;
    double label_smoothing = 0.0;
    const void* probabilities = nullptr;
    const int32_t* labels = nullptr;
    const int32_t* labels_b = nullptr;
    double lambda = 1.0;
    const void* d_loss = nullptr;  // [1]
    Gradient d_logits;
};

}  // namespace vitrine

// Softmax cross-entropy with label smoothing and weights of classes, averaged over the batch.
//
//     p = softmax(logits)      target_k = (1 − ε) · (λ · [k = label] + (1 − λ) · [k = label b]) + ε / K
//     loss = −1/W · Σ_b Σ_k w_k · target_k · log p_k      W = Σ_b (λ · w_label + (1 − λ) · w_label b)
//
// Without weights w_k is 1 and W the batch's size. The second label is that of an image mixed into this one
// (mixup, cutmix), λ the first one's share.
//
// Source: Szegedy et al., "Rethinking the Inception architecture", 2016, section 7; as
// torch.nn.CrossEntropyLoss(weight, label_smoothing), which divides by W where targets are labels. Two labels
// are probabilities to it, and there it divides by the batch's size; W is used here for both, so that a mixed
// batch counts as much as one that is not, and λ = 1 is the same as no second label. Where W is 0, nothing of
// the batch counts: the loss is 0, and so is its gradient (PyTorch has NaN).
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
    /// [classes]: w, none below 0, with a mean of 1 (scaling all of them changes nothing); null: 1 each.
    const void* class_weights = nullptr;
    void* total_weight = nullptr;  // [1]: W, written for backward where there are class weights
};

/// d_logits_k = d_loss / W · (p_k · Σ_j w_j · target_j − w_k · target_k)
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
    const void* class_weights = nullptr;
    const void* total_weight = nullptr;
};

}  // namespace vitrine

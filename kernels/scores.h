// What a batch came to, counted where its logits are: nothing of it need go to the host before somebody looks.
#pragma once

#include <cstdint>

#include "kernels/dtype.h"

namespace vitrine {

/// Of one batch. As T, Accumulate of the dtype of the kernel that writes it: counts are exact up to 2²⁴.
template <class T>
struct BatchRecord {
    T loss;  // mean of the batch
    T top1;  // samples whose label has the largest logit
    T top5;  // … one of the five largest
};

/// What steps hand on to each other.
template <class T>
struct StepState {
    T healthy;            // 1; 0 from the first loss on that is not finite
    T gradient_norm_ema;  // a moving average of the norms, 0 before the first
    T average_updates;    // that the moving average of the parameters has taken
    T loss_scale;         // that gradients are multiplied by; 1 where it is not scaled
    T followed_in_turn;   // updates since the scale was last changed
};

/// The place of a label among the classes by falling logit: 0 is right at first guess. A class with an equal
/// logit comes before the label if its number is lower.
template <class T>
constexpr bool comes_before(int64_t k, T logit, int64_t label, T own) {
    return k < label ? logit >= own : k > label && logit > own;
}

/// A rank behind any number of classes: of a label among logits that are not all finite.
inline constexpr int32_t unranked = 0x7FFFFFFF;

/// NaN and the infinities are the numbers that give no 0.
template <class T>
constexpr bool is_finite(T x) {
    return x - x == T(0);
}

/// The record; and state's `healthy` becomes 0 where the loss is not finite.
struct ScoreBatch {
    DType dtype = DType::f32;
    int64_t batch = 0;
    int64_t classes = 0;
    const void* logits = nullptr;     // [batch, classes]
    const int32_t* labels = nullptr;  // [batch], each in [0, classes)
    const void* loss = nullptr;       // [1], Accumulate<dtype>
    void* record = nullptr;           // BatchRecord of that
    void* state = nullptr;            // StepState of that
};

}  // namespace vitrine

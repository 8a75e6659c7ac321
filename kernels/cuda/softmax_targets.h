// What softmax cross-entropy is to reach: the target of each class in a row, and what it weighs (kernels/loss.h).
#pragma once

#include "kernels/cuda/gpu.h"

namespace vitrine::VITRINE_GPU {
namespace {

/// The two labels of a row.
struct Labels {
    int32_t label;
    int32_t other;  // −1: none
};

/// w_k · target_k, where target_k = (1 − ε) · (λ · [k = label] + (1 − λ) · [k = other]) + ε / K
template <class T, bool weighted>
struct Targets {
    const int32_t* labels;  // [batch]
    const int32_t* others;  // [batch], or null
    const T* weights;       // [classes], where there are any
    T share;                // λ
    T smoothing;            // ε
    T hit;                  // (1 − ε) · λ
    T other_hit;            // (1 − ε) · (1 − λ)
    T floor;                // ε / K
    double exact_smoothing;
    const StepSettings* settings;  // null: λ is the argument

    template <class Args>
    Targets(const Args& args, const Context& context)
        : labels(args.labels),
          others(args.labels_b),
          weights(static_cast<const T*>(args.class_weights)),
          share(static_cast<T>(args.lambda)),
          smoothing(static_cast<T>(args.label_smoothing)),
          hit(static_cast<T>((1 - args.label_smoothing) * args.lambda)),
          other_hit(static_cast<T>((1 - args.label_smoothing) * (1 - args.lambda))),
          floor(static_cast<T>(args.label_smoothing / static_cast<double>(args.classes))),
          exact_smoothing(args.label_smoothing),
          settings(context.settings) {}

    /// Before anything else: λ where the device knows it better.
    __device__ __forceinline__ void take_settings() {
        if (settings == nullptr) return;
        share = static_cast<T>(settings->lambda);
        hit = static_cast<T>((1 - exact_smoothing) * settings->lambda);
        other_hit = static_cast<T>((1 - exact_smoothing) * (1 - settings->lambda));
    }

    /// λ · w_label + (1 − λ) · w_other
    __device__ __forceinline__ T label_weight(int64_t row) const {
        const T own = share * weights[labels[row]];
        return others == nullptr ? own : multiply_add(T(1) - share, weights[others[row]], own);
    }
    /// Σ w_k · target_k
    __device__ __forceinline__ T sum_of_row(int64_t row) const {
        if constexpr (weighted)
            return multiply_add(T(1) - smoothing, label_weight(row), smoothing);
        else
            return T(1);
    }
    __device__ __forceinline__ Labels of_row(int64_t row) const {
        return {labels[row], others == nullptr ? -1 : others[row]};
    }
    __device__ __forceinline__ T operator()(int64_t k, Labels own) const {
        T target = k == own.label ? hit + floor : floor;
        if (k == own.other) target += other_hit;
        if constexpr (weighted) target *= weights[k];
        return target;
    }
};

}  // namespace
}  // namespace vitrine::VITRINE_GPU

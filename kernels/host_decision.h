// An UpdateDecision on a device whose memory the host reads.
#pragma once

#include <optional>

#include "kernels/optim.h"

namespace vitrine {

/// The update with the decision's scale in place of its own; nothing where it is not to be made.
inline std::optional<SgdUpdate> decided(SgdUpdate args) {
    if (args.decision == nullptr) return args;
    return dispatch_float(args.dtype, [&]<class T>() -> std::optional<SgdUpdate> {
        const auto& decision = *static_cast<const UpdateDecision<T>*>(args.decision);
        if (decision.follows == T(0)) return std::nullopt;
        args.gradient_scale = static_cast<double>(decision.gradient_scale);
        return args;
    });
}

/// The numbers of the average's update; nothing where it is not to be made.
inline std::optional<Lerp> decided(const EmaUpdate& args) {
    if (args.decision == nullptr) return Lerp(args.decay);
    return dispatch_float(args.dtype, [&]<class T>() -> std::optional<Lerp> {
        const auto& decision = *static_cast<const UpdateDecision<T>*>(args.decision);
        if (decision.follows == T(0)) return std::nullopt;
        return Lerp{decision.average_from_value != T(0), static_cast<double>(decision.average_weight)};
    });
}

}  // namespace vitrine

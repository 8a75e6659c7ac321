// The shape rules of ops, in one line each.
#pragma once

#include <fmt/format.h>

#include <stdexcept>

#include "engine/tensor.h"

namespace vitrine::ops {

/// Throws std::logic_error "op: message" unless the rule holds.
template <class... Values>
void require(bool rule, const char* op, fmt::format_string<Values...> message, Values&&... values) {
    if (!rule)
        throw std::logic_error(std::string(op) + ": " +
                               fmt::format(message, std::forward<Values>(values)...));
}

inline void require_rank(const Tensor& x, size_t rank, const char* op) {
    require(x.shape().rank() == rank, op, "input of shape {}, but {} axes are needed", x.shape().to_string(),
            rank);
}

/// A vector with one value for each channel, or undefined where it is optional.
inline void require_per_channel(const Tensor& vector, int64_t channels, const char* op, const char* what) {
    require(vector.shape() == Shape{channels}, op, "{} of shape {} for {} channels", what,
            vector.shape().to_string(), channels);
}

}  // namespace vitrine::ops

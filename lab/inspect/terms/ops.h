// The terms of each op, forward and backward: a file an op, from the formulas in kernels/*.h and in f64, independently of the
// kernels.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lab/inspect/terms/op_view.h"
#include "lab/inspect/terms/term_writer.h"

namespace vitrine::inspect {

/// What a batch norm keeps for evaluation, of each channel.
enum class Statistic { mean, variance };

struct OpTerms {
    std::vector<std::string> outputs;  // their names, in the order of the op's record
    /// The terms of an element of the op's output `k`.
    void (*forward)(const OpView& op, size_t k, int64_t element, TermWriter& writer);
    /// What the op adds to the gradient of an element of its input `k`, one that takes a gradient.
    void (*backward)(const OpView& op, size_t k, int64_t element, TermWriter& writer);
    /// What a batch norm in training made of a running statistic of channel c that was `before`; null of other ops.
    void (*running)(const OpView& op, Statistic which, int64_t c, double before,
                    TermWriter& writer) = nullptr;
};

extern const OpTerms activation_terms, add_terms, average_pool_terms, batch_norm_terms, conv_terms,
    dropout_terms, global_average_pool_terms, linear_terms, max_pool_terms, normalize_terms, reshape_terms,
    resolve_terms, softmax_cross_entropy_terms;

/// By the name that the op traces itself under; null of what leaves nothing of its own ("score_batch").
const OpTerms* terms_of(const std::string& op);

}  // namespace vitrine::inspect

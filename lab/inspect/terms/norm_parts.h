// What batch_norm and normalize share.
#pragma once

#include <fmt/format.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "lab/inspect/terms/number.h"
#include "lab/inspect/terms/ops.h"

namespace vitrine::inspect {

/// (x − mean)²: off by twice what the difference is off by, times itself.
inline Number squared(const Number& difference) {
    return through(difference, difference.value * difference.value, 2.0 * difference.value);
}

/// 1 / √x
inline Number reciprocal_root(const Number& x) {
    const double value = 1.0 / std::sqrt(x.value);
    return through(x, value, -0.5 * value / x.value);
}

inline std::string rstd_detail(double variance, double epsilon) {
    return fmt::format("1 / √({:.6g} + {:g})", variance, epsilon);
}

/// The running statistic after a step of training: a moving mean of the batches' own. `of_batch` is the product of its factors.
inline void write_running(Statistic which, double before, double momentum, const Number& of_batch,
                          std::vector<Factor> factors, TermWriter& writer) {
    const char* name = which == Statistic::mean ? "running_mean" : "running_var";
    writer.add(Number(1.0 - momentum) * before, "before",
               {{"1 − momentum", 1.0 - momentum, ""}, {name, before, ""}});
    factors.insert(factors.begin(), {"momentum", momentum, ""});
    writer.add(of_batch * momentum, "the batch", std::move(factors));
}

/// rows / (rows − 1): the batch's variance as an estimate of all images'.
inline Factor unbiased(double rows) { return {"rows / (rows − 1)", rows / (rows - 1.0), ""}; }

inline constexpr const char* running_mean_formula =
    "running_mean ← (1 − momentum) · running_mean + momentum · mean";
inline constexpr const char* running_variance_formula =
    "running_var ← (1 − momentum) · running_var + momentum · rows / (rows − 1) · variance";

}  // namespace vitrine::inspect

// Why a number is what it is, as data: the terms that made it, their sum, and what is stored. For a terminal (to_text) and for
// pages.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/dtype.h"

namespace vitrine::inspect {

/// An element of a tensor of the step, or of its gradient.
struct Operand {
    int tensor = -1;  // by its number in the step; −1: there is none
    int64_t element = 0;
    bool is_gradient = false;

    bool operator==(const Operand&) const = default;
};

struct Factor {
    std::string name{};  // "weight[12,0,1,3]"
    double value = 0.0;
    std::string detail{};             // what it is made of: "relu6(1.02 · 0.53 + 0.11)"; may be empty
    std::vector<Operand> operands{};  // which elements it is, or is made of; empty: of none, or of very many
};

/// The product of its factors.
struct Term {
    std::string label{};  // "row 0, column 1, channel 3"
    std::vector<Factor> factors{};
    double value = 0.0;
    std::string through{};  // of a gradient: the op through which it came back
};

/// A sum: its largest terms, and what the others come to.
struct TermList {
    std::vector<Term> terms{};  // in their own order where all are here, else the largest first
    int64_t rest_count = 0;     // that are not in `terms`
    double rest_sum = 0.0;
    double sum = 0.0;  // of all of them, in f64
    double magnitude =
        0.0;  // of their absolute values, each taken down to what it was added up from: number.h

    int64_t count() const { return static_cast<int64_t>(terms.size()) + rest_count; }
};

/// A sum that is a factor of the terms: a mean, Σ d_y, …
struct Part {
    std::string name{};
    std::string formula{};
    TermList list{};
};

struct Explanation {
    std::string what{};  // "gradient of features.3.conv.1.0 at [0,5,7,12]"
    std::vector<std::string>
        formulas{};  // of a gradient: one for each op that it came back through, "features.6: d_b = d_z"
    TermList list{};
    std::vector<Part> parts{};
    DType dtype = DType::f32;  // of what is stored
    double stored = 0.0;

    /// Units in the last place of dtype between `stored` and the sum rounded to dtype.
    uint64_t ulps() const;
    /// |sum − stored| as a share of the magnitude; 0 where both are 0.
    double error() const;
    /// Whether the sum is what is stored, up to rounding: an error of at most 1e-12 in f64, of 1e-5 in f32.
    bool adds_up() const;
};

/// As a terminal shows it: formula, terms as a table, sum, stored value.
std::string to_text(const Explanation& explanation);

}  // namespace vitrine::inspect

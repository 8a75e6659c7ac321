// What an op's terms are written to: it adds all of them up and keeps the largest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "lab/inspect/terms/explanation.h"
#include "lab/inspect/terms/number.h"

namespace vitrine::inspect {

class TermSum {
  public:
    /// Keeps the `kept` largest terms.
    explicit TermSum(size_t kept) : kept_(kept) {}

    /// `describe` makes the Term, but for its value: it is asked for those alone that are kept for now.
    template <class Describe>
    void add(const Number& value, Describe describe) {
        sum_.add(value);
        if (!takes(value.value)) {
            leave_out(value.value);
            return;
        }
        Term term = describe();
        term.value = value.value;
        keep(std::move(term));
    }

    Number total() const { return sum_.total(); }
    TermList list() const;
    /// Of the terms that come now.
    void set_through(const std::string& op) { through_ = op; }
    const std::string& through() const { return through_; }

  private:
    struct Kept {
        int64_t number;  // in the order in which they came
        Term term;
    };

    bool takes(double value) const;
    void leave_out(double value);
    void keep(Term term);

    size_t kept_;
    std::vector<Kept> heap_;  // the smallest on top
    int64_t count_ = 0;
    std::string through_;
    Sum sum_, rest_;
};

/// What an op says of one element.
class TermWriter {
  public:
    explicit TermWriter(size_t kept) : sum_(kept) {}

    /// Of a gradient with the op through which it came back: "features.6: d_b = d_z".
    void formula(const std::string& text) {
        formulas_.push_back(sum_.through().empty() ? text : sum_.through() + ": " + text);
    }
    template <class Describe>
    void add(const Number& value, Describe describe) {
        sum_.add(value, std::move(describe));
    }
    /// A term of factors that are at hand.
    void add(const Number& value, std::string label, std::vector<Factor> factors);
    /// A sum of which a few terms are shown.
    static TermSum part() { return TermSum(6); }
    void keep_part(std::string name, std::string formula, const TermSum& sum);
    void set_through(const std::string& op) { sum_.set_through(op); }

    /// Without the name and the stored value.
    Explanation finish();

  private:
    TermSum sum_;
    std::vector<std::string> formulas_;
    std::vector<Part> parts_;
};

}  // namespace vitrine::inspect

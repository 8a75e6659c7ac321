// The sum of an op's terms: see term_writer.h.

#include "lab/inspect/terms/term_writer.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace vitrine::inspect {
namespace {

/// What terms are chosen by: nothing is larger than what is no number.
double size_of(double value) {
    return std::isnan(value) ? std::numeric_limits<double>::infinity() : std::abs(value);
}

/// Of two terms, the larger; of equal ones the earlier.
constexpr auto larger = [](const auto& a, const auto& b) {
    const double first = size_of(a.term.value), second = size_of(b.term.value);
    return first != second ? first > second : a.number < b.number;
};

}  // namespace

bool TermSum::takes(double value) const {
    return heap_.size() < kept_ || size_of(value) > size_of(heap_.front().term.value);
}

void TermSum::leave_out(double value) {
    rest_.add(value);
    ++count_;
}

void TermSum::keep(Term term) {
    term.through = through_;
    if (heap_.size() == kept_) {
        std::ranges::pop_heap(heap_, larger);
        rest_.add(heap_.back().term.value);
        heap_.pop_back();
    }
    heap_.push_back({count_++, std::move(term)});
    std::ranges::push_heap(heap_, larger);
}

TermList TermSum::list() const {
    std::vector<Kept> kept = heap_;
    TermList list{.rest_count = count_ - static_cast<int64_t>(kept.size())};
    if (list.rest_count == 0) {
        std::ranges::sort(kept, {}, &Kept::number);
    } else {
        std::ranges::sort(kept, larger);
    }
    for (Kept& each : kept) list.terms.push_back(std::move(each.term));
    list.rest_sum = rest_.total().value;
    list.sum = total().value;
    list.magnitude = total().magnitude;
    return list;
}

void TermWriter::add(const Number& value, std::string label, std::vector<Factor> factors) {
    sum_.add(value, [&] { return Term{.label = std::move(label), .factors = std::move(factors)}; });
}

void TermWriter::keep_part(std::string name, std::string formula, const TermSum& sum) {
    parts_.push_back({std::move(name), std::move(formula), sum.list()});
}

Explanation TermWriter::finish() {
    return {.formulas = std::move(formulas_), .list = sum_.list(), .parts = std::move(parts_)};
}

}  // namespace vitrine::inspect

// An op of a captured step, with the numbers that it read and left in f64, whatever they are stored in.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "lab/inspect/capture/captured_step.h"
#include "lab/inspect/terms/explanation.h"

namespace vitrine::inspect {

/// The tensors of a step as f64 on the host; each is fetched once.
class StepValues {
  public:
    explicit StepValues(const CapturedStep& step) : step_(step) {}

    const CapturedStep& step() const { return step_; }
    std::span<const double> value(int tensor);
    /// Empty where there is none.
    std::span<const double> gradient(int tensor);

  private:
    const CapturedStep& step_;
    std::map<int, std::vector<double>> values_, gradients_;
};

class OpView {
  public:
    OpView(StepValues& values, const CapturedOp& op) : values_(values), op_(op) {}

    const CapturedOp& op() const { return op_; }
    const CapturedStep& step() const { return values_.step(); }
    template <class Options>
    const Options& options() const {
        return std::get<Options>(op_.options);
    }

    /// All of these are empty where the op has no such tensor.
    std::span<const double> input(size_t k) const { return of(op_.inputs, k, false); }
    std::span<const double> output(size_t k) const { return of(op_.outputs, k, false); }
    /// Of an output.
    std::span<const double> gradient(size_t k) const { return of(op_.outputs, k, true); }
    /// An element of these as the operand of a factor; no operand where the op has no such tensor.
    Operand input_at(size_t k, int64_t element) const { return operand(op_.inputs, k, element, false); }
    Operand output_at(size_t k, int64_t element) const { return operand(op_.outputs, k, element, false); }
    Operand gradient_at(size_t k, int64_t element) const { return operand(op_.outputs, k, element, true); }
    bool has_input(size_t k) const { return k < op_.inputs.size() && op_.inputs[k] != none; }
    const Shape& input_shape(size_t k) const { return tensor(op_.inputs.at(k)).value.shape(); }
    const Shape& output_shape(size_t k) const { return tensor(op_.outputs.at(k)).value.shape(); }
    DType dtype() const { return tensor(op_.outputs.front()).value.dtype(); }
    /// x as a tensor of the op's dtype would hold it.
    double rounded(double x) const {
        return dtype() == DType::f32 ? static_cast<double>(static_cast<float>(x)) : x;
    }
    const CapturedTensor& tensor(int index) const { return values_.step().tensors.at(index); }

  private:
    std::span<const double> of(const std::vector<int>& tensors, size_t k, bool gradient) const {
        if (k >= tensors.size() || tensors[k] == none) return {};
        return gradient ? values_.gradient(tensors[k]) : values_.value(tensors[k]);
    }

    Operand operand(const std::vector<int>& tensors, size_t k, int64_t element, bool gradient) const {
        if (of(tensors, k, gradient).empty()) return {};
        return {tensors[k], element, gradient};
    }

    StepValues& values_;
    const CapturedOp& op_;
};

/// An element's place along each axis, and its number from there.
std::vector<int64_t> place_of(const Shape& shape, int64_t element);
int64_t element_at(const Shape& shape, std::span<const int64_t> place);
/// " + 0.5", " − 0.5": another term, in text.
std::string plus(double x);
/// "weight[12,0,1,3]"
std::string named(const std::string& name, const Shape& shape, int64_t element);

}  // namespace vitrine::inspect

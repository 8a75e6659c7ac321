// An op of a captured step: see op_view.h.

#include "lab/inspect/terms/op_view.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

namespace vitrine::inspect {
namespace {

std::vector<double> as_f64(const Tensor& tensor) {
    if (!tensor.defined()) return {};
    if (tensor.dtype() != DType::i32) return tensor.to_host<double>();
    const std::vector<int32_t> whole = tensor.to_host<int32_t>();
    return {whole.begin(), whole.end()};
}

}  // namespace

std::span<const double> StepValues::value(int tensor) {
    const auto [entry, is_new] = values_.try_emplace(tensor);
    if (is_new) entry->second = as_f64(step_.tensors.at(tensor).value);
    return entry->second;
}

std::span<const double> StepValues::gradient(int tensor) {
    const auto [entry, is_new] = gradients_.try_emplace(tensor);
    if (is_new) entry->second = as_f64(step_.tensors.at(tensor).gradient);
    return entry->second;
}

std::vector<int64_t> place_of(const Shape& shape, int64_t element) {
    std::vector<int64_t> place(shape.rank());
    for (size_t axis = shape.rank(); axis-- > 0;) {
        place[axis] = element % shape.extents()[axis];
        element /= shape.extents()[axis];
    }
    return place;
}

int64_t element_at(const Shape& shape, std::span<const int64_t> place) {
    int64_t element = 0;
    for (size_t axis = 0; axis < shape.rank(); ++axis)
        element = element * shape.extents()[axis] + place[axis];
    return element;
}

std::string plus(double x) { return fmt::format(" {} {:.6g}", x < 0.0 ? "−" : "+", std::abs(x)); }

std::string named(const std::string& name, const Shape& shape, int64_t element) {
    return fmt::format("{}[{}]", name, fmt::join(place_of(shape, element), ","));
}

}  // namespace vitrine::inspect

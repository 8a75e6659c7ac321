// Tensors found by name: see problem.h.

#include "lab/gradcheck/harness/problem.h"

#include <algorithm>
#include <stdexcept>

namespace vitrine::gradcheck {

void* Bindings::operator[](std::string_view name) const {
    const auto found = bound_.find(name);
    if (found == bound_.end()) throw std::logic_error("this problem has no tensor " + std::string(name));
    return found->second.data;
}

void* Bindings::optional(std::string_view name) const { return gradient(name).data; }

Gradient Bindings::gradient(std::string_view name) const {
    const auto found = bound_.find(name);
    return found == bound_.end() ? Gradient{} : found->second;
}

bool BoundPass::takes_half() const {
    return std::ranges::any_of(implementations,
                               [](const Callable& callable) { return callable.types == StorageTypes::all; });
}

DType HalfTypes::type_of(std::string_view name, DType dtype) const {
    const auto has = [](const std::vector<std::string>& names, std::string_view wanted) {
        return std::ranges::find(names, wanted) != names.end();
    };
    const bool gradient = name.starts_with("d_");
    const std::string_view tensor = gradient ? name.substr(2) : name;
    return has(accumulated, tensor) || (gradient && has(accumulated_gradients, tensor)) ? accumulate_of(dtype)
                                                                                        : dtype;
}

}  // namespace vitrine::gradcheck

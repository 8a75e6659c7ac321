// Tensors found by name: see problem.h.

#include "lab/gradcheck/harness/problem.h"

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

}  // namespace vitrine::gradcheck

// Looking on while a model runs: see trace.h.

#include "engine/trace.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

namespace vitrine {
namespace {

thread_local Trace* innermost_trace = nullptr;
thread_local std::vector<std::string> modules;
thread_local uint64_t ops_of_thread = 0;

}  // namespace

Trace::Trace(std::function<void(const OpEvent&)> observer)
    : observer_(std::move(observer)), previous_(innermost_trace) {
    innermost_trace = this;
}

Trace::~Trace() { innermost_trace = previous_; }

void notify(const OpEvent& event) {
    for (Trace* trace = innermost_trace; trace != nullptr; trace = trace->previous_) trace->observer_(event);
}

uint64_t observe_forward(const char* op, std::span<const Tensor> inputs, std::span<const Tensor> outputs,
                         const OpOptions& options) {
    const uint64_t number = ++ops_of_thread;
    if (innermost_trace != nullptr)
        notify({.pass = Pass::forward,
                .number = number,
                .op = op,
                .module = current_module(),
                .inputs = inputs,
                .outputs = outputs,
                .options = options});
    return number;
}

uint64_t observe_forward(const char* op, std::initializer_list<Tensor> inputs, const Tensor& output,
                         const OpOptions& options) {
    return observe_forward(op, std::span(inputs.begin(), inputs.size()), std::span(&output, 1), options);
}

void observe_backward(uint64_t number, const char* op, const std::string& module,
                      std::span<const Tensor> gradients) {
    if (innermost_trace == nullptr) return;
    notify({.pass = Pass::backward, .number = number, .op = op, .module = module, .gradients = gradients});
}

ModuleScope::ModuleScope(const std::string& name) { modules.push_back(name); }

ModuleScope::~ModuleScope() { modules.pop_back(); }

void swap_modules(std::vector<std::string>& other) { modules.swap(other); }

std::string current_module() {
    std::vector<std::string> named;
    for (const std::string& name : modules) {
        if (!name.empty()) named.push_back(name);
    }
    return fmt::format("{}", fmt::join(named, "."));
}

}  // namespace vitrine

// Looking on while a model runs: see trace.h.

#include "engine/trace.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

namespace vitrine {
namespace {

thread_local Trace* innermost_trace = nullptr;
thread_local std::vector<std::string> modules;

}  // namespace

Trace::Trace(std::function<void(const OpEvent&)> observer)
    : observer_(std::move(observer)), previous_(innermost_trace) {
    innermost_trace = this;
}

Trace::~Trace() { innermost_trace = previous_; }

void notify(const OpEvent& event) {
    for (Trace* trace = innermost_trace; trace != nullptr; trace = trace->previous_) trace->observer_(event);
}

void observe_forward(const char* op, std::initializer_list<Tensor> inputs, const Tensor& output,
                     const OpOptions& options) {
    if (innermost_trace == nullptr) return;
    notify({Pass::forward, op, current_module(), {inputs.begin(), inputs.size()}, output, options});
}

void observe_backward(const char* op, const std::string& module, const Tensor& d_y) {
    if (innermost_trace == nullptr) return;
    notify({Pass::backward, op, module, {&d_y, 1}, Tensor()});
}

ModuleScope::ModuleScope(const std::string& name) { modules.push_back(name); }

ModuleScope::~ModuleScope() { modules.pop_back(); }

std::string current_module() {
    std::vector<std::string> named;
    for (const std::string& name : modules) {
        if (!name.empty()) named.push_back(name);
    }
    return fmt::format("{}", fmt::join(named, "."));
}

}  // namespace vitrine

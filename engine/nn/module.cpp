// Module: see module.h.

#include "engine/nn/module.h"

#include "engine/shard_meeting.h"
#include "engine/trace.h"

namespace vitrine::nn {

Pending Module::operator()(const Pending& x) {
    const ModuleScope scope(name_);
    return forward(x);
}

void Module::for_each_module(const std::function<void(const std::string&, Module&)>& visit) {
    for_each_module("", visit);
}

void Module::for_each_module(const std::string& path,
                             const std::function<void(const std::string&, Module&)>& visit) {
    visit(path, *this);
    for (const auto& [name, child] : children_)
        child->for_each_module(path.empty() ? name : path + "." + name, visit);
}

void Module::set_training(bool training) {
    for_each_module([&](const std::string&, Module& module) {
        module.training_ = training && !module.kept_in_evaluation_;
    });
}

void Module::keep_in_evaluation(bool keep) {
    kept_in_evaluation_ = keep;
    if (keep) training_ = false;
}

void Module::set_fused(bool fused) {
    for_each_module([&](const std::string&, Module& module) { module.fused_ = fused; });
}

void Module::set_writes_all(bool writes_all) {
    for_each_module([&](const std::string&, Module& module) { module.writes_all_ = writes_all; });
}

void Module::set_step(uint64_t seed, uint32_t step) {
    for_each_module([&](const std::string&, Module& module) {
        module.seed_ = seed;
        module.step_ = step;
    });
}

void Module::set_meeting(ShardMeeting* meeting) {
    for_each_module([&](const std::string&, Module& module) { module.meeting_ = meeting; });
}

uint32_t Module::step() const {
    return step_ + (meeting_ != nullptr ? static_cast<uint32_t>(meeting_->place()) : 0);
}

std::vector<NamedParameter> Module::state() {
    std::vector<NamedParameter> all;
    for_each_module([&](const std::string& path, Module& module) {
        for (Parameter& parameter : module.parameters_) {
            all.push_back({path.empty() ? parameter.name : path + "." + parameter.name, &parameter});
        }
    });
    return all;
}

std::vector<NamedParameter> Module::trainable() {
    std::vector<NamedParameter> all = state();
    std::erase_if(all, [](const NamedParameter& named) { return named.parameter->role != Role::trained; });
    return all;
}

Parameter* Module::add(Parameter parameter) {
    if (parameter.role == Role::trained) parameter.value.require_gradient();
    parameters_.push_back(std::move(parameter));
    return &parameters_.back();
}

Pending Sequential::forward(const Pending& x) {
    Pending y = x;
    for (const auto& [name, child] : children()) y = (*child)(y);
    return y;
}

}  // namespace vitrine::nn

// One implementation of an op in the race of bench op: see candidate.h.

#include "lab/bench/candidate.h"

#include <algorithm>

#include "kernels/kernels.h"

namespace vitrine::tools {

std::vector<std::string> implementations_of(Device device, const std::string& kernel) {
    std::vector<std::string> names;
    for_each_kernel(device, [&](const auto& candidate) {
        if (candidate->name() != kernel) return;
        for (const auto& implementation : candidate->implementations()) {
            if (is_wanted(device, kernel, implementation.name)) names.emplace_back(implementation.name);
        }
    });
    return names;
}

Candidate::Candidate(std::string implementation, const std::vector<Target>& targets, LayerTimer& timer,
                     Device device)
    : implementation_(std::move(implementation)), timer_(timer) {
    for (const Target& target : targets) {
        const std::vector<std::string> names = implementations_of(device, target.kernel);
        if (std::ranges::find(names, implementation_) == names.end()) continue;
        targets_.push_back(target);
        forces_.push_back(std::make_unique<ScopedForce>(device, target.kernel));
    }
}

bool Candidate::offers(const Target& target) const {
    return std::ranges::find(targets_, target.kernel, &Target::kernel) != targets_.end();
}

std::string Candidate::refusal(const std::string& shape, Pass pass) const {
    const auto found = refusals_.find({shape, pass});
    return found == refusals_.end() ? std::string() : found->second;
}

void Candidate::warm_up() {
    while (true) {
        try {
            run_step();
            return;
        } catch (const LayerRefusal& refusal) {
            note(refusal);
        }
    }
}

StepTimes Candidate::run_step() {
    const auto lift_all = [&] {
        for (const auto& force : forces_) force->lift();
    };
    try {
        StepTimes times = timer_.run([&](size_t layer, Pass pass) { prepare(layer, pass); });
        lift_all();
        return times;
    } catch (const Error&) {
        lift_all();
        throw;
    }
}

/// Forces the implementation for a layer of the op, unless it refuses it.
void Candidate::prepare(size_t layer, Pass pass) {
    const Layer& next = timer_.layers()[layer];
    for (size_t i = 0; i < targets_.size(); ++i) {
        if (targets_[i].kernel != next.of(pass).kernel) continue;
        if (refusal(next.shape, pass).empty()) {
            forces_[i]->force(implementation_);
        } else {
            forces_[i]->lift();
        }
    }
}

void Candidate::note(const LayerRefusal& refusal) {
    const Layer& layer = timer_.layers()[refusal.layer];
    const std::string& kernel = layer.of(refusal.pass).kernel;
    const bool ours = std::ranges::any_of(targets_, [&](const Target& t) { return t.kernel == kernel; });
    // What another kernel refuses, or the usual implementation, is not for this race to go round.
    if (!ours) throw Error(refusal.what());
    const auto [place, is_new] =
        refusals_.try_emplace({layer.shape, refusal.pass}, without_name(refusal.reasons));
    if (!is_new) throw Error(refusal.what());
}

std::string Candidate::without_name(const std::string& reasons) const {
    const std::string prefix = implementation_ + ": ";
    return reasons.starts_with(prefix) ? reasons.substr(prefix.size()) : reasons;
}

}  // namespace vitrine::tools

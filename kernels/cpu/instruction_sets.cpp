// Asking Highway for the instruction sets, and hiding the better ones from it: see instruction_sets.h.

#include "kernels/cpu/instruction_sets.h"

#include <hwy/highway.h>

#include <algorithm>
#include <cctype>
#include <stdexcept>

namespace vitrine::cpu {
namespace {

std::string name_of(int64_t target) {
    if (target == HWY_STATIC_TARGET) return "baseline";
    if (target == HWY_AVX3) return "avx512";
    std::string name = hwy::TargetName(target);
    std::ranges::transform(name, name.begin(), [](unsigned char letter) { return std::tolower(letter); });
    return name;
}

}  // namespace

std::vector<std::string> instruction_sets() {
    std::vector<std::string> names;
    for (const int64_t target : hwy::SupportedAndGeneratedTargets()) names.push_back(name_of(target));
    return names;
}

void use_instruction_set(const std::string& name) {
    for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
        if (name_of(target) != name) continue;
        // A better target is a lower bit.
        hwy::SetSupportedTargetsForTest(hwy::SupportedTargets() & ~(target - 1));
        hwy::GetChosenTarget().Update(hwy::SupportedTargets());
        return;
    }
    throw std::logic_error("an instruction set that is not one of instruction_sets()");
}

}  // namespace vitrine::cpu

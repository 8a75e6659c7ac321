// Batch norms behind another kernel: see norms_behind.h.

#include "kernels/norms_behind.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "kernels/kernels.h"

namespace vitrine {

void NormsBehind::want(const NormalizeBackward& norm) {
    const auto free = std::ranges::find(backward_, nullptr);
    if (free == backward_.end()) throw std::logic_error("more norms behind a kernel than it has operands");
    *free = &norm;
}

const NormalizeForward* NormsBehind::take_forward(const void* mean) {
    if (forward_ == nullptr || forward_->mean != mean) return nullptr;
    return std::exchange(forward_, nullptr);
}

const NormalizeBackward* NormsBehind::take_backward(const void* d_scale) {
    for (const NormalizeBackward*& norm : backward_) {
        if (norm != nullptr && norm->d_scale == d_scale) return std::exchange(norm, nullptr);
    }
    return nullptr;
}

namespace {

const BoundKernel<NormalizeForward>& kernel_of(const KernelTable& table, const NormalizeForward&) {
    return table.normalize_forward;
}
const BoundKernel<NormalizeBackward>& kernel_of(const KernelTable& table, const NormalizeBackward&) {
    return table.normalize_backward;
}

}  // namespace

void WantedNorms::finish() {
    const NormsBehind left = std::exchange(context_.norms, {});
    left.for_each([&](const auto& norm) { kernel_of(kernels(context_.device), norm)(norm); });
}

}  // namespace vitrine

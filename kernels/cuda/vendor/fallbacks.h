// The library implementations that stand behind our own kernels: cuDNN's and cuBLAS's.
//
// Whoever is linked decides whether there are any: the files of this folder (cuda, and programs that test
// them on the simt device), absent.cu (cuda without the libraries), or kernels/simt/no_vendor.cpp (simt,
// which runs handwritten kernels alone).
#pragma once

#include <deque>
#include <span>
#include <vector>

#include "kernels/cuda/gpu.h"

namespace vitrine::VITRINE_GPU {

namespace vendor {

/// Each kernel's library implementations, under its own name in kernels.def: a kernel that is renamed takes
/// its fallbacks along or does not compile. Empty where no library can do it.
struct Fallbacks {
#define KERNEL(name, Args) std::span<const Implementation<Args>> name{};
#include "kernels/kernels.def"
#undef KERNEL
};

const Fallbacks& fallbacks();

}  // namespace vendor

/// The kernel itself, or one that lists the libraries' implementations after ours.
template <class Args>
const Kernel<Args>* with_fallbacks(const Kernel<Args>& own, std::span<const Implementation<Args>> fallbacks) {
    if (fallbacks.empty()) return &own;
    static std::deque<std::vector<Implementation<Args>>> lists;
    static std::deque<Kernel<Args>> joined;
    auto& list = lists.emplace_back(own.implementations().begin(), own.implementations().end());
    list.insert(list.end(), fallbacks.begin(), fallbacks.end());
    return &joined.emplace_back(own.name(), list);
}

}  // namespace vitrine::VITRINE_GPU

// The library implementations that stand behind our own kernels: cuDNN's and cuBLAS's.
//
// Whoever is linked decides whether there are any: the files of this folder (cuda), absent.cu (cuda without
// the libraries), or kernels/simt/no_rivals.cpp (simt, which runs handwritten kernels alone).
#pragma once

#include <deque>
#include <span>
#include <vector>

#include "kernels/cuda/gpu.h"

namespace vitrine::VITRINE_GPU {

namespace vendor {

/// By the kernel's name; empty where no library can do it.
std::span<const Implementation<ConvForward>> rivals(const Kernel<ConvForward>& own);
std::span<const Implementation<ConvBackward>> rivals(const Kernel<ConvBackward>& own);
std::span<const Implementation<LinearForward>> rivals(const Kernel<LinearForward>& own);
std::span<const Implementation<LinearBackward>> rivals(const Kernel<LinearBackward>& own);
template <class Args>
std::span<const Implementation<Args>> rivals(const Kernel<Args>&) {
    return {};
}

}  // namespace vendor

/// The kernel itself, or one that lists the libraries' implementations after ours.
template <class Args>
const Kernel<Args>* with_rivals(const Kernel<Args>& own) {
    const auto rivals = vendor::rivals(own);
    if (rivals.empty()) return &own;
    static std::deque<std::vector<Implementation<Args>>> lists;
    static std::deque<Kernel<Args>> joined;
    auto& list = lists.emplace_back(own.implementations().begin(), own.implementations().end());
    list.insert(list.end(), rivals.begin(), rivals.end());
    return &joined.emplace_back(own.name(), list);
}

}  // namespace vitrine::VITRINE_GPU

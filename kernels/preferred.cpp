// Finds the table of a device, with preferred implementations first: see preferred.h.

#include "kernels/preferred.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <deque>
#include <memory>

#include "kernels/cuda/vendor/available.h"
#include "kernels/devices.h"
#include "kernels/error.h"

namespace vitrine {
namespace {

const KernelTable& own_table(Device device) {
    switch (device) {
        case Device::reference:
            return reference::table();
        case Device::cpu:
            return cpu::table();
        case Device::cuda:
            return cuda::table();
        case Device::simt:
            return simt::table();
    }
    throw std::logic_error("unknown device");
}

struct Preferred {
    std::vector<std::string> names;
    std::unique_ptr<const KernelTable> table;  // null: the device's own
};

Preferred& preferred(Device device) {
    static std::array<Preferred, all_devices.size()> all;
    return all[static_cast<size_t>(device)];
}

/// The kernel with the named implementations first in its list.
template <class Args>
const Kernel<Args>* reordered(const Kernel<Args>& own, const std::vector<std::string>& names) {
    static std::deque<std::vector<Implementation<Args>>> lists;  // as long as the program: tables point there
    static std::deque<Kernel<Args>> kernels;
    auto& list = lists.emplace_back(own.implementations().begin(), own.implementations().end());
    for (auto name = names.rbegin(); name != names.rend(); ++name) {
        // Not of std::ranges, which clang 14 cannot compile: tests/fuzz/run.sh needs it.
        std::stable_partition(list.begin(), list.end(), [&](const Implementation<Args>& implementation) {
            return *name == implementation.name;
        });
    }
    return &kernels.emplace_back(own.name(), list);
}

}  // namespace

const KernelTable& listed_kernels(Device device) {
    const Preferred& first = preferred(device);
    return first.table ? *first.table : own_table(device);
}

std::span<const std::string> preferred_implementations(Device device) { return preferred(device).names; }

void prefer_implementations(Device device, std::vector<std::string> names) {
    Preferred& first = preferred(device);
    first.table.reset();
    first.names = std::move(names);
    if (first.names.empty()) return;
    const KernelTable& own = own_table(device);
    first.table.reset(new KernelTable{
#define KERNEL(name, Args) {reordered(*own.name.kernel, first.names), device},
#include "kernels/kernels.def"
#undef KERNEL
    });
}

void start_preferred_libraries(Device device) {
    if (preferred(device).names.empty()) return;
    static_cast<void>(kernels(device));  // throws where the device itself cannot be used
    for (const std::string& name : preferred(device).names) {
        const char* problem = nullptr;
        if (device == Device::cuda) problem = cuda::vendor::library_problem(name);
        if (device == Device::simt) problem = simt::vendor::library_problem(name);
        if (problem != nullptr)
            throw Error(fmt::format("--impl {}: it cannot be used here: {}", name, problem));
    }
}

}  // namespace vitrine

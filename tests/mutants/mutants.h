// The kernels with planted defects: the list that make_mutants.py makes of mutants.json.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernels/device_collective.h"
#include "kernels/kernels.h"
#include "kernels/runtime.h"

namespace vitrine {

struct Mutant {
    int number;
    std::string name;
    std::string what;                          // the file, and what is wrong there
    std::string group;                         // of files that are compiled together
    std::string op;                            // whose problems must catch it
    std::vector<std::string> kernels;          // that are checked
    std::vector<std::string> implementations;  // that are checked
    std::vector<std::string> problems;         // how the text of each problem that is tried begins
    std::string caught_by;                     // a part of what must be said against it
    void (*put_into)(KernelTable& table);      // the kernels of the group in place of the right ones
};

const std::vector<Mutant>& mutants();

/// A defect of the host's side of the device: memory and copies.
struct RuntimeMutant {
    int number;
    std::string name;
    std::string what;             // the file, and what is wrong there
    std::string caught_by;        // a part of what must be said against it
    const Runtime& (*runtime)();  // of the group, in place of the right one
};

const std::vector<RuntimeMutant>& runtime_mutants();

/// A defect between the processes' GPUs.
struct CollectiveMutant {
    int number;
    std::string name;
    std::string what;
    std::string caught_by;
    const Runtime& (*runtime)();
    std::unique_ptr<DeviceCollective> (*join)(Collective& processes, bool sums);
};

const std::vector<CollectiveMutant>& collective_mutants();

/// The type of a kernel that is a member of the table.
template <auto member>
struct KernelOfMember;
template <class Args, BoundKernel<Args> KernelTable::*member>
struct KernelOfMember<member> {
    using Type = const Kernel<Args>;
};
template <auto member>
using KernelOf = typename KernelOfMember<member>::Type;

}  // namespace vitrine

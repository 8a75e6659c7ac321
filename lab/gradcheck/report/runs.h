// The runs that the report of ops counts and a film shows: the passes of a problem on the simt device, ready to go.
#pragma once

#include <functional>

#include "lab/gradcheck/harness/check.h"
#include "lab/gradcheck/harness/variants.h"

namespace vitrine::gradcheck {

/// One way of calling one implementation on one problem.
struct PreparedRun {
    const Problem& problem;
    const BoundPass& pass;
    const Callable& implementation;
    const Variant& variant;
    Launch& launch;

    /// Throws Error if the launch goes wrong.
    void run() const;
};

using RunVisitor = std::function<void(const PreparedRun&)>;

/// Calls visit for each implementation of a selected kernel that takes the problem, in f32. A backward pass comes with
/// all gradients and, where it has several, with each alone; what it reads comes from the device's own forward pass.
void visit_runs(const Problem& problem, const Selection& selection, const RunVisitor& visit,
                const KernelTable& table = kernels(Device::simt));

}  // namespace vitrine::gradcheck

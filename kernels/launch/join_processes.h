// The processes that a launcher has started, as a Collective (kernels/collective.h).
#pragma once

#include <memory>

#include "kernels/collective.h"

namespace vitrine {

/// By MPI or by an address, as the launcher's variables say (launched.h). Null where this process was launched by itself.
/// Throws Error where it is one of several that cannot find each other: each would take itself for the only one. Called once,
/// before anything that takes long; the processes part when it is destroyed.
std::unique_ptr<Collective> join_processes();

}  // namespace vitrine

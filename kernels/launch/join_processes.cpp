// The processes that a launcher has started: see join_processes.h.

#include "kernels/launch/join_processes.h"

#include <fmt/format.h>

#include "kernels/error.h"
#include "kernels/launch/launched.h"
#include "kernels/launch/meeting_place.h"
#include "kernels/mpi/join_mpi.h"
#include "kernels/sockets/join_sockets.h"

namespace vitrine {
namespace {

std::unique_ptr<Collective> join(const Launched& launched) {
    switch (launched.meeting) {
        case Meeting::by_mpi:
            return join_mpi(launched);
        case Meeting::by_address:
            return join_sockets(meeting_place(launched));
        case Meeting::never:
            break;
    }
    throw Error(
        fmt::format("launched by {} as one of {} processes, which have no way to find each other: srun "
                    "--mpi=pmix gives them one (srun "
                    "--mpi=list says what there is), and so do MASTER_ADDR and MASTER_PORT, the machine of "
                    "process 0 and a free port there",
                    launched.launcher, launched.processes));
}

}  // namespace

std::unique_ptr<Collective> join_processes() {
    const Launched here = launched();
    if (here.processes == 1) return nullptr;
    try {
        return join(here);
    } catch (const AbsentProcess& absent) {
        throw Error(absent.what());
    }
}

}  // namespace vitrine

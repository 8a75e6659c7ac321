// The table of kernels of a device: kernels(device).name(args) runs one.
//
// kernels.def is expanded three times: into the declaration of every kernel of every device, into the fields
// of the table, and (in each device's table.cpp) into the table itself.
#pragma once

#include "kernels/augment_images.h"
#include "kernels/call_observer.h"
#include "kernels/conv.h"
#include "kernels/cost.h"
#include "kernels/device.h"
#include "kernels/elementwise.h"
#include "kernels/expanded_conv.h"
#include "kernels/finish_images.h"
#include "kernels/kernel.h"
#include "kernels/loss.h"
#include "kernels/matmul.h"
#include "kernels/merge_moments.h"
#include "kernels/norm.h"
#include "kernels/optim.h"
#include "kernels/pool.h"
#include "kernels/resolve.h"

namespace vitrine {

/// While it lives, a context's kernels may take these norms on.
class WantedNorms {
  public:
    WantedNorms(Context& context, const NormsBehind& norms) : context_(context) { context_.norms = norms; }
    ~WantedNorms() { context_.norms = {}; }
    WantedNorms(const WantedNorms&) = delete;
    WantedNorms& operator=(const WantedNorms&) = delete;

    /// Calls those that no kernel has taken.
    void finish();

  private:
    Context& context_;
};

/// A kernel bound to its device's context, as seen from above kernels/.
template <class Args>
struct BoundKernel {
    const Kernel<Args>* kernel;
    Device device;

    void operator()(const Args& args) const {
        (*kernel)(args, context(device));
        if (CallObserver::watching()) CallObserver::tell({kernel->name(), device, least_cost(args)});
    }
    /// The same, and these norms behind it, whoever does them (norms_behind.h).
    void operator()(const Args& args, const NormsBehind& norms) const {
        WantedNorms wanted(context(device), norms);
        (*this)(args);
        wanted.finish();
    }
    const Kernel<Args>* operator->() const { return kernel; }
};

struct KernelTable {
#define KERNEL(name, Args) BoundKernel<Args> name;
#include "kernels/kernels.def"
#undef KERNEL
};

/// Throws Error if this program was built without the device, UnusableDevice if this machine has none.
const KernelTable& kernels(Device device);

/// The same table without a look at the machine: to see what there is, or to have other processes use it.
/// Throws Error if this program was built without the device.
const KernelTable& listed_kernels(Device device);

/// Calls visit(kernel) with the BoundKernel of each line of kernels.def, in order: for tools that enumerate
/// what there is, on this machine or not.
template <class Visit>
void for_each_kernel(Device device, Visit&& visit) {
    const KernelTable& table = listed_kernels(device);
#define KERNEL(name, Args) visit(table.name);
#include "kernels/kernels.def"
#undef KERNEL
}

#define KERNEL(name, Args) extern const Kernel<Args> name;
namespace reference {
#include "kernels/kernels.def"
}
namespace cpu {
#include "kernels/kernels.def"
}
namespace cuda {
#include "kernels/kernels.def"
}
namespace simt {
#include "kernels/kernels.def"
}
#undef KERNEL

}  // namespace vitrine

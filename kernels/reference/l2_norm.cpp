// The norm of all gradients, as plain loops: see kernels/optim.h for the formula.

#include <cmath>

#include "kernels/kernels.h"

namespace vitrine::reference {
namespace {

constexpr auto run_norm = computed_types([]<class T>(const L2Norm& args, Context&) {
    const T* data = static_cast<const T*>(args.data);
    double sum = 0;
    for (int64_t i = 0; i < args.count; ++i) sum += double{data[i]} * double{data[i]};
    *static_cast<T*>(args.norm) = static_cast<T>(std::sqrt(sum));
});

constexpr Implementation<L2Norm> norm_list[]{{"loops", refuses_nothing, run_norm}};

}  // namespace

const Kernel<L2Norm> l2_norm{"l2_norm", norm_list};

}  // namespace vitrine::reference

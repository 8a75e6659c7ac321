// The moments of a batch's shards made one: see kernels/merge_moments.h for the formulas.

#include "kernels/host_merge_moments.h"
#include "kernels/kernels.h"

namespace vitrine::cpu {
namespace {

constexpr Implementation<MergeMomentsForward> forward_list[]{
    {"formula", refuses_nothing, host::merge_moments<ShardFold>}};
constexpr Implementation<MergeMomentsBackward> backward_list[]{
    {"formula", refuses_nothing, host::merge_moments_gradients<ShardFold>}};

}  // namespace

const Kernel<MergeMomentsForward> merge_moments_forward{"merge_moments_forward", forward_list};
const Kernel<MergeMomentsBackward> merge_moments_backward{"merge_moments_backward", backward_list};

}  // namespace vitrine::cpu

// The moments of one shard's tensor become those of the whole batch's: batch norm over all shards.

#include "engine/autograd.h"
#include "engine/ops/check.h"
#include "engine/ops/ops.h"
#include "engine/shard_meeting.h"
#include "kernels/kernels.h"

namespace vitrine::ops {
namespace {

/// [2, channels]: row `which` of it.
Tensor row(const Tensor& moments, int64_t which) {
    const int64_t channels = moments.shape()[1];
    return moments.part(which * channels, {channels});
}

Tensor or_zeros(const Tensor& gradient, const Tensor& of) {
    return gradient.defined() ? gradient : Tensor::zeros(of.shape(), of.placement());
}

}  // namespace

Moments merge_moments(const Moments& own, int64_t rows, ShardMeeting& meeting) {
    require(own.defined(), "merge_moments", "the moments of a shard are not there");
    const int64_t shards = meeting.shards(), channels = own.mean.count();
    const Placement placement = own.mean.placement();
    const Tensor all = meeting.meet({own.mean, own.m2});
    const Tensor merged = Tensor::empty({2, channels}, placement);
    kernels(placement.device)
        .merge_moments_forward({.dtype = placement.dtype,
                                .shards = shards,
                                .rows = rows,
                                .channels = channels,
                                .copies = 1,
                                .moments = all.data(),
                                .merged = merged.data()});
    Moments result{row(merged, 0), row(merged, 1), shards};
    const Tensor moments = all.part(2 * channels * meeting.shard(), {2, channels});
    record_outputs("merge_moments", {own.mean, own.m2}, {result.mean, result.m2},
                   [moments, merged, shards, rows, channels, placement, &meeting, d_mean = own.mean.slot(),
                    d_m2 = own.m2.slot()](std::span<const Tensor> gradients) {
                       const Tensor d_merged = meeting.meet(
                           {or_zeros(gradients[0], row(merged, 0)), or_zeros(gradients[1], row(merged, 1))});
                       const Tensor d_moments = Tensor::empty({2, channels}, placement);
                       kernels(placement.device)
                           .merge_moments_backward({.dtype = placement.dtype,
                                                    .shards = shards,
                                                    .rows = rows,
                                                    .channels = channels,
                                                    .wanted = 1,
                                                    .moments = moments.data(),
                                                    .merged = merged.data(),
                                                    .d_merged = d_merged.data(),
                                                    .d_moments = {d_moments.data()}});
                       if (d_mean) d_mean->contribute(row(d_moments, 0));
                       if (d_m2) d_m2->contribute(row(d_moments, 1));
                   });
    return result;
}

}  // namespace vitrine::ops

// The moments of a batch's shards made one (kernels/merge_moments.h) on a device whose memory the host reads: for all channels,
// in f64. `Fold` is how shards are put together: what ShardFold does.
#pragma once

#include "kernels/merge_moments.h"
#include "kernels/typed_body.h"

namespace vitrine::host {

/// Element [shard, which, c] of an array [shards, 2, channels].
constexpr int64_t moment_index(int64_t shard, int64_t which, int64_t channels, int64_t c) {
    return (2 * shard + which) * channels + c;
}

template <class T>
double moment(const void* moments, int64_t index) {
    return static_cast<double>(static_cast<const T*>(moments)[index]);
}

template <template <class> class Fold>
inline constexpr auto merge_moments = computed_types([]<class T>(const MergeMomentsForward& args, Context&) {
    T* merged = static_cast<T*>(args.merged);
    for (int64_t c = 0; c < args.channels; ++c) {
        const auto at = [&](int64_t shard, int64_t which) {
            return moment_index(shard, which, args.channels, c);
        };
        Fold<MomentsOfRows<double>> fold;
        for (int64_t shard = 0; shard < args.shards; ++shard)
            fold.add({static_cast<double>(args.rows), moment<T>(args.moments, at(shard, 0)),
                      moment<T>(args.moments, at(shard, 1))});
        const MomentsOfRows<double> total = fold.total();
        for (int64_t copy = 0; copy < args.copies; ++copy) {
            merged[at(copy, 0)] = static_cast<T>(total.mean);
            merged[at(copy, 1)] = static_cast<T>(total.m2);
        }
    }
});

template <template <class> class Fold>
inline constexpr auto merge_moments_gradients = computed_types([]<class T>(const MergeMomentsBackward& args,
                                                                           Context&) {
    const GradientWriter<T> d_moments(args.d_moments);
    const double rows = static_cast<double>(args.rows), shards = static_cast<double>(args.shards);
    for (int64_t c = 0; c < args.channels && d_moments; ++c) {
        const auto at = [&](int64_t shard, int64_t which) {
            return moment_index(shard, which, args.channels, c);
        };
        Fold<MomentGradients<double>> fold;
        for (int64_t shard = 0; shard < args.shards; ++shard)
            fold.add({moment<T>(args.d_merged, at(shard, 0)), moment<T>(args.d_merged, at(shard, 1))});
        const MomentGradients<double> total = fold.total();
        const double mean = moment<T>(args.merged, at(0, 0));
        for (int64_t shard = 0; shard < args.wanted; ++shard) {
            const double difference = moment<T>(args.moments, at(shard, 0)) - mean;
            d_moments(at(shard, 0), static_cast<T>(total.mean / shards + 2 * rows * difference * total.m2));
            d_moments(at(shard, 1), static_cast<T>(total.m2));
        }
    }
});

}  // namespace vitrine::host

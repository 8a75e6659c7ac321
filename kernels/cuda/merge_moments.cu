// The moments of a batch's shards made one (kernels/merge_moments.h), and the gradients of that, one thread a channel.
//
// A few numbers a channel and shard, each read once and in rows of channels, so that nothing counts but the launch itself. All of
// it in f64, as in normalize.cu: the result is rounded once.

#include "kernels/cuda/gpu.h"

namespace vitrine::VITRINE_GPU {
namespace {

constexpr int threads = 64;

template <class T>
__global__ void __launch_bounds__(threads) merge_channels(MergeMomentsForward args) {
    const int64_t c = thread_index();
    if (c >= args.channels) return;
    const T* moments = static_cast<const T*>(args.moments) + c;
    const double rows = static_cast<double>(args.rows);
    ShardFold<MomentsOfRows<double>> fold;
    for (int64_t shard = 0; shard < args.shards; ++shard) {
        const double mean = static_cast<double>(moments[2 * shard * args.channels]);
        const double m2 = static_cast<double>(moments[(2 * shard + 1) * args.channels]);
        fold.add({rows, mean, m2});
    }
    const MomentsOfRows<double> total = fold.total();
    T* merged = static_cast<T*>(args.merged) + c;
    for (int64_t copy = 0; copy < args.copies; ++copy) {
        merged[2 * copy * args.channels] = static_cast<T>(total.mean);
        merged[(2 * copy + 1) * args.channels] = static_cast<T>(total.m2);
    }
}

template <class T>
__global__ void __launch_bounds__(threads)
    merge_gradients(MergeMomentsBackward args, GradientWriter<T> d_moments) {
    const int64_t c = thread_index();
    if (c >= args.channels) return;
    const T* d_merged = static_cast<const T*>(args.d_merged) + c;
    ShardFold<MomentGradients<double>> fold;
    for (int64_t shard = 0; shard < args.shards; ++shard) {
        const double d_mean = static_cast<double>(d_merged[2 * shard * args.channels]);
        const double d_m2 = static_cast<double>(d_merged[(2 * shard + 1) * args.channels]);
        fold.add({d_mean, d_m2});
    }
    const MomentGradients<double> total = fold.total();
    const T* moments = static_cast<const T*>(args.moments) + c;
    const double mean = static_cast<double>(static_cast<const T*>(args.merged)[c]);
    const double from_mean = total.mean / static_cast<double>(args.shards);
    const double per_difference = 2 * static_cast<double>(args.rows) * total.m2;
    for (int64_t shard = 0; shard < args.wanted; ++shard) {
        const double difference = static_cast<double>(moments[2 * shard * args.channels]) - mean;
        d_moments(2 * shard * args.channels + c, static_cast<T>(from_mean + per_difference * difference));
        d_moments((2 * shard + 1) * args.channels + c, static_cast<T>(total.m2));
    }
}

constexpr auto run_forward = computed_types([]<class T>(const MergeMomentsForward& args, Context&) {
    if (args.channels == 0) return;
    launch(merge_channels<T>, blocks_for(args.channels, threads), threads, 0, stream(), args);
});

constexpr auto run_backward = computed_types([]<class T>(const MergeMomentsBackward& args, Context&) {
    if (args.channels == 0 || !args.d_moments) return;
    launch(merge_gradients<T>, blocks_for(args.channels, threads), threads, 0, stream(), args,
           GradientWriter<T>(args.d_moments));
});

constexpr Implementation<MergeMomentsForward> forward_list[]{{"formula", refuses_nothing, run_forward}};
constexpr Implementation<MergeMomentsBackward> backward_list[]{{"formula", refuses_nothing, run_backward}};

}  // namespace

const Kernel<MergeMomentsForward> merge_moments_forward{"merge_moments_forward", forward_list};
const Kernel<MergeMomentsBackward> merge_moments_backward{"merge_moments_backward", backward_list};

}  // namespace vitrine::VITRINE_GPU

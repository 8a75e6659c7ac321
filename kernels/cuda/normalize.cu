// Batch norm without x: from the moments that a convolution leaves behind to scale and shift, one thread a channel.
//
// A few hundred numbers each way, so that nothing counts but the launch itself: where the kernel before can, it does this on
// its own (kernels/norms_behind.h).

#include "kernels/cuda/normalize_channel.h"

namespace vitrine::VITRINE_GPU {
namespace {

constexpr int threads = 64;

template <class T>
__global__ void __launch_bounds__(threads)
    normalize_channels(int64_t channels, NormOfMoments<T> norm, const T* mean, const T* m2) {
    const int64_t c = thread_index();
    if (c >= channels) return;
    if (mean == nullptr) return norm.of_running_statistics(c);
    norm(c, mean[c], m2[c]);
}

template <class T>
__global__ void __launch_bounds__(threads) normalize_gradients(int64_t channels, NormOfGradients<T> norm) {
    const int64_t c = thread_index();
    if (c >= channels) return;
    norm(c);
}

constexpr auto run_forward = computed_types([]<class T>(const NormalizeForward& args, Context&) {
    if (args.channels == 0) return;
    const auto of_training = [&](const void* sums) {
        return args.training ? static_cast<const T*>(sums) : nullptr;
    };
    launch(normalize_channels<T>, blocks_for(args.channels, threads), threads, 0, stream(), args.channels,
           NormOfMoments<T>(args), of_training(args.mean), of_training(args.m2));
});

constexpr auto run_backward = computed_types([]<class T>(const NormalizeBackward& args, Context&) {
    if (args.channels == 0) return;
    launch(normalize_gradients<T>, blocks_for(args.channels, threads), threads, 0, stream(), args.channels,
           NormOfGradients<T>(args));
});

constexpr Implementation<NormalizeForward> forward_list[]{{"formula", refuses_nothing, run_forward}};
constexpr Implementation<NormalizeBackward> backward_list[]{{"formula", refuses_nothing, run_backward}};

}  // namespace

const Kernel<NormalizeForward> normalize_forward{"normalize_forward", forward_list};
const Kernel<NormalizeBackward> normalize_backward{"normalize_backward", backward_list};

}  // namespace vitrine::VITRINE_GPU

// Augmentation of a batch: the rungs, and the lower one of them, a block of threads for each image and one launch.
//
//     parts_of_images   several blocks an image, a launch for each round of passes: see augment_parts.cu
//     block_an_image    a program is run from its first step to its last by one block (augment_machine.h)
//
// Bytes of an image, in a block: read once, written once, and for each step that needs the image whole one more of each,
// which the L2 cache may take (an image of 224 pixels is 150 KB). A batch of 32 such images moves at least
// 32 · 150 KB · 2 = 9.6 MB: 3.2 µs at 3 TB/s, 30 µs at 320 GB/s. That bound is far away: 32 blocks are a
// quarter of an H100's 132 multiprocessors, one block each, so the time is that of a block, which has about
// 200 pixels a thread and pass to go through.

#include <algorithm>

#include "kernels/cuda/augment_machine.h"
#include "kernels/cuda/augment_parts.h"
#include "kernels/cuda/augment_zooms.h"
#include "kernels/cuda/upload.h"

namespace vitrine::VITRINE_GPU {
namespace {

/// The tables on the device.
struct Programs {
    const augment::Step* steps;
    const int64_t* begins;
    const ImagePlace* places;
};

// An image is a block, and there are fewer images than multiprocessors can hold: registers are not short.
__global__ void __launch_bounds__(augment_threads, 1)
    run_programs(const uint8_t* images, Programs programs, AugmentAreas areas, int64_t weights_of_image,
                 uint8_t* y, int64_t out_bytes) {
    __shared__ AugmentShared shared;
    const int64_t n = blockIdx.x;
    const ImagePlace place = programs.places[n];
    const AugmentAreas mine{areas.first + n * 3 * areas.bytes, areas.bytes,
                            areas.weights + n * weights_of_image, areas.places};
    AugmentMachine machine(images + place.offset, place.height, place.width, mine, shared);
    for (int64_t i = programs.begins[n]; i < programs.begins[n + 1]; ++i) machine.apply(programs.steps[i]);
    machine.write(y + n * out_bytes);
}

/// The room that the weights of any one resized axis need.
int64_t most_weights(std::span<const augment::Step> steps) {
    int64_t most = 1;
    for (const augment::Step& step : steps) {
        if (step.op != augment::OpCode::resize) continue;
        const auto need = [](int input, int output) { return int64_t{resize_taps(input, output)} * output; };
        most =
            std::max({most, need(step.integers[2], step.out_width), need(step.integers[3], step.out_height)});
    }
    return most;
}

const char* refuses_large(const AugmentImages& args) {
    return largest_between(args) < (int64_t{1} << 22) ? nullptr
                                                      : "an image on the way has 4 million pixels or more";
}

void run(const AugmentImages& args, Context& context) {
    if (args.batch == 0) return;
    const int64_t area = divide_up(largest_between(args) * 3, int64_t{256}) * 256;
    const int64_t weights = most_weights(args.steps);
    const ListedZooms listed(args.steps);
    const AugmentAreas areas{context.scratch.take<uint8_t>(args.batch * 3 * area), area,
                             context.scratch.take<int32_t>(args.batch * weights),
                             uploaded<int32_t>(listed.places, context)};
    const Programs programs{uploaded<augment::Step>(listed.steps, context), uploaded(args.begins, context),
                            uploaded(args.places, context)};
    launch(run_programs, blocks_for(args.batch, 1), augment_threads, 0, stream(), args.images, programs,
           areas, weights, args.y, args.out.height * args.out.width * 3);
}

constexpr Implementation<AugmentImages> list[]{{"parts_of_images", refuses_large, augment_parts_of_images},
                                               {"block_an_image", refuses_large, run}};

}  // namespace

const Kernel<AugmentImages> augment_images{"augment_images", list};

}  // namespace vitrine::VITRINE_GPU

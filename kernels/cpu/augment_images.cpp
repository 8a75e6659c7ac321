// Augmentation of a batch: one image after the other, each by one thread, in memory that stays in its cache.

#include <stdexcept>

#include "kernels/cpu/augment_image.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/per_thread.h"
#include "kernels/kernels.h"

namespace vitrine::cpu {
namespace {

void run(const AugmentImages& args, Context& context) {
    const int64_t area = largest_between(args) * 3;
    const PerThread<uint8_t> scratch(context, 2 * area);
    const int64_t out_bytes = args.out.height * args.out.width * 3;
    bool sizes_fit = true;
    parallel_for(args.batch, [&](int64_t n) {
        const ImagePlace& place = args.places[static_cast<size_t>(n)];
        AugmentImage image(args.images + place.offset, place.height, place.width, scratch.mine(), area);
        for (int64_t i = args.begins[static_cast<size_t>(n)]; i < args.begins[static_cast<size_t>(n) + 1];
             ++i)
            image.apply(args.steps[static_cast<size_t>(i)]);
        if (image.height() == args.out.height && image.width() == args.out.width)
            image.finish(args.y + n * out_bytes);
        else
            sizes_fit = false;
    });
    if (!sizes_fit) throw std::logic_error("an augmentation program ends at another size than the batch's");
}

constexpr Implementation<AugmentImages> list[]{{"tables_and_moves", refuses_nothing, run}};

}  // namespace

const Kernel<AugmentImages> augment_images{"augment_images", list};

}  // namespace vitrine::cpu

// Augmentation: each image's program, step by step, with every image in between made whole.

#include <algorithm>
#include <stdexcept>

#include "kernels/kernels.h"
#include "kernels/reference/augment_step.h"

namespace vitrine::reference {
namespace {

AugmentImage source(const AugmentImages& args, int64_t n) {
    const ImagePlace& place = args.places[static_cast<size_t>(n)];
    const uint8_t* pixels = args.images + place.offset;
    return {place.height, place.width, std::vector<uint8_t>(pixels, pixels + place.bytes())};
}

void run(const AugmentImages& args, Context&) {
    const int64_t bytes = args.out.height * args.out.width * 3;
    for (int64_t n = 0; n < args.batch; ++n) {
        AugmentImage image = source(args, n);
        for (int64_t i = args.begins[static_cast<size_t>(n)]; i < args.begins[static_cast<size_t>(n) + 1];
             ++i)
            image = apply(args.steps[static_cast<size_t>(i)], image);
        if (image.height != args.out.height || image.width != args.out.width)
            throw std::logic_error("an augmentation program ends at another size than the batch's");
        std::ranges::copy(image.pixels, args.y + n * bytes);
    }
}

constexpr Implementation<AugmentImages> list[]{{"steps", refuses_nothing, run}};

}  // namespace

const Kernel<AugmentImages> augment_images{"augment_images", list};

}  // namespace vitrine::reference

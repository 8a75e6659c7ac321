// From u8 images to the network's input, as plain loops: y = (images / 255 − mean_c) / deviation_c.

#include "kernels/kernels.h"

namespace vitrine::reference {
namespace {

template <class T>
void normalize(const NormalizeImages& args) {
    T* y = static_cast<T*>(args.y);
    for (int64_t pixel = 0; pixel < args.pixels; ++pixel)
        for (size_t c = 0; c < 3; ++c) {
            const int64_t index = pixel * 3 + static_cast<int64_t>(c);
            y[index] = static_cast<T>((args.images[index] / 255.0 - args.mean[c]) / args.deviation[c]);
        }
}

void run_normalize(const NormalizeImages& args, Context&) {
    dispatch_float(args.dtype, [&]<class T>() { normalize<T>(args); });
}

constexpr Implementation<NormalizeImages> list[]{{"loops", refuses_nothing, run_normalize}};

}  // namespace

const Kernel<NormalizeImages> normalize_images{"normalize_images", list};

}  // namespace vitrine::reference

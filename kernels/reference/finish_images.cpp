// From u8 images to the network's input, element by element: see kernels/finish_images.h for the steps.

#include <algorithm>

#include "kernels/finish_arithmetic.h"
#include "kernels/kernels.h"
#include "kernels/poisson.h"

namespace vitrine::reference {
namespace {

template <class T>
class Finisher {
  public:
    explicit Finisher(const FinishImages& args) : args_(args), finish_(args.finish) {
        for (size_t c = 0; c < 3; ++c) colours_[c] = finish::colour_of<T>(finish_, c);
        if (finish_.poisson.empty()) return;
        for (int64_t n = 0; n < args.batch; ++n)
            for (int64_t i = 0; i < args.values(); ++i) largest_ = std::max(largest_, noise(n, i));
    }

    /// Element i of image n.
    T operator()(int64_t n, int64_t i) const {
        if (finish_.mixing == BatchMixing::none) return unmixed(n, i);
        const int64_t other = (n + args_.batch - 1) % args_.batch;
        if (finish_.mixing == BatchMixing::cutmix)
            return unmixed(contains(finish_.mixed_box, i) ? other : n, i);
        return finish::mixed(unmixed(n, i), unmixed(other, i), static_cast<T>(finish_.lambda),
                             static_cast<T>(1 - finish_.lambda));
    }

  private:
    uint32_t word(RandomPurpose purpose, int64_t n, int64_t i) const {
        return random_word({finish_.seed, purpose, finish_.epoch, finish_.samples[static_cast<size_t>(n)]},
                           static_cast<uint64_t>(i));
    }

    int32_t noise(int64_t n, int64_t i) const {
        return poisson_number(finish_.poisson.data(), static_cast<int32_t>(finish_.poisson.size()),
                              word(RandomPurpose::poisson_noise, n, i));
    }

    bool contains(const PixelBox& box, int64_t i) const {
        const int64_t pixel = i / 3;
        return finish::contains(box, static_cast<int32_t>(pixel / args_.size.width),
                                static_cast<int32_t>(pixel % args_.size.width));
    }

    T unmixed(int64_t n, int64_t i) const {
        const size_t each = finish_.boxes.size() / static_cast<size_t>(args_.batch);
        for (size_t b = each; b-- > 0;) {
            const ErasedBox& erased = finish_.boxes[static_cast<size_t>(n) * each + b];
            if (!contains(erased.box, i)) continue;
            if (erased.noise)
                return static_cast<T>(finish::normal_from_word(word(RandomPurpose::erasing_noise, n, i)));
            return static_cast<T>(erased.value[static_cast<size_t>(i % 3)]);
        }
        const uint8_t byte = args_.images[n * args_.values() + i];
        const finish::Colour<T>& colour = colours_[static_cast<size_t>(i % 3)];
        if (finish_.poisson.empty()) return finish::normalized(byte, colour);
        return finish::noisy(byte, colour, noise(n, i), largest_, finish_.noise_after_normalize,
                             finish_.clip);
    }

    const FinishImages& args_;
    const ImageFinish& finish_;
    std::array<finish::Colour<T>, 3> colours_;
    int32_t largest_ = 0;
};

constexpr auto finish_all = all_types([]<class T>(const FinishImages& args, Context&) {
    const Finisher<Accumulate<T>> finisher(args);
    T* y = static_cast<T*>(args.y);
    for (int64_t n = 0; n < args.batch; ++n)
        for (int64_t i = 0; i < args.values(); ++i) y[n * args.values() + i] = static_cast<T>(finisher(n, i));
});

constexpr Implementation<FinishImages> list[]{{"loops", refuses_nothing, finish_all}};

}  // namespace

const Kernel<FinishImages> finish_images{"finish_images", list};

}  // namespace vitrine::reference

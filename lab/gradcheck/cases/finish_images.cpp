// From u8 images to the network's input: noise, erasing and mixing against formulas of their own.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "kernels/finish_arithmetic.h"
#include "kernels/poisson.h"
#include "lab/gradcheck/cases/list.h"
#include "lab/gradcheck/harness/draw.h"

namespace vitrine::gradcheck {
namespace {

/// What the arguments point to on the host.
struct Host {
    std::vector<uint32_t> samples;
    std::vector<uint32_t> poisson;
    std::vector<ErasedBox> boxes;
};

struct Options {
    std::string name;
    int64_t batch;
    Size2 size;
    double rate = 0;  // of the noise; 0: none
    bool after = false;
    bool clip = true;
    int64_t boxes = 0;  // each image
    BatchMixing mixing = BatchMixing::none;
};

std::shared_ptr<const Host> host_of(const Options& o) {
    Host host;
    if (o.rate > 0) host.poisson = poisson_table(o.rate);
    const auto height = static_cast<int32_t>(o.size.height), width = static_cast<int32_t>(o.size.width);
    for (int64_t n = 0; n < o.batch; ++n) {
        host.samples.push_back(static_cast<uint32_t>(1000 - 7 * n));
        const auto shift = static_cast<int32_t>(n) % 2;
        const ErasedBox all[]{{{shift, 1, height - 2, width / 2}, false, {0.5, -1.5, 2.5}},
                              {{1, width / 3, height / 2, width / 2}, n % 2 == 0, {7, 8, 9}},
                              {}};
        host.boxes.insert(host.boxes.end(), all, all + o.boxes);
    }
    return std::make_shared<const Host>(std::move(host));
}

ImageFinish finish_of(const Options& o, const Host& host) {
    ImageFinish finish;
    finish.mean = {0.485, 0.456, 0.406};
    finish.stddev = {0.229, 0.224, 0.225};
    finish.poisson = host.poisson;
    finish.noise_after_normalize = o.after;
    finish.clip = o.clip;
    finish.boxes = host.boxes;
    finish.mixing = o.mixing;
    finish.lambda = 0.7;
    const auto height = static_cast<int32_t>(o.size.height), width = static_cast<int32_t>(o.size.width);
    finish.mixed_box = {height / 4, width / 4, height / 2, width / 2};
    finish.seed = 0x123456789ABCDEF;
    finish.epoch = 3;
    finish.samples = host.samples;
    return finish;
}

/// The steps of finish_images.h, each over the whole batch, in f64.
class Formula {
  public:
    Formula(const Options& options, const ImageFinish& finish, const std::vector<double>& bytes)
        : options_(options), finish_(finish), x_(bytes) {}

    std::vector<double> run() {
        for (double& x : x_) x /= 255;
        if (!finish_.noise_after_normalize) add_noise();
        for (size_t i = 0; i < x_.size(); ++i) x_[i] = (x_[i] - finish_.mean[i % 3]) / finish_.stddev[i % 3];
        if (finish_.noise_after_normalize) add_noise();
        erase();
        mix();
        return std::move(x_);
    }

  private:
    size_t values() const { return x_.size() / static_cast<size_t>(options_.batch); }
    uint32_t word(RandomPurpose purpose, size_t i) const {
        return random_word({finish_.seed, purpose, finish_.epoch, finish_.samples[i / values()]},
                           i % values());
    }

    /// By adding up probabilities until they exceed the word.
    double noise(size_t i) const {
        const double u = word(RandomPurpose::poisson_noise, i) * 0x1p-32;
        double probability = std::exp(-options_.rate), sum = probability;
        double number = 0;
        for (; sum <= u; sum += probability) probability *= options_.rate / ++number;
        return number;
    }

    void add_noise() {
        if (options_.rate == 0) return;
        std::vector<double> numbers(x_.size());
        for (size_t i = 0; i < x_.size(); ++i) numbers[i] = noise(i);
        const double largest = std::ranges::max(numbers);
        for (size_t i = 0; i < x_.size(); ++i) {
            if (largest > 0) x_[i] += numbers[i] / largest;
            if (finish_.clip) x_[i] = std::clamp(x_[i], 0.0, 1.0);
        }
    }

    double normal(size_t i) const { return finish::normal_from_word(word(RandomPurpose::erasing_noise, i)); }

    bool inside(const PixelBox& box, size_t i) const {
        const auto pixel = static_cast<int64_t>(i % values() / 3);
        const int64_t row = pixel / options_.size.width, column = pixel % options_.size.width;
        return box.top <= row && row < box.top + box.height && box.left <= column &&
               column < box.left + box.width;
    }

    void erase() {
        for (size_t i = 0; i < x_.size(); ++i)
            for (size_t b = 0; b < static_cast<size_t>(options_.boxes); ++b) {
                const ErasedBox& erased =
                    finish_.boxes[i / values() * static_cast<size_t>(options_.boxes) + b];
                if (inside(erased.box, i)) x_[i] = erased.noise ? normal(i) : erased.value[i % 3];
            }
    }

    void mix() {
        std::vector<double> before = x_;
        std::ranges::rotate(before, before.end() - static_cast<std::ptrdiff_t>(values()));
        for (size_t i = 0; i < x_.size(); ++i) {
            if (options_.mixing == BatchMixing::mixup)
                x_[i] = finish_.lambda * x_[i] + (1 - finish_.lambda) * before[i];
            if (options_.mixing == BatchMixing::cutmix && inside(finish_.mixed_box, i)) x_[i] = before[i];
        }
    }

    const Options& options_;
    const ImageFinish& finish_;
    std::vector<double> x_;
};

Problem finish_problem(const Options& o) {
    const int64_t count = o.batch * o.size.height * o.size.width * 3;
    const std::shared_ptr<const Host> host = host_of(o);
    Problem problem;
    problem.shape = fmt::format("{}: {}x{}x{}", o.name, o.batch, o.size.height, o.size.width);
    problem.tensors = {{"images", Role::input, count, integers("images", count, 256), Element::u8},
                       {"y", Role::output, count}};
    problem.half = HalfTypes{};
    problem.forward = pass(&KernelTable::finish_images, [=](DType dtype, const Bindings& b) {
        return FinishImages{
            dtype, o.batch, o.size, static_cast<const uint8_t*>(b["images"]), finish_of(o, *host), b["y"]};
    });
    problem.expected = [=](const Values& inputs) {
        const ImageFinish finish = finish_of(o, *host);
        return Values{{"y", Formula(o, finish, inputs.at("images")).run()}};
    };
    return problem;
}

}  // namespace

std::vector<Problem> finish_images_problems() {
    const auto none = BatchMixing::none, mixup = BatchMixing::mixup, cutmix = BatchMixing::cutmix;
    const std::vector<Options> all{
        {"plain", 1, {1, 1}},
        {"plain", 1, {1, 7}},
        {"plain", 3, {9, 37}},
        {"plain", 1, {59, 113}},
        {"noise first", 2, {6, 10}, 5},
        {"noise last", 3, {5, 7}, 5, true},
        {"noise last, not clipped", 2, {8, 8}, 0.5, true, false},
        {"much noise", 2, {30, 36}, 600},
        {"no noise at last", 1, {4, 4}, 1e-6},
        {"one box", 3, {9, 12}, 0, false, true, 1},
        {"boxes", 3, {16, 14}, 0, false, true, 3},
        {"mixup", 3, {7, 8}, 0, false, true, 0, mixup},
        {"mixup of one", 1, {4, 4}, 0, false, true, 0, mixup},
        {"cutmix", 4, {9, 11}, 0, false, true, 0, cutmix},
        {"cutmix", 3, {12, 8}, 0, false, true, 0, cutmix},
        {"noise, boxes", 2, {10, 12}, 5, false, true, 2, none},
        {"noise, boxes, mixup", 3, {10, 12}, 5, true, true, 2, mixup},
        {"noise, boxes, cutmix", 3, {12, 10}, 5, false, true, 3, cutmix},
        {"noise, box, cutmix", 3, {36, 31}, 5, true, false, 1, cutmix},
    };
    std::vector<Problem> problems;
    for (const Options& options : all) problems.push_back(finish_problem(options));
    return problems;
}

/// ImageNet's size: normalised alone, and with all there is.
std::vector<Problem> finish_images_layers() {
    return {finish_problem({"plain", 1, {224, 224}}), finish_problem({"noise", 1, {224, 224}, 5, true}),
            finish_problem({"noise, box, cutmix", 2, {224, 224}, 5, true, true, 1, BatchMixing::cutmix})};
}

}  // namespace vitrine::gradcheck

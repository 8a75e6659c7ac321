// Results larger than the caches go past them, by other loops than small ones: no problem of gradcheck is so large. What the
// cpu device makes of many images has to be what it makes of each by itself, to the bit; statistics are held against the
// results that they are of, in f64.

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "kernels/context.h"
#include "kernels/kernels.h"

namespace vitrine {
namespace {

/// Floats in memory that begins a line, as a tensor's does.
class Floats {
  public:
    explicit Floats(int64_t count) : memory_(Device::cpu), count_(count), data_(memory_.take<float>(count)) {}

    float* data() { return data_; }
    float* at(int64_t i) { return data_ + i; }
    int64_t count() const { return count_; }

    /// Between -1 and 1, told by their place; around `middle`.
    Floats& fill(uint32_t seed, float middle = 0) {
        for (int64_t i = 0; i < count_; ++i) {
            seed = seed * 1664525u + 1013904223u;
            data_[i] = middle + static_cast<float>(seed >> 8) / static_cast<float>(1 << 23) - 1.0f;
        }
        return *this;
    }

  private:
    Scratch memory_;
    int64_t count_;
    float* data_;
};

struct Layer {
    const char* name;
    ConvShape shape;  // of all images
    bool prologue;
    bool depthwise = false;
};

ConvShape pointwise(int64_t batch, Size2 image, int64_t in, int64_t out) {
    ConvShape shape;
    shape.batch = batch;
    shape.in = image;
    shape.in_channels = in;
    shape.out_channels = out;
    return shape;
}

ConvShape depthwise(int64_t batch, Size2 image, int64_t channels) {
    ConvShape shape = pointwise(batch, image, channels, channels);
    shape.kernel = {3, 3};
    shape.padding = {1, 1};
    shape.groups = channels;
    return shape;
}

const Layer layers[]{
    {"wide results behind a prologue", pointwise(5, {115, 115}, 8, 96), true},
    {"wide results of x as it lies there", pointwise(5, {115, 115}, 16, 96), false},
    {"one panel, no whole lines", pointwise(5, {239, 239}, 8, 24), true},
    {"one vector", pointwise(5, {311, 311}, 32, 16), true},
    {"a wide x behind a prologue", pointwise(5, {115, 115}, 96, 24), true},
    {"a wide x whose gradient goes past the caches", pointwise(5, {115, 115}, 144, 32), true},
    {"few rows that tasks share by columns", pointwise(2, {19, 20}, 8, 8704), true},
    {"rows that leave a rest", pointwise(7, {1, 9363}, 4, 112), false},
    {"depthwise", depthwise(5, {115, 115}, 128), true, true},
};

/// The layer's tensors, and what is made of them from image `first` on.
class Problem {
  public:
    explicit Problem(const Layer& layer)
        : layer_(layer),
          x_(shape().in_pixels() * shape().in_channels),
          weight_(shape().weight_count()),
          scale_(shape().in_channels),
          shift_(shape().in_channels),
          d_y_(shape().out_pixels() * shape().out_channels) {
        x_.fill(1);
        weight_.fill(2);
        scale_.fill(3, 1.5f);
        shift_.fill(4);
        d_y_.fill(5);
    }

    const ConvShape& shape() const { return layer_.shape; }

    ConvForward forward(int64_t first, int64_t images, float* y) {
        ConvForward args;
        args.shape = shape();
        args.shape.batch = images;
        args.x = x_.at(first * x_image());
        args.weight = weight_.data();
        args.prologue = prologue();
        args.y = y;
        return args;
    }

    ConvBackward backward(int64_t first, int64_t images, float* d_x, float* d_weight) {
        ConvBackward args;
        args.shape = shape();
        args.shape.batch = images;
        args.x = x_.at(first * x_image());
        args.weight = weight_.data();
        args.prologue = prologue();
        args.d_y = d_y_.at(first * y_image());
        args.d_x.data = d_x;
        args.d_weight.data = d_weight;
        return args;
    }

    int64_t x_image() const { return shape().in.height * shape().in.width * shape().in_channels; }
    int64_t y_image() const { return shape().out().height * shape().out().width * shape().out_channels; }

  private:
    Prologue prologue() {
        if (!layer_.prologue) return {};
        return {scale_.data(), shift_.data(), Activation::relu6};
    }

    const Layer& layer_;
    Floats x_, weight_, scale_, shift_, d_y_;
};

void run(const ConvForward& args, bool depthwise) {
    const auto& all = kernels(Device::cpu);
    (depthwise ? all.depthwise_conv_forward : all.pointwise_conv_forward)(args);
}

void run(const ConvBackward& args, bool depthwise) {
    const auto& all = kernels(Device::cpu);
    (depthwise ? all.depthwise_conv_backward : all.pointwise_conv_backward)(args);
}

/// Where they differ first.
std::string difference(Floats& all, int64_t first, Floats& alone) {
    for (int64_t i = 0; i < alone.count(); ++i) {
        if (all.data()[first + i] != alone.data()[i]) return "element " + std::to_string(first + i);
    }
    return "";
}

/// Of a channel's results.
struct Statistics {
    double mean = 0;
    double m2 = 0;
};

std::vector<Statistics> statistics_of(Floats& y, int64_t channels) {
    std::vector<Statistics> all(static_cast<size_t>(channels));
    const int64_t rows = y.count() / channels;
    for (int64_t i = 0; i < y.count(); ++i)
        all[static_cast<size_t>(i % channels)].mean +=
            static_cast<double>(y.data()[i]) / static_cast<double>(rows);
    for (int64_t i = 0; i < y.count(); ++i) {
        Statistics& channel = all[static_cast<size_t>(i % channels)];
        channel.m2 += std::pow(static_cast<double>(y.data()[i]) - channel.mean, 2);
    }
    return all;
}

TEST_CASE("cpu: results larger than the caches are those of each image alone") {
    for (const Layer& layer : layers) {
        CAPTURE(layer.name);
        Problem problem(layer);
        const ConvShape& shape = layer.shape;
        Floats y(shape.batch * problem.y_image()), mean(shape.out_channels), m2(shape.out_channels);
        ConvForward forward = problem.forward(0, shape.batch, y.data());
        forward.epilogue = {mean.data(), m2.data()};
        run(forward, layer.depthwise);
        Floats again(y.count());
        run(problem.forward(0, shape.batch, again.data()), layer.depthwise);
        CHECK(difference(again, 0, y) == "");

        Floats d_x(shape.batch * problem.x_image()), d_weight(shape.weight_count());
        run(problem.backward(0, shape.batch, d_x.data(), d_weight.data()), layer.depthwise);
        Floats y_alone(problem.y_image()), d_x_alone(problem.x_image());
        for (int64_t image = 0; image < shape.batch; ++image) {
            CAPTURE(image);
            run(problem.forward(image, 1, y_alone.data()), layer.depthwise);
            CHECK(difference(y, image * problem.y_image(), y_alone) == "");
            run(problem.backward(image, 1, d_x_alone.data(), d_weight.data()), layer.depthwise);
            CHECK(difference(d_x, image * problem.x_image(), d_x_alone) == "");
        }

        const std::vector<Statistics> expected = statistics_of(y, shape.out_channels);
        for (int64_t c = 0; c < shape.out_channels; ++c) {
            CAPTURE(c);
            const Statistics& channel = expected[static_cast<size_t>(c)];
            const double deviation = std::sqrt(channel.m2 / static_cast<double>(shape.out_pixels()));
            CHECK(std::abs(static_cast<double>(mean.data()[c]) - channel.mean) <=
                  1e-6 * (deviation + std::abs(channel.mean)));
            CHECK(std::abs(static_cast<double>(m2.data()[c]) - channel.m2) <= 4e-6 * channel.m2);
        }
    }
}

}  // namespace
}  // namespace vitrine

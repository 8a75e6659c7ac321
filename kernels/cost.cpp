// What a call of a kernel costs at least: see cost.h.

#include "kernels/cost.h"

#include <algorithm>

namespace vitrine {
namespace {

/// Adds up elements of one type and what is accumulated beside it (kernels/dtype.h), and gradients by their mode.
class Sum {
  public:
    explicit Sum(DType dtype)
        : element_(static_cast<double>(size_of(dtype))),
          accumulated_(static_cast<double>(size_of(accumulate_of(dtype)))) {}

    Sum& read(int64_t count) { return read_bytes(static_cast<double>(count) * element_); }
    Sum& write(int64_t count) { return write_bytes(static_cast<double>(count) * element_); }
    Sum& read_accumulated(int64_t count) { return read_bytes(static_cast<double>(count) * accumulated_); }
    Sum& write_accumulated(int64_t count) { return write_bytes(static_cast<double>(count) * accumulated_); }
    Sum& write_bytes(double bytes) {
        cost_.bytes_written += bytes;
        return *this;
    }
    Sum& read_bytes(double bytes) {
        cost_.bytes_read += bytes;
        return *this;
    }
    Sum& gradient(const Gradient& gradient, int64_t count) {
        if (!gradient) return *this;
        if (gradient.mode == GradMode::accumulate) read(count);
        return write(count);
    }
    Sum& accumulated_gradient(const Gradient& gradient, int64_t count) {
        if (!gradient) return *this;
        if (gradient.mode == GradMode::accumulate) read_accumulated(count);
        return write_accumulated(count);
    }
    Sum& multiply_adds(int64_t count) {
        cost_.flops += 2.0 * static_cast<double>(count);
        return *this;
    }
    Cost cost() const { return cost_; }

  private:
    double element_, accumulated_;  // bytes
    Cost cost_;
};

int64_t x_count(const ConvShape& shape) { return shape.in_pixels() * shape.in_channels; }
int64_t y_count(const ConvShape& shape) { return shape.out_pixels() * shape.out_channels; }

/// A window smaller than its stride leaves pixels out.
int64_t pixels_read(int64_t in, int64_t out, int64_t kernel, int64_t stride) {
    return kernel < stride ? std::min(in, out * kernel) : in;
}
int64_t x_read(const ConvShape& s) {
    return s.batch * s.in_channels *
           pixels_read(s.in.height, s.out().height, s.kernel.height, s.stride.height) *
           pixels_read(s.in.width, s.out().width, s.kernel.width, s.stride.width);
}

int64_t x_count(const PoolShape& s) { return s.batch * s.in.height * s.in.width * s.channels; }
int64_t y_count(const PoolShape& s) { return s.batch * s.out().height * s.out().width * s.channels; }

double index_bytes(int64_t count) { return static_cast<double>(count) * sizeof(int32_t); }

}  // namespace

Cost& Cost::operator+=(const Cost& other) {
    bytes_read += other.bytes_read;
    bytes_written += other.bytes_written;
    flops += other.flops;
    return *this;
}

Cost least_cost(const ConvForward& args) {
    const ConvShape& s = args.shape;
    Sum sum(args.dtype);
    sum.read(x_read(s)).read(s.weight_count()).write(y_count(s)).multiply_adds(s.macs());
    if (args.bias != nullptr) sum.read_accumulated(s.out_channels);
    if (args.prologue.scale != nullptr) sum.read_accumulated(2 * s.in_channels);
    if (!args.epilogue.plain()) sum.write_accumulated(2 * s.out_channels);
    return sum.cost();
}

Cost least_cost(const ConvBackward& args) {
    const ConvShape& s = args.shape;
    Sum sum(args.dtype);
    sum.read(y_count(s));
    const bool through_statistics = args.d_mean != nullptr;
    if (through_statistics) sum.read(y_count(s)).read_accumulated(3 * s.out_channels);
    // d_u, which d_x, d_scale and d_shift are made of, is a product with the weight.
    const bool wants_d_u = args.d_x || args.d_scale || args.d_shift;
    if (wants_d_u) sum.read(s.weight_count()).multiply_adds(s.macs());
    if (args.d_weight) sum.multiply_adds(s.macs());
    const bool needs_x =
        args.d_weight || args.d_scale || (wants_d_u && args.prologue.activation != Activation::identity);
    if (needs_x) sum.read(x_read(s));
    if (args.prologue.scale != nullptr) sum.read_accumulated(2 * s.in_channels);
    return sum.gradient(args.d_x, x_count(s))
        .accumulated_gradient(args.d_weight, s.weight_count())
        .accumulated_gradient(args.d_bias, s.out_channels)
        .accumulated_gradient(args.d_scale, s.in_channels)
        .accumulated_gradient(args.d_shift, s.in_channels)
        .cost();
}

Cost least_cost(const ExpandedConvForward& args) {
    const ConvShape& s = args.shape;
    const int64_t products = s.in_pixels() * s.in_channels * args.narrow;
    Sum sum(args.dtype);
    sum.read(x_count(expansion_shape(args))).read(s.in_channels * args.narrow).read(s.weight_count());
    if (args.narrow_prologue.scale != nullptr) sum.read_accumulated(2 * args.narrow);
    if (args.prologue.scale != nullptr) sum.read_accumulated(2 * s.in_channels);
    if (!args.epilogue.plain()) sum.write_accumulated(2 * s.out_channels);
    return sum.write(y_count(s)).multiply_adds(products + s.macs()).cost();
}

Cost least_cost(const ExpandedConvBackward& args) {
    const ConvShape& s = args.shape;
    const int64_t products = s.in_pixels() * s.in_channels * args.narrow;
    Sum sum(args.dtype);
    sum.read(y_count(s)).read(x_count(expansion_shape(args))).read(s.in_channels * args.narrow);
    if (args.d_mean != nullptr) sum.read(y_count(s)).read_accumulated(3 * s.out_channels);
    if (args.narrow_prologue.scale != nullptr) sum.read_accumulated(2 * args.narrow);
    if (args.prologue.scale != nullptr) sum.read_accumulated(2 * s.in_channels);
    const bool wants_d_a = args.d_x || args.d_narrow_scale || args.d_narrow_shift;
    const bool wants_d_e = wants_d_a || args.d_expansion || args.d_scale || args.d_shift;
    // e is made once more in any case.
    sum.multiply_adds((1 + int{wants_d_a} + int{static_cast<bool>(args.d_expansion)}) * products);
    if (wants_d_e) sum.read(s.weight_count()).multiply_adds(s.macs());
    if (args.d_weight) sum.multiply_adds(s.macs());
    const auto of_d_x = args.wide_d_x ? &Sum::accumulated_gradient : &Sum::gradient;
    return (sum.*of_d_x)(args.d_x, x_count(expansion_shape(args)))
        .accumulated_gradient(args.d_narrow_scale, args.narrow)
        .accumulated_gradient(args.d_narrow_shift, args.narrow)
        .accumulated_gradient(args.d_expansion, s.in_channels * args.narrow)
        .accumulated_gradient(args.d_scale, s.in_channels)
        .accumulated_gradient(args.d_shift, s.in_channels)
        .accumulated_gradient(args.d_weight, s.weight_count())
        .cost();
}

Cost least_cost(const ExpansionMomentsForward& args) {
    Sum sum(args.dtype);
    sum.read(x_count(moments_shape(args))).read(args.channels * args.narrow);
    if (args.prologue.scale != nullptr) sum.read_accumulated(2 * args.narrow);
    return sum.write_accumulated(2 * args.channels + args.narrow + args.narrow * args.narrow)
        .multiply_adds(args.pixels * args.narrow * args.narrow)
        .cost();
}

Cost least_cost(const ExpansionMomentsBackward& args) {
    Sum sum(args.dtype);
    sum.read(args.channels * args.narrow).read_accumulated(2 * args.channels);
    if (args.d_expansion) sum.read_accumulated(args.narrow + args.narrow * args.narrow);
    if (args.d_x || args.d_scale || args.d_shift) {
        sum.read(args.pixels * args.narrow).multiply_adds(args.pixels * args.narrow * args.narrow);
        if (args.prologue.scale != nullptr) sum.read_accumulated(2 * args.narrow);
        if (args.d_x && args.d_x_so_far != nullptr) sum.read_accumulated(args.pixels * args.narrow);
    }
    return sum.gradient(args.d_x, args.pixels * args.narrow)
        .accumulated_gradient(args.d_scale, args.narrow)
        .accumulated_gradient(args.d_shift, args.narrow)
        .accumulated_gradient(args.d_expansion, args.channels * args.narrow)
        .cost();
}

Cost least_cost(const BatchNormForward& args) {
    const int64_t count = args.rows * args.channels;
    Sum sum(args.dtype);
    sum.read(count).write(count).read_accumulated(4 * args.channels).write_accumulated(2 * args.channels);
    if (args.training) sum.write_accumulated(2 * args.channels);
    return sum.cost();
}

Cost least_cost(const BatchNormBackward& args) {
    const int64_t count = args.rows * args.channels;
    Sum sum(args.dtype);
    // In evaluation, d_x and d_bias do without x.
    if (args.d_weight || (args.training && args.d_x)) sum.read(count);
    return sum.read(count)
        .read_accumulated(3 * args.channels)
        .gradient(args.d_x, count)
        .accumulated_gradient(args.d_weight, args.channels)
        .accumulated_gradient(args.d_bias, args.channels)
        .cost();
}

Cost least_cost(const NormalizeForward& args) {
    // Reads weight, bias and either the moments or the running statistics, in training both; writes scale, shift, rstd.
    return Sum(args.dtype)
        .read((args.training ? 6 : 4) * args.channels)
        .write((args.training ? 5 : 3) * args.channels)
        .cost();
}
Cost least_cost(const NormalizeBackward& args) {
    Sum sum(args.dtype);
    return sum.read((args.d_mean || args.d_m2 ? 5 : 4) * args.channels)
        .gradient(args.d_mean, args.channels)
        .gradient(args.d_m2, args.channels)
        .accumulated_gradient(args.d_weight, args.channels)
        .accumulated_gradient(args.d_bias, args.channels)
        .cost();
}

Cost least_cost(const MergeMomentsForward& args) {
    return Sum(args.dtype)
        .read(2 * args.shards * args.channels)
        .write(2 * args.copies * args.channels)
        .cost();
}
Cost least_cost(const MergeMomentsBackward& args) {
    // Of the moments only the means are read.
    Sum sum(args.dtype);
    if (!args.d_moments) return sum.cost();
    return sum.read((2 * args.shards + args.wanted + 1) * args.channels)
        .gradient(args.d_moments, 2 * args.wanted * args.channels)
        .cost();
}

Cost least_cost(const ResolveForward& args) {
    const int64_t count = args.rows * args.channels;
    Sum sum(args.dtype);
    for (const Affine& operand : {args.a, args.b}) {
        if (operand.x == nullptr) continue;
        sum.read(count);
        if (!operand.plain()) sum.read_accumulated(2 * args.channels);
    }
    return sum.write(count).cost();
}
Cost least_cost(const ResolveBackward& args) {
    const int64_t count = args.rows * args.channels;
    Sum sum(args.dtype);
    sum.read(count);
    if (args.activation != Activation::identity) sum.read(count);
    const auto operand = [&](const Affine& affine, const AffineGradient& gradient) {
        if (gradient.scale) sum.read(count);
        if (gradient.x && !affine.plain()) sum.read_accumulated(args.channels);
        sum.gradient(gradient.x, count)
            .accumulated_gradient(gradient.scale, args.channels)
            .accumulated_gradient(gradient.shift, args.channels);
    };
    operand(args.a, args.d_a);
    operand(args.b, args.d_b);
    return sum.cost();
}

Cost least_cost(const ActivationForward& args) {
    return Sum(args.dtype).read(args.count).write(args.count).cost();
}
Cost least_cost(const ActivationBackward& args) {
    Sum sum(args.dtype);
    if (args.activation != Activation::identity) sum.read(args.count);
    return sum.read(args.count).gradient(args.d_x, args.count).cost();
}

Cost least_cost(const AddForward& args) {
    return Sum(args.dtype).read(2 * args.count).write(args.count).cost();
}
Cost least_cost(const AddBackward& args) {
    return Sum(args.dtype)
        .read(args.count)
        .gradient(args.d_a, args.count)
        .gradient(args.d_b, args.count)
        .cost();
}

Cost least_cost(const AveragePoolForward& args) {
    return Sum(args.dtype).read(x_count(args.shape)).write(y_count(args.shape)).cost();
}
Cost least_cost(const AveragePoolBackward& args) {
    return Sum(args.dtype).read(y_count(args.shape)).gradient(args.d_x, x_count(args.shape)).cost();
}

Cost least_cost(const GlobalAveragePoolForward& args) {
    const int64_t means = args.batch * args.channels;
    Sum sum(args.dtype);
    if (!args.x.plain()) sum.read_accumulated(2 * args.channels);
    return sum.read(means * args.pixels).write(means).cost();
}
Cost least_cost(const GlobalAveragePoolBackward& args) {
    const int64_t means = args.batch * args.channels;
    const bool clamps = args.activation != Activation::identity;
    Sum sum(args.dtype);
    if (clamps || args.d_x.scale) sum.read(means * args.pixels);
    if (!args.x.plain()) sum.read_accumulated((clamps ? 2 : args.d_x.x ? 1 : 0) * args.channels);
    return sum.read(means)
        .gradient(args.d_x.x, means * args.pixels)
        .accumulated_gradient(args.d_x.scale, args.channels)
        .accumulated_gradient(args.d_x.shift, args.channels)
        .cost();
}

Cost least_cost(const MaxPoolForward& args) {
    Cost cost = Sum(args.dtype).read(x_count(args.shape)).write(y_count(args.shape)).cost();
    cost.bytes_written += index_bytes(y_count(args.shape));
    return cost;
}
Cost least_cost(const MaxPoolBackward& args) {
    return Sum(args.dtype)
        .read(y_count(args.shape))
        .read_bytes(index_bytes(y_count(args.shape)))
        .gradient(args.d_x, x_count(args.shape))
        .cost();
}

Cost least_cost(const LinearForward& args) {
    Sum sum(args.dtype);
    if (args.bias != nullptr) sum.read_accumulated(args.out_features);
    return sum.read(args.rows * args.in_features)
        .read(args.out_features * args.in_features)
        .write(args.rows * args.out_features)
        .multiply_adds(args.rows * args.in_features * args.out_features)
        .cost();
}
Cost least_cost(const LinearBackward& args) {
    const int64_t x = args.rows * args.in_features, weight = args.out_features * args.in_features;
    const int64_t product = x * args.out_features;
    Sum sum(args.dtype);
    sum.read(args.rows * args.out_features);
    if (args.d_x) sum.read(weight).multiply_adds(product);
    if (args.d_weight) sum.read(x).multiply_adds(product);
    return sum.gradient(args.d_x, x)
        .accumulated_gradient(args.d_weight, weight)
        .accumulated_gradient(args.d_bias, args.out_features)
        .cost();
}

Cost least_cost(const DropoutForward& args) {
    const int64_t count = args.rows * args.features;
    return Sum(args.dtype).read(count).write(count).cost();
}
Cost least_cost(const DropoutBackward& args) {
    const int64_t count = args.rows * args.features;
    return Sum(args.dtype).read(count).gradient(args.d_x, count).cost();
}

template <class Args>
double label_bytes(const Args& args) {
    return (args.labels_b == nullptr ? 1 : 2) * index_bytes(args.batch);
}

Cost least_cost(const SoftmaxCrossEntropyForward& args) {
    const int64_t count = args.batch * args.classes;
    const bool weighted = args.class_weights != nullptr;
    return Sum(args.dtype)
        .read(count)
        .read_bytes(label_bytes(args))
        .read_accumulated(weighted ? args.classes : 0)
        .write_accumulated(count)
        .write_accumulated(weighted ? 2 : 1)
        .cost();
}
Cost least_cost(const SoftmaxCrossEntropyBackward& args) {
    const int64_t count = args.batch * args.classes;
    return Sum(args.dtype)
        .read_accumulated(count)
        .read_accumulated(args.class_weights == nullptr ? 1 : 2 + args.classes)
        .read_bytes(label_bytes(args))
        .gradient(args.d_logits, count)
        .cost();
}

Cost least_cost(const ScoreBatch& args) {
    return Sum(args.dtype)
        .read(args.batch * args.classes)
        .read_accumulated(1)
        .read_bytes(index_bytes(args.batch))
        .write_accumulated(3)
        .cost();
}

Cost least_cost(const DecideUpdate& args) {
    return Sum(args.dtype).read(args.norm != nullptr ? 6 : 5).write(5 + 2 + 4).cost();
}

Cost least_cost(const SgdUpdate& args) {
    Sum sum(args.dtype);
    sum.read(2 * args.count).write(args.count);
    if (args.rounded != nullptr)
        sum.write_bytes(static_cast<double>(args.count) * static_cast<double>(size_of(args.rounded_dtype)));
    if (args.momentum_buffer == nullptr) return sum.cost();
    if (!args.first_step) sum.read(args.count);
    return sum.write(args.count).cost();
}

Cost least_cost(const L2Norm& args) { return Sum(args.dtype).read(args.count).write(1).cost(); }

Cost least_cost(const EmaUpdate& args) {
    return Sum(args.dtype).read(2 * args.count).write(args.count).cost();
}

Cost least_cost(const AugmentImages& args) {
    double bytes = 0.0;
    for (const ImagePlace& place : args.places) bytes += static_cast<double>(place.bytes());
    return Sum(DType::u8)
        .read_bytes(bytes)
        .read_bytes(static_cast<double>(args.steps.size_bytes() + args.begins.size_bytes()))
        .write(args.batch * args.out.height * args.out.width * 3)
        .cost();
}

Cost least_cost(const FinishImages& args) {
    const int64_t count = args.batch * args.values();
    return Sum(args.dtype).read_bytes(static_cast<double>(count)).write(count).cost();
}

}  // namespace vitrine

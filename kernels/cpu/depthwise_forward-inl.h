// Depthwise convolution forward over one block of rows.

#if defined(VITRINE_KERNELS_CPU_DEPTHWISE_FORWARD_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef VITRINE_KERNELS_CPU_DEPTHWISE_FORWARD_INL_H
#undef VITRINE_KERNELS_CPU_DEPTHWISE_FORWARD_INL_H
#else
#define VITRINE_KERNELS_CPU_DEPTHWISE_FORWARD_INL_H
#endif

#include <algorithm>
#include <vector>

#include "kernels/cpu/channel_reduce-inl.h"
#include "kernels/cpu/depthwise_conv.h"
#include "kernels/cpu/simd-inl.h"
#include "kernels/cpu/windows.h"

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {
namespace {

/// Σ (y − centre) and Σ (y − centre)² of each channel, added up before the outputs leave the registers. A centre
/// near the mean keeps the squares from cancelling. [source.channels] each; null if nobody wants them.
template <class A>
struct CentredSums {
    A* centre = nullptr;
    A* sums = nullptr;
    A* squares = nullptr;

    explicit operator bool() const { return centre != nullptr; }
};

/// The outputs of one row in `columns`, and where they go.
template <class T>
struct OutputRow {
    const Accumulate<T>* const* rows;  // the source's rows under the kernel's taps, from their column 0
    T* y;                              // at output column 0
    Span columns;
    CentredSums<Accumulate<T>> statistics;
    bool streams;
    RowAhead<T> x_ahead;
    RowAhead<T> y_ahead;
};

template <class T>
using ForwardRow = void (*)(const DepthwiseForward<T>& conv, const OutputRow<T>& row);

/// Where a tile's input columns begin, for each row under the kernel.
template <int kKernel, int kStride>
struct InputColumns {
    static constexpr int count = (depthwise_tile - 1) * kStride + kKernel;
};

/// All columns lie in the rows.
template <int kKernel, int kStride, class T>
struct InnerColumns : InputColumns<kKernel, kStride> {
    InnerColumns(const DepthwiseForward<T>& conv, const Accumulate<T>* const* rows, int64_t column)
        : pixel(conv.source.channels) {
        for (int p = 0; p < kKernel; ++p) first[p] = rows[p] + column * pixel;
    }

    const Accumulate<T>* at(int p, int k) const { return first[p] + k * pixel; }

    int64_t pixel;
    const Accumulate<T>* first[kKernel];
};

/// Columns beside the image are read from a row of zeros.
template <int kKernel, int kStride, class T>
struct BorderColumns : InputColumns<kKernel, kStride> {
    using InputColumns<kKernel, kStride>::count;

    BorderColumns(const DepthwiseForward<T>& conv, const Accumulate<T>* const* rows, int64_t column) {
        for (int p = 0; p < kKernel; ++p) {
            for (int k = 0; k < count; ++k) {
                const bool inside = column + k >= 0 && column + k < conv.source.width;
                columns[p][k] = inside ? rows[p] + (column + k) * conv.source.channels : conv.zero_row;
            }
        }
    }

    const Accumulate<T>* at(int p, int k) const { return columns[p][k]; }

    const Accumulate<T>* columns[kKernel][count];
};

/// A tile of outputs at the vector of channels c: each input column is loaded once and used for all taps that
/// meet it.
template <int kKernel, int kStride, class Columns, class A>
HWY_INLINE HWY_ATTR void forward_tile(const Columns& columns, int64_t c, Vector<A> bias,
                                      const Vector<A> (&weights)[kKernel * kKernel],
                                      Vector<A> (&outputs)[depthwise_tile]) {
    const hn::ScalableTag<A> d;
    unrolled<depthwise_tile>([&](auto t) HWY_ATTR { outputs[t] = bias; });
    unrolled<kKernel>([&](auto p) HWY_ATTR {
        unrolled<Columns::count>([&](auto k) HWY_ATTR {
            const auto value = in_register(hn::LoadU(d, columns.at(p, k) + c));
            unrolled<depthwise_tile>([&](auto t) HWY_ATTR {
                constexpr int q = k - t * kStride;
                if constexpr (q >= 0 && q < kKernel)
                    outputs[t] = hn::MulAdd(value, weights[p * kKernel + q], outputs[t]);
            });
        });
    });
}

/// A row at one vector of channels: weights and statistics stay in registers from its first tile to its last.
template <int kKernel, int kStride, class Part, class T>
HWY_INLINE HWY_ATTR void forward_vector(const DepthwiseForward<T>& conv, const OutputRow<T>& row,
                                        const Part& part, int64_t c) {
    using Inner = InnerColumns<kKernel, kStride, T>;
    using Border = BorderColumns<kKernel, kStride, T>;
    using A = Accumulate<T>;
    const hn::ScalableTag<A> d;
    const ConvShape& shape = conv.args.shape;
    const bool counts = static_cast<bool>(row.statistics);
    const auto bias = hn::Load(d, conv.bias + c);
    Vector<A> weights[kKernel * kKernel], outputs[depthwise_tile];
    unrolled<kKernel * kKernel>(
        [&](auto i) HWY_ATTR { weights[i] = hn::Load(d, conv.weight + i * conv.source.channels + c); });
    auto centre = hn::Zero(d), sum = hn::Zero(d), square = hn::Zero(d);
    if (counts) {
        centre = hn::Load(d, row.statistics.centre + c);
        sum = hn::Load(d, row.statistics.sums + c);
        square = hn::Load(d, row.statistics.squares + c);
    }
    for (int64_t j = row.columns.begin; j < row.columns.end; j += depthwise_tile) {
        const int64_t column = j * kStride + conv.source.left - shape.padding.width;
        const int64_t done = c * row.columns.end + j * lanes_of<A>();
        row.x_ahead.prefetch(done * kStride * kStride, depthwise_tile * kStride * kStride);
        row.y_ahead.prefetch(done, depthwise_tile);
        if (column >= 0 && column + Inner::count <= conv.source.width) {
            forward_tile<kKernel, kStride, Inner, A>({conv, row.rows, column}, c, bias, weights, outputs);
        } else {
            forward_tile<kKernel, kStride, Border, A>({conv, row.rows, column}, c, bias, weights, outputs);
        }
        const int64_t valid = row.columns.end - j;
        T* y = row.y + j * shape.out_channels + c;
        unrolled<depthwise_tile>([&](auto t) HWY_ATTR {
            if (t >= valid) return;
            if (row.streams) {
                part.stream(outputs[t], y + t * shape.out_channels);
            } else {
                part.store(outputs[t], y + t * shape.out_channels);
            }
            const auto distance = hn::Sub(outputs[t], centre);
            sum = hn::Add(sum, distance);
            square = hn::MulAdd(distance, distance, square);
        });
    }
    if (!counts) return;
    hn::Store(sum, d, row.statistics.sums + c);
    hn::Store(square, d, row.statistics.squares + c);
}

template <int kKernel, int kStride, class T>
HWY_ATTR void forward_row(const DepthwiseForward<T>& conv, const OutputRow<T>& row) {
    for_each_vector<Accumulate<T>>(conv.args.shape.out_channels, [&](auto part, int64_t c) HWY_ATTR {
        forward_vector<kKernel, kStride>(conv, row, part, c);
    });
}

/// Any kernel and stride.
template <class T>
HWY_ATTR void forward_row_general(const DepthwiseForward<T>& conv, const OutputRow<T>& row) {
    using A = Accumulate<T>;
    const hn::ScalableTag<A> d;
    const ConvShape& shape = conv.args.shape;
    const int64_t pixel = conv.source.channels, channels = shape.out_channels;
    for (int64_t j = row.columns.begin; j < row.columns.end; ++j) {
        for_each_vector<A>(channels, [&](auto part, int64_t c) HWY_ATTR {
            auto output = hn::Load(d, conv.bias + c);
            for (int64_t p = 0; p < shape.kernel.height; ++p) {
                const A* in = row.rows[p] + j * shape.stride.width * pixel + c;
                const A* weight = conv.weight + p * shape.kernel.width * pixel + c;
                for (int64_t q = 0; q < shape.kernel.width; ++q) {
                    output = hn::MulAdd(hn::Load(d, in + q * pixel), hn::Load(d, weight + q * pixel), output);
                }
            }
            part.store(output, row.y + j * channels + c);
            if (!row.statistics) return;
            const auto distance = hn::Sub(output, hn::Load(d, row.statistics.centre + c));
            A *sum = row.statistics.sums + c, *square = row.statistics.squares + c;
            hn::Store(hn::Add(hn::Load(d, sum), distance), d, sum);
            hn::Store(hn::MulAdd(distance, distance, hn::Load(d, square)), d, square);
        });
    }
}

/// The specialised loops: a kernel of 3×3, stride 1 or 2. More of them would take longer to compile than they are used.
template <class T>
ForwardRow<T> forward_row_for(const DepthwiseForward<T>& conv) {
    if (conv.general) return forward_row_general<T>;
    return conv.args.shape.stride.width == 1 ? forward_row<3, 1, T> : forward_row<3, 2, T>;
}

/// Copies one row of x, through the prologue, to its place between the borders.
template <class T>
HWY_ATTR void stage_input_row(const DepthwiseForward<T>& conv, const T* x, Accumulate<T>* to) {
    using A = Accumulate<T>;
    const hn::ScalableTag<A> d;
    const Prologue& prologue = conv.args.prologue;
    const A* scale = static_cast<const A*>(prologue.scale);
    const A* shift = static_cast<const A*>(prologue.shift);
    const PixelRows& source = conv.source;
    const int64_t channels = conv.args.shape.in_channels;
    const int64_t columns = std::min(conv.args.shape.in.width, source.width - source.left);
    if constexpr (!is_half_type<T>) {
        if (prologue.plain() && channels == source.channels) {
            std::copy(x, x + columns * channels, to + source.left * channels);
            return;
        }
    }
    for (int64_t column = 0; column < columns; ++column) {
        const T* from = x + column * channels;
        A* into = to + (source.left + column) * source.channels;
        for_each_vector<A>(channels, [=](auto part, int64_t c) HWY_ATTR {
            auto value = part.load(from + c);
            if (scale != nullptr) value = hn::MulAdd(value, part.load(scale + c), part.load(shift + c));
            hn::Store(clamped_vector(prologue.activation, value), d, into + c);
        });
    }
}

/// Adds `count` pixels' sums to `total` of those that are there, and begins new ones around the mean that they had.
template <class A>
HWY_ATTR void flush_statistics(const CentredSums<A>& pixels, int64_t count, int64_t channels, int64_t there,
                               Statistics* total) {
    const Joining joining(there, count);
    const double n = static_cast<double>(count);
    for (int64_t c = 0; c < channels; ++c) {
        const double distance = static_cast<double>(pixels.sums[c]) / n;
        const double mean = static_cast<double>(pixels.centre[c]) + distance;
        // A single pixel has none; where its centre is rounded to 16 bits, roundings of its square would be left.
        const double m2 = count == 1 ? 0 : static_cast<double>(pixels.squares[c]) - n * distance * distance;
        joining.add(mean, m2, total[c]);
        pixels.centre[c] = static_cast<A>(mean);
        pixels.sums[c] = pixels.squares[c] = 0;
    }
}

/// The rows of the input tensor.
template <class T>
struct RowsOfInput {
    static constexpr bool may_be_direct = !is_half_type<T>;

    const DepthwiseForward<T>& conv;

    const T* at(int64_t image, int64_t row) const {
        const ConvShape& shape = conv.args.shape;
        return static_cast<const T*>(conv.args.x) +
               (image * shape.in.height + row) * shape.in.width * shape.in_channels;
    }
    void stage(int64_t image, int64_t row, Accumulate<T>* to) const {
        stage_input_row(conv, at(image, row), to);
    }
    /// The rows that output row i + 1 is the first to read.
    RowAhead<T> ahead(int64_t image, int64_t i) const {
        const ConvShape& shape = conv.args.shape;
        const int64_t row = i * shape.stride.height - shape.padding.height + shape.kernel.height;
        const T* begin = at(image, row);
        return {begin, begin + shape.stride.height * shape.in.width * shape.in_channels};
    }
};

/// One block's rows: the ring, the statistics, and the order in which rows come and go. Rows says where a row that is
/// staged comes from.
template <class T, class Rows = RowsOfInput<T>>
class ForwardBlock {
  public:
    ForwardBlock(const DepthwiseForward<T>& convolution, int64_t block, Accumulate<T>* workspace)
        : ForwardBlock(convolution, block, workspace, Rows{convolution}) {}

    ForwardBlock(const DepthwiseForward<T>& convolution, int64_t block, Accumulate<T>* workspace, Rows input)
        : conv_(convolution),
          shape_(conv_.args.shape),
          input_(input),
          compute_row_(forward_row_for(conv_)),
          ring_(workspace),
          rows_(static_cast<size_t>(shape_.kernel.height)) {
        clear_borders(conv_.source, shape_.in.width, ring_);
        if (conv_.statistics == nullptr) return;
        A* work = workspace + conv_.source.size();
        const int64_t channels = conv_.source.channels;
        statistics_ = {work, work + channels, work + 2 * channels};
        std::fill(work, work + 3 * channels, A(0));
        total_ = conv_.statistics + block * shape_.out_channels;
        first_tile_ = reinterpret_cast<T*>(work + 3 * channels);
    }

    void run_image(int64_t image, int64_t begin, int64_t end) {
        T* y = static_cast<T*>(conv_.args.y) + image * shape_.out().height * y_row();
        staged_ = 0;
        for (int64_t i = begin; i < end; ++i) {
            bring_rows(image, i);
            if (statistics_ && !centred_) centre();
            T* y_i = y + i * y_row();
            compute_row_(conv_, {rows_.data(),
                                 y_i,
                                 {0, shape_.out().width},
                                 statistics_,
                                 conv_.streams,
                                 input_.ahead(image, i),
                                 RowAhead<T>::after(y_i, y_row(), i + 1 < end && !conv_.streams)});
            counted_ += shape_.out().width;
            if (counted_ >= statistics_pixels) flush();
        }
    }

    void finish() {
        flush();
        if (conv_.streams) hwy::FlushStream();
    }

  private:
    using A = Accumulate<T>;

    /// So few that sums in A are as good as sums of pairs of them.
    static constexpr int64_t statistics_pixels = 512;

    int64_t y_row() const { return shape_.out().width * shape_.out_channels; }
    A* slot(int64_t h) const { return ring_ + h % conv_.source.staged * conv_.source.row_size(); }

    const A* source_row(int64_t image, int64_t h) const {
        if constexpr (Rows::may_be_direct) {
            if (conv_.source.direct()) return input_.at(image, h);
        }
        return slot(h);
    }

    /// The rows of the source under output row i.
    void bring_rows(int64_t image, int64_t i) {
        const int64_t first = i * shape_.stride.height - shape_.padding.height;
        const int64_t end = std::min(shape_.in.height, first + shape_.kernel.height);
        for (staged_ = std::max(staged_, first); !conv_.source.direct() && staged_ < end; ++staged_) {
            input_.stage(image, staged_, slot(staged_));
        }
        for (int64_t h = first; h < first + shape_.kernel.height; ++h) {
            const A* row = conv_.zero_row;
            if (h >= 0 && h < end) row = source_row(image, h);
            rows_[static_cast<size_t>(h - first)] = row;
        }
    }

    /// The first centre: the mean of a few outputs in the middle of the first row, computed once more for it.
    void centre() {
        const int64_t width = shape_.out().width, channels = shape_.out_channels;
        const int64_t begin = std::max<int64_t>(0, (width - depthwise_tile) / 2);
        const int64_t count = std::min<int64_t>(depthwise_tile, width);
        compute_row_(
            conv_, {rows_.data(), first_tile_ - begin * channels, {begin, begin + count}, {}, false, {}, {}});
        add_columns(first_tile_, count, channels, statistics_.centre);
        for (int64_t c = 0; c < channels; ++c) statistics_.centre[c] /= static_cast<A>(count);
        centred_ = true;
    }

    void flush() {
        if (statistics_ && counted_ > 0)
            flush_statistics(statistics_, counted_, shape_.out_channels, flushed_, total_);
        flushed_ += counted_;
        counted_ = 0;
    }

    const DepthwiseForward<T>& conv_;
    const ConvShape& shape_;
    Rows input_;
    ForwardRow<T> compute_row_;
    A* ring_;
    std::vector<const A*> rows_;
    int64_t staged_ = 0;
    CentredSums<A> statistics_;
    Statistics* total_ = nullptr;
    T* first_tile_ = nullptr;
    bool centred_ = false;
    int64_t counted_ = 0;  // pixels in statistics_
    int64_t flushed_ = 0;  // in total_
};

}  // namespace
}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif

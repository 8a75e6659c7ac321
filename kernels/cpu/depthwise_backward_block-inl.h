// Depthwise convolution backward over one block of rows of x: which rows of gradients come when, and where the sums go.

#if defined(VITRINE_KERNELS_CPU_DEPTHWISE_BACKWARD_BLOCK_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef VITRINE_KERNELS_CPU_DEPTHWISE_BACKWARD_BLOCK_INL_H
#undef VITRINE_KERNELS_CPU_DEPTHWISE_BACKWARD_BLOCK_INL_H
#else
#define VITRINE_KERNELS_CPU_DEPTHWISE_BACKWARD_BLOCK_INL_H
#endif

#include <algorithm>
#include <vector>

#include "kernels/cpu/depthwise_backward-inl.h"
#include "kernels/cpu/windows.h"

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {
namespace {

/// Copies one row of gradients of y, through the epilogue, to its place between the borders, and adds it to
/// d_bias if that is not null.
template <class T>
HWY_ATTR void stage_gradient_row(const DepthwiseBackward<T>& conv, int64_t row, Accumulate<T>* to,
                                 Accumulate<T>* d_bias) {
    using A = Accumulate<T>;
    const hn::ScalableTag<A> d;
    const int64_t channels = conv.args.shape.out_channels, width = conv.args.shape.out().width;
    const T* d_y = static_cast<const T*>(conv.args.d_y) + row * width * channels;
    const T* y = static_cast<const T*>(conv.args.y) + (conv.level == nullptr ? 0 : row * width * channels);
    const A* mean = static_cast<const A*>(conv.args.mean);
    const A *level = conv.level, *slope = conv.slope;
    if constexpr (!is_half_type<T>) {
        if (level == nullptr && d_bias == nullptr && channels == conv.source.channels) {
            std::copy(d_y, d_y + width * channels, to + conv.source.left * channels);
            return;
        }
    }
    for (int64_t column = 0; column < width; ++column) {
        const int64_t from = column * channels;
        A* into = to + (conv.source.left + column) * conv.source.channels;
        for_each_vector<A>(channels, [=](auto part, int64_t c) HWY_ATTR {
            auto gradient = part.load(d_y + from + c);
            if (level != nullptr) {
                const auto centred = hn::Sub(part.load(y + from + c), part.load(mean + c));
                gradient = hn::MulAdd(part.load(slope + c), centred, hn::Add(gradient, part.load(level + c)));
            }
            hn::Store(gradient, d, into + c);
            if (d_bias != nullptr) part.store(hn::Add(gradient, part.load(d_bias + c)), d_bias + c);
        });
    }
}

/// Adds the sums of a few rows to those of the block and clears them, so that no long sum is taken in one go:
/// its rounding errors would grow with its length.
template <class T>
HWY_ATTR void flush_sums(T* sums, int64_t count, T* total) {
    for_each_vector<T>(count, [=](auto part, int64_t i) HWY_ATTR {
        part.store(hn::Add(part.load(total + i), part.load(sums + i)), total + i);
        part.store(constant<T>(0), sums + i);
    });
}

/// The rows of x and of its gradient, both tensors.
template <class T>
struct RowsOfTensors {
    using Element = T;

    const DepthwiseBackward<T>& conv;

    int64_t row_size() const { return conv.args.shape.in.width * conv.args.shape.in_channels; }
    /// `row` counts over all images.
    const T* x(int64_t row) const { return static_cast<const T*>(conv.args.x) + row * row_size(); }
    T* d_x(int64_t row) const {
        T* d_x = static_cast<T*>(conv.args.d_x.data);
        return d_x == nullptr ? nullptr : d_x + row * row_size();
    }
    RowAhead<T> x_ahead(const T* x, bool more) const { return RowAhead<T>::after(x, row_size(), more); }
    RowAhead<T> d_x_ahead(const T* d_x, bool more) const {
        return RowAhead<T>::after(d_x, row_size(), d_x != nullptr && more && !conv.streams);
    }
    /// Behind a row's passes; and what of y will be needed for the next one.
    void finish_row(int64_t, RowAhead<T>) const {}
};

/// One block's rows: the ring, the sums, and the order in which rows come and go. Rows says where x is and d_x goes, and
/// what Element they are stored as.
template <class T, class Rows = RowsOfTensors<T>>
class BackwardBlock {
  public:
    BackwardBlock(const DepthwiseBackward<T>& convolution, int64_t block, Accumulate<T>* workspace)
        : BackwardBlock(convolution, block, workspace, Rows{convolution}) {}

    BackwardBlock(const DepthwiseBackward<T>& convolution, int64_t block, Accumulate<T>* workspace,
                  Rows input)
        : conv_(convolution),
          shape_(conv_.args.shape),
          input_(input),
          axis_(height_axis(shape_)),
          compute_row_(backward_row_for<T, X>(conv_)),
          ring_(workspace),
          sums_(workspace + conv_.source.size()),
          total_(conv_.partial + block * sums_size()),
          gradients_(static_cast<size_t>(shape_.kernel.height)) {
        if (conv_.args.d_bias) d_bias_ = sums_ + (conv_.sums() - 1) * conv_.source.channels;
        std::fill(sums_, sums_ + sums_size(), A(0));
        clear_borders(conv_.source, shape_.out().width, ring_);
    }

    void run_image(int64_t image, int64_t begin, int64_t end) {
        staged_ = 0;
        if (d_bias_ != nullptr && begin == 0) count_untouched_windows(image);
        for (int64_t h = begin; h < end; ++h) {
            const Span windows = axis_.windows_over(h);
            for (staged_ = std::max(staged_, windows.begin); !conv_.source.direct() && staged_ < windows.end;
                 ++staged_) {
                // Neighbouring blocks share rows of gradients: that of the window's first pixel counts it for d_bias.
                const bool mine = axis_.inputs_of(staged_).begin >= begin;
                stage_gradient_row(conv_, image * axis_.out + staged_, slot(staged_),
                                   mine ? d_bias_ : nullptr);
            }
            compute_row(image, h, end, windows);
            counted_ += shape_.in.width;
            if (counted_ >= sums_pixels) flush();
        }
    }

    void finish() {
        flush();
        if (conv_.streams) hwy::FlushStream();
    }

  private:
    using A = Accumulate<T>;
    using X = typename Rows::Element;

    static constexpr int64_t sums_pixels = 512;

    int64_t sums_size() const { return conv_.sums() * conv_.source.channels; }
    int64_t y_row() const { return shape_.out().width * shape_.out_channels; }
    A* slot(int64_t i) const { return ring_ + i % conv_.source.staged * conv_.source.row_size(); }

    const A* source_row(const T* d_y, int64_t i) const {
        if constexpr (!is_half_type<T>) {
            if (conv_.source.direct()) return d_y + i * y_row();
        }
        return slot(i);
    }

    /// Windows that lie in the padding alone touch no pixel, but count for d_bias.
    void count_untouched_windows(int64_t image) {
        for (int64_t i = 0; i < axis_.out; ++i) {
            const Span inputs = axis_.inputs_of(i);
            if (inputs.begin >= inputs.end)
                stage_gradient_row(conv_, image * axis_.out + i, slot(i), d_bias_);
        }
    }

    void compute_row(int64_t image, int64_t h, int64_t end, Span windows) {
        const int64_t row = image * shape_.in.height + h;
        const X* x = input_.x(row);
        X* d_x = input_.d_x(row);
        const T* d_y = static_cast<const T*>(conv_.args.d_y) + image * axis_.out * y_row();
        std::fill(gradients_.begin(), gradients_.end(), conv_.zero_row);
        for (int64_t i = windows.begin; i < windows.end; ++i) {
            const int64_t p = h + axis_.padding - i * axis_.stride;
            gradients_[static_cast<size_t>(p)] = source_row(d_y, i);
        }
        const int64_t next_windows = h + 1 < end ? axis_.windows_over(h + 1).end : windows.end;
        const auto ahead_in = [&](const T* of_image) {
            return RowAhead<T>{of_image + windows.end * y_row(), of_image + next_windows * y_row()};
        };
        compute_row_(conv_, {h, x, d_x, sums_, gradients_.data(), input_.x_ahead(x, h + 1 < end),
                             input_.d_x_ahead(d_x, h + 1 < end), ahead_in(d_y)});
        const T* y = static_cast<const T*>(conv_.args.y);
        input_.finish_row(row, y == nullptr ? RowAhead<T>{} : ahead_in(y + image * axis_.out * y_row()));
    }

    void flush() {
        flush_sums(sums_, sums_size(), total_);
        counted_ = 0;
    }

    const DepthwiseBackward<T>& conv_;
    const ConvShape& shape_;
    Rows input_;
    WindowAxis axis_;
    BackwardRow<T, X> compute_row_;
    A* ring_;
    A* sums_;
    A* total_;
    A* d_bias_ = nullptr;
    std::vector<const A*> gradients_;
    int64_t staged_ = 0;
    int64_t counted_ = 0;  // pixels in sums_
};

}  // namespace
}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif

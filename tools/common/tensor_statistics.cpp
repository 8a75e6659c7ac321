// What a tensor's values come to: see tensor_statistics.h.

#include "tools/common/tensor_statistics.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/cpu/parallel.h"

namespace vitrine::tools {
namespace {

constexpr int64_t part_size = int64_t{1} << 16;  // values

/// A tensor's values where the host can read them.
template <class T>
class HostValues {
  public:
    explicit HostValues(const Tensor& x) : count_(x.count()) {
        if (x.device() == Device::cpu || x.device() == Device::reference) {
            values_ = static_cast<const T*>(x.data());
        } else {
            copy_ = x.to_host<T>();
            values_ = copy_.data();
        }
    }
    const T* data() const { return values_; }
    int64_t count() const { return count_; }

  private:
    int64_t count_;
    std::vector<T> copy_;
    const T* values_ = nullptr;
};

/// Calls work(part, begin, end) for each part of `count` items, shared between the threads of the kernels' pool where there
/// are several parts: threads of its own for each tensor cost more than the sums.
template <class Work>
void in_parts(int64_t count, int64_t size, const Work& work) {
    const int64_t parts = (count + size - 1) / size;
    const auto run = [&](int64_t part) { work(part, part * size, std::min(count, (part + 1) * size)); };
    if (parts == 1) return run(0);
    cpu::parallel_for(parts, run);
}

/// What a part of the rows leaves of each channel.
struct ChannelSums {
    explicit ChannelSums(size_t channels)
        : sum(channels), squares(channels), zeros(channels), saturated(channels) {}
    std::vector<double> sum, squares;
    std::vector<int32_t> zeros, saturated;
};

/// Channels side by side whose sums stay in registers while the rows go by.
constexpr int64_t lanes = 8;

/// Of `width` channels from c on, a constant for the compiler but at the end of a row.
template <class T, class Read>
[[gnu::always_inline]] inline void add_channels(const T* x, int64_t rows, int64_t channels, int64_t c,
                                                int64_t width, ChannelSums& sums, const Read& read) {
    double sum[lanes] = {}, squares[lanes] = {};
    int32_t zeros[lanes] = {}, saturated[lanes] = {};
    for (int64_t row = 0; row < rows; ++row, x += channels) {
        for (int64_t lane = 0; lane < width; ++lane) {
            const T value = read(x[c + lane], c + lane);
            sum[lane] += static_cast<double>(value);
            squares[lane] += static_cast<double>(value) * static_cast<double>(value);
            zeros[lane] += value == T(0) ? 1 : 0;
            saturated[lane] += value == T(6) ? 1 : 0;
        }
    }
    for (int64_t lane = 0; lane < width; ++lane) {
        const auto channel = static_cast<size_t>(c + lane);
        sums.sum[channel] += sum[lane];
        sums.squares[channel] += squares[lane];
        sums.zeros[channel] += zeros[lane];
        sums.saturated[channel] += saturated[lane];
    }
}

template <class T, class Read>
void add_rows(const T* x, int64_t rows, int64_t channels, ChannelSums& sums, const Read& read) {
    constexpr int64_t block = 32;  // rows that the cache keeps while all their channels go by
    for (int64_t row = 0; row < rows; row += block) {
        const int64_t count = std::min(block, rows - row);
        int64_t c = 0;
        for (; c + lanes <= channels; c += lanes)
            add_channels(x + row * channels, count, channels, c, lanes, sums, read);
        if (c < channels) add_channels(x + row * channels, count, channels, c, channels - c, sums, read);
    }
}

/// The same of what a convolution would read: the clamp is known to the compiler, which makes vectors of the loop.
template <class T, Activation clamp>
void add_affine_rows(const T* x, const T* scale, const T* shift, int64_t rows, int64_t channels,
                     ChannelSums& sums) {
    add_rows(x, rows, channels, sums,
             [=](T value, int64_t c) { return clamped(clamp, scale[c] * value + shift[c]); });
}

template <class T>
void add_part(const T* x, const T* scale, const T* shift, Activation activation, int64_t rows,
              int64_t channels, ChannelSums& sums) {
    if (scale == nullptr) return add_rows(x, rows, channels, sums, [](T value, int64_t) { return value; });
    switch (activation) {
        case Activation::identity:
            return add_affine_rows<T, Activation::identity>(x, scale, shift, rows, channels, sums);
        case Activation::relu:
            return add_affine_rows<T, Activation::relu>(x, scale, shift, rows, channels, sums);
        case Activation::relu6:
            return add_affine_rows<T, Activation::relu6>(x, scale, shift, rows, channels, sums);
        case Activation::silu:
            return add_rows(x, rows, channels, sums, [=](T value, int64_t c) {
                const T u = scale[c] * value + shift[c];
                return u / (T(1) + std::exp(-u));
            });
        case Activation::hard_swish:
            return add_rows(x, rows, channels, sums, [=](T value, int64_t c) {
                const T u = scale[c] * value + shift[c];
                return u * clamped(Activation::relu6, u + T(3)) / T(6);
            });
    }
}

TensorStatistics together(const std::vector<ChannelSums>& parts, size_t channels, int64_t count) {
    double sum = 0.0, squares = 0.0, dead = 0.0;
    int64_t zeros = 0, saturated = 0;
    const int64_t rows = count / static_cast<int64_t>(channels);
    for (size_t c = 0; c < channels; ++c) {
        int64_t zeros_here = 0;
        for (const ChannelSums& part : parts) {
            sum += part.sum[c];
            squares += part.squares[c];
            zeros_here += part.zeros[c];
            saturated += part.saturated[c];
        }
        zeros += zeros_here;
        dead += zeros_here == rows ? 1.0 : 0.0;
    }
    const auto all = static_cast<double>(count);
    TensorStatistics result;
    result.mean = sum / all;
    // What rounding leaves below 0 is 0; a NaN stays one.
    const double variance = squares / all - result.mean * result.mean;
    result.deviation = std::sqrt(variance < 0.0 ? 0.0 : variance);
    result.zeros = static_cast<double>(zeros) / all;
    result.saturated = static_cast<double>(saturated) / all;
    result.dead_channels = dead / static_cast<double>(channels);
    return result;
}

template <class T>
TensorStatistics statistics(const Pending& pending) {
    const auto& [x, scale, shift] = pending.value;
    const int64_t channels = x.shape()[-1], rows = x.count() / channels;
    const HostValues<T> values(x);
    std::vector<T> scales, shifts;
    if (scale.defined()) scales = scale.to_host<T>(), shifts = shift.to_host<T>();
    const int64_t rows_a_part = std::max<int64_t>(1, part_size / channels);
    std::vector<ChannelSums> parts(static_cast<size_t>((rows + rows_a_part - 1) / rows_a_part),
                                   ChannelSums(static_cast<size_t>(channels)));
    in_parts(rows, rows_a_part, [&](int64_t part, int64_t begin, int64_t end) {
        add_part(values.data() + begin * channels, scales.empty() ? nullptr : scales.data(), shifts.data(),
                 pending.activation, end - begin, channels, parts[static_cast<size_t>(part)]);
    });
    return together(parts, static_cast<size_t>(channels), x.count());
}

/// sqrt(Σ term(i)²) of `count` terms.
template <class Term>
double root_of_squares(int64_t count, const Term& term) {
    std::vector<double> parts(static_cast<size_t>((count + part_size - 1) / part_size));
    in_parts(count, part_size, [&](int64_t part, int64_t begin, int64_t end) {
        double sums[lanes] = {};
        int64_t i = begin;
        for (; i + lanes <= end; i += lanes) {
            for (int64_t lane = 0; lane < lanes; ++lane) {
                const double value = term(i + lane);
                sums[lane] += value * value;
            }
        }
        for (; i < end; ++i) sums[0] += term(i) * term(i);
        for (const double sum : sums) parts[static_cast<size_t>(part)] += sum;
    });
    double sum = 0.0;
    for (const double part : parts) sum += part;
    return std::sqrt(sum);
}

template <class T>
double norm(const Tensor& x) {
    const HostValues<T> values(x);
    return root_of_squares(x.count(), [x = values.data()](int64_t i) { return static_cast<double>(x[i]); });
}

template <class T>
double distance(const Tensor& a, const Tensor& b) {
    const HostValues<T> first(a), second(b);
    return root_of_squares(a.count(), [x = first.data(), y = second.data()](int64_t i) {
        return static_cast<double>(x[i]) - static_cast<double>(y[i]);
    });
}

}  // namespace

TensorStatistics statistics_of(const Pending& x) {
    return x.value.x.dtype() == DType::f64 ? statistics<double>(x) : statistics<float>(x);
}

TensorStatistics statistics_of(const Moments& moments, int64_t rows) {
    const std::vector<double> means = moments.mean.to_host<double>(), m2 = moments.m2.to_host<double>();
    const auto channels = static_cast<double>(means.size());
    TensorStatistics result;
    for (const double mean : means) result.mean += mean / channels;
    double variance = 0.0;
    for (size_t c = 0; c < means.size(); ++c) {
        const double offset = means[c] - result.mean;
        variance += (m2[c] / static_cast<double>(rows) + offset * offset) / channels;
    }
    result.deviation = std::sqrt(variance);
    return result;
}

double norm_of(const Tensor& x) { return x.dtype() == DType::f64 ? norm<double>(x) : norm<float>(x); }

double distance_of(const Tensor& a, const Tensor& b) {
    return a.dtype() == DType::f64 ? distance<double>(a, b) : distance<float>(a, b);
}

}  // namespace vitrine::tools

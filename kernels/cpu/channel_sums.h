// Per-channel results of chunks of rows, put together in f64 and in the order of the chunks.
#pragma once

#include <cstdint>

#include "kernels/conv.h"
#include "kernels/cpu/parallel.h"
#include "kernels/gradient.h"

namespace vitrine::cpu {

/// Calls body(c) for each channel, shared between the threads: what is added up of a channel is in body, in one order.
template <class Body>
void for_each_channel(int64_t channels, const Body& body) {
    const Chunks shares{channels, 16};
    parallel_for(shares.count(), [&](int64_t share) {
        for (int64_t c = shares.begin(share); c < shares.end(share); ++c) body(c);
    });
}

/// out[c] = Σ over the chunks of partial[chunk · stride + c].
template <class T>
void combine_sums(const T* partial, int64_t chunks, int64_t stride, int64_t channels, const Gradient& out) {
    const GradientWriter<T> write(out);
    for_each_channel(channels, [&](int64_t c) {
        double sum = 0;
        for (int64_t chunk = 0; chunk < chunks; ++chunk)
            sum += static_cast<double>(partial[chunk * stride + c]);
        write(c, static_cast<T>(sum));
    });
}

/// Mean and m2 = Σ (y − mean)² of all rows from those of chunks. Source: Chan, Golub and LeVeque, 1979.
class StatisticsSum {
  public:
    void add(double count, double mean, double m2) {
        const double total = count_ + count;
        const double difference = mean - mean_;
        mean_ += difference * (count / total);
        m2_ += m2 + difference * difference * (count_ * count / total);
        count_ = total;
    }

    void add(const StatisticsSum& other) {
        if (other.count_ > 0) add(other.count_, other.mean_, other.m2_);
    }

    double mean() const { return mean_; }
    double m2() const { return m2_; }

  private:
    double count_ = 0;
    double mean_ = 0;
    double m2_ = 0;
};

/// The statistics of all rows from those of chunks of rows, chunk k's lying at [k · stride, … + channels).
template <class T>
void combine_statistics(const T* means, const T* m2s, const Chunks& rows, int64_t stride, int64_t channels,
                        T* mean, T* m2) {
    for_each_channel(channels, [&](int64_t c) {
        StatisticsSum sum;
        for (int64_t chunk = 0; chunk < rows.count(); ++chunk) {
            const int64_t i = chunk * stride + c;
            sum.add(static_cast<double>(rows.end(chunk) - rows.begin(chunk)), static_cast<double>(means[i]),
                    static_cast<double>(m2s[i]));
        }
        mean[c] = static_cast<T>(sum.mean());
        m2[c] = static_cast<T>(sum.m2());
    });
}

/// Calls put(c, sum) with the statistics of all rows of each channel from those of the chunks in their order,
/// chunk k's lying at [k · channels, … + channels).
template <class Put>
void merge_statistics(const StatisticsSum* partial, int64_t chunks, int64_t channels, Put&& put) {
    for_each_channel(channels, [&](int64_t c) {
        StatisticsSum sum;
        for (int64_t chunk = 0; chunk < chunks; ++chunk) sum.add(partial[chunk * channels + c]);
        put(c, sum);
    });
}

/// The epilogue's part of the gradient as g = d_y + level_c + slope_c · (y − mean_c); a null d_mean or d_m2
/// counts as zero.
template <class T>
void epilogue_coefficients(const ConvBackward& args, T* level, T* slope) {
    const T* d_mean = static_cast<const T*>(args.d_mean);
    const T* d_m2 = static_cast<const T*>(args.d_m2);
    const T rows = static_cast<T>(args.shape.out_pixels());
    for (int64_t c = 0; c < args.shape.out_channels; ++c) {
        level[c] = d_mean == nullptr ? T(0) : d_mean[c] / rows;
        slope[c] = d_m2 == nullptr ? T(0) : T(2) * d_m2[c];
    }
}

}  // namespace vitrine::cpu

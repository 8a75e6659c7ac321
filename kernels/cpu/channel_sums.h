// Per-channel results of chunks of rows, put together in f64 and in the order of the chunks.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "kernels/context.h"
#include "kernels/conv.h"
#include "kernels/cpu/parallel.h"
#include "kernels/gradient.h"

namespace vitrine::cpu {

/// Calls add(sum, chunk, c) for each channel and all chunks in their order, then put(c, sum). A thread takes 16 channels
/// side by side, since what a chunk left of them lies side by side.
template <class Sum, class Add, class Put>
void combine_channels(int64_t channels, int64_t chunks, const Add& add, const Put& put) {
    constexpr int64_t together = 16;
    const Chunks shares{channels, together};
    parallel_for(shares.count(), [&](int64_t share) {
        const int64_t first = shares.begin(share), count = shares.end(share) - first;
        Sum sums[together]{};
        for (int64_t chunk = 0; chunk < chunks; ++chunk) {
            for (int64_t i = 0; i < count; ++i) add(sums[i], chunk, first + i);
        }
        for (int64_t i = 0; i < count; ++i) put(first + i, sums[i]);
    });
}

/// One sum of all chunks, [chunks, channels] and zeroed; null where nobody wants it.
template <class T>
T* partial_sums(const Gradient& wanted, int64_t chunks, int64_t channels, Context& context) {
    if (!wanted) return nullptr;
    T* sums = context.scratch.take<T>(chunks * channels);
    std::fill(sums, sums + chunks * channels, T(0));
    return sums;
}

/// out[c] = Σ over the chunks of partial[chunk · stride + c].
template <class T>
void combine_sums(const T* partial, int64_t chunks, int64_t stride, int64_t channels, const Gradient& out) {
    const GradientWriter<T> write(out);
    combine_channels<double>(
        channels, chunks,
        [&](double& sum, int64_t chunk, int64_t c) {
            sum += static_cast<double>(partial[chunk * stride + c]);
        },
        [&](int64_t c, double sum) { write(c, static_cast<T>(sum)); });
}

/// out[c, k] = Σ over the parts, of part_size each, of partial[k, c]: rows of it are `stride` apart.
template <class T>
void combine_turned(const T* partial, int64_t parts, int64_t part_size, int64_t rows, int64_t columns,
                    int64_t stride, const Gradient& out) {
    constexpr int64_t together = 16;
    const GradientWriter<T> write(out);
    const Chunks shares{columns, together};
    parallel_for(shares.count(), [&](int64_t share) {
        const int64_t first = shares.begin(share), count = shares.end(share) - first;
        for (int64_t k = 0; k < rows; ++k) {
            double sums[together]{};
            for (int64_t part = 0; part < parts; ++part) {
                const T* row = partial + part * part_size + k * stride + first;
                for (int64_t i = 0; i < count; ++i) sums[i] += static_cast<double>(row[i]);
            }
            for (int64_t i = 0; i < count; ++i) write((first + i) * rows + k, static_cast<T>(sums[i]));
        }
    });
}

/// Mean and m2 = Σ (y − mean)² of a channel's rows.
struct Statistics {
    double mean = 0;
    double m2 = 0;
};

/// How `coming` rows weigh beside those that are there already, the same for all channels: divided once, and not by each of
/// them. Source: Chan, Golub and LeVeque, 1979.
class Joining {
  public:
    Joining(int64_t there, int64_t coming)
        : share_(coming == 0 ? 0 : static_cast<double>(coming) / static_cast<double>(there + coming)),
          both_(static_cast<double>(there) * share_) {}

    void add(double mean, double m2, Statistics& to) const {
        const double difference = mean - to.mean;
        to.mean += difference * share_;
        to.m2 += m2 + difference * difference * both_;
    }

  private:
    double share_;  // of all
    double both_;   // there · coming / all
};

/// Of chunks in their order, chunk k of count_of(k) rows.
template <class CountOf>
std::vector<Joining> joinings_of(int64_t chunks, const CountOf& count_of) {
    std::vector<Joining> joinings;
    int64_t there = 0;
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
        joinings.emplace_back(there, count_of(chunk));
        there += count_of(chunk);
    }
    return joinings;
}

/// The statistics of all rows from those of chunks of rows, chunk k's count_of(k) of them lying at
/// [k · stride, … + channels).
template <class T, class CountOf>
void combine_statistics(const T* means, const T* m2s, int64_t chunks, const CountOf& count_of, int64_t stride,
                        int64_t channels, T* mean, T* m2) {
    const std::vector<Joining> joinings = joinings_of(chunks, count_of);
    combine_channels<Statistics>(
        channels, chunks,
        [&](Statistics& sum, int64_t chunk, int64_t c) {
            const int64_t i = chunk * stride + c;
            joinings[static_cast<size_t>(chunk)].add(static_cast<double>(means[i]),
                                                     static_cast<double>(m2s[i]), sum);
        },
        [&](int64_t c, const Statistics& sum) {
            mean[c] = static_cast<T>(sum.mean);
            m2[c] = static_cast<T>(sum.m2);
        });
}

template <class T>
void combine_statistics(const T* means, const T* m2s, const Chunks& rows, int64_t stride, int64_t channels,
                        T* mean, T* m2) {
    const auto count_of = [&](int64_t chunk) { return rows.end(chunk) - rows.begin(chunk); };
    combine_statistics(means, m2s, rows.count(), count_of, stride, channels, mean, m2);
}

/// Calls put(c, statistics) with those of all rows of each channel from those of the chunks in their order, chunk k's
/// count_of(k) of them lying at [k · channels, … + channels).
template <class CountOf, class Put>
void merge_statistics(const Statistics* partial, int64_t chunks, const CountOf& count_of, int64_t channels,
                      Put&& put) {
    const std::vector<Joining> joinings = joinings_of(chunks, count_of);
    combine_channels<Statistics>(
        channels, chunks,
        [&](Statistics& sum, int64_t chunk, int64_t c) {
            const Statistics& part = partial[chunk * channels + c];
            joinings[static_cast<size_t>(chunk)].add(part.mean, part.m2, sum);
        },
        put);
}

/// The epilogue's part of the gradient as g = d_y + level_c + slope_c · (y − mean_c); a null d_mean or d_m2
/// counts as zero.
template <class A>
void epilogue_coefficients(const ConvBackward& args, A* level, A* slope) {
    const A* d_mean = static_cast<const A*>(args.d_mean);
    const A* d_m2 = static_cast<const A*>(args.d_m2);
    const A rows = static_cast<A>(args.shape.out_pixels());
    for (int64_t c = 0; c < args.shape.out_channels; ++c) {
        level[c] = d_mean == nullptr ? A(0) : d_mean[c] / rows;
        slope[c] = d_m2 == nullptr ? A(0) : A(2) * d_m2[c];
    }
}

}  // namespace vitrine::cpu

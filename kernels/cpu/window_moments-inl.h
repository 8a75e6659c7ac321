// The moments of windows of an image, of a chunk of them: from the lines under them, where they overlap.
//
// A window is a few runs of numbers, one in each of its lines, and a step further along the lines lies the next one. So the products
// of all pairs of its numbers are, for each pair of its lines, those of two runs that move along:
//
//     S[line, u; other, v] = Σ_windows left[window · step + u] · right[window · step + v]
//
// No row of a window is ever put together. The lines lie around a level near their mean, zeros beside the image as well: of windows
// each of whose numbers is 3 and spreads by 0.1 the squares would lose three digits.

#if defined(VITRINE_KERNELS_CPU_WINDOW_MOMENTS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef VITRINE_KERNELS_CPU_WINDOW_MOMENTS_INL_H
#undef VITRINE_KERNELS_CPU_WINDOW_MOMENTS_INL_H
#else
#define VITRINE_KERNELS_CPU_WINDOW_MOMENTS_INL_H
#endif

#include <algorithm>

#include "kernels/cpu/gemm_gather-inl.h"
#include "kernels/cpu/run_products-inl.h"
#include "kernels/cpu/simd-inl.h"
#include "kernels/cpu/window_moments.h"

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {
namespace {

/// sums[v] += Σ right[v]; of a few windows side by side, as each addition waits for the one before it.
template <class A>
HWY_ATTR void add_run(const A* right, int64_t step, int64_t count, int64_t run, A* sums) {
    constexpr int together = 4;
    const hn::ScalableTag<A> d;
    for (int64_t v = 0; v < run; v += lanes_of<A>()) {
        Vector<A> parts[together];
        unrolled<together>([&](auto i) HWY_ATTR { parts[i] = hn::Zero(d); });
        const A* at = right + v;
        int64_t window = 0;
        for (; window + together <= count; window += together, at += together * step)
            unrolled<together>([&](auto i)
                                   HWY_ATTR { parts[i] = hn::Add(parts[i], hn::LoadU(d, at + i * step)); });
        for (; window < count; ++window, at += step) parts[0] = hn::Add(parts[0], hn::LoadU(d, at));
        const auto all = hn::Add(hn::Add(parts[0], parts[1]), hn::Add(parts[2], parts[3]));
        hn::StoreU(hn::Add(hn::LoadU(d, sums + v), all), d, sums + v);
    }
}

/// Takes the mean of a few pixels off the lines, of each channel, and leaves it as `level` [channels].
template <class T>
HWY_ATTR void subtract_level(const WindowMoments<T>& task, int64_t first, int64_t count,
                             Accumulate<T>* workspace, Accumulate<T>* level) {
    using A = Accumulate<T>;
    const int64_t channels = task.windows.channels, line = task.windows.band_line();
    const int64_t pixels = std::min<int64_t>(line / channels, 16);
    A *band = task.band(workspace), *levels = task.levels(workspace);
    const A* some = band + task.lines() / 2 * line;
    std::fill(level, level + channels, A(0));
    for (int64_t pixel = 0; pixel < pixels; ++pixel)
        for (int64_t c = 0; c < channels; ++c)
            level[c] += some[pixel * channels + c] / static_cast<A>(pixels);
    for (int64_t pixel = 0; pixel < line; pixel += channels)
        std::copy(level, level + channels, levels + pixel);
    for_each_band_part(task.windows, first, count, [&](const BandPart& part) HWY_ATTR {
        const int64_t end = part.place + task.lines_of(part.end_line - part.first_line);
        for (A* at = band + part.place * line; at < band + end * line; at += line)
            for_each_vector<A>(line, [&](auto vector, int64_t i) HWY_ATTR {
                vector.store(hn::Sub(vector.load(at + i), vector.load(levels + i)), at + i);
            });
    });
}

/// Of `count` windows in a row, from `line` on.
template <class T>
void add_windows(const WindowMoments<T>& task, const Accumulate<T>* line, int64_t count,
                 Accumulate<T>* workspace) {
    const int64_t lines = task.lines(), apart = task.windows.band_line(),
                  step = task.windows.step.width * task.windows.channels;
    for (int64_t p = 0; p < lines; ++p) {
        add_run(line + p * apart, step, count, task.run(), task.sums(workspace, p));
        for (int64_t q = p; q < lines; ++q)
            add_run_products<Accumulate<T>>({.left = line + p * apart,
                                             .left_step = step,
                                             .right = line + q * apart,
                                             .right_step = step,
                                             .count = count,
                                             .sums = task.products(workspace, p, q),
                                             .stride = task.stride()},
                                            task.run(), task.run());
    }
}

/// From sums around the level, which lies where the first means will, to the mean and what is around it.
template <class T>
void put_window_moments(const WindowMoments<T>& task, int64_t count, Accumulate<T>* workspace, int64_t padded,
                        Accumulate<T>* mean, Accumulate<T>* scatter) {
    using A = Accumulate<T>;
    const int64_t lines = task.lines(), run = task.run();
    for (int64_t p = 0; p < lines; ++p) {
        for (int64_t q = p; q < lines; ++q) {
            const A *products = task.products(workspace, p, q), *left = task.sums(workspace, p),
                    *right = task.sums(workspace, q);
            for (int64_t u = 0; u < run; ++u, products += task.stride()) {
                const A distance = left[u] / static_cast<A>(count);
                for (int64_t v = 0; v < run; ++v) {
                    const int64_t j = p * run + u, k = q * run + v;
                    scatter[j * padded + k] = scatter[k * padded + j] = products[v] - distance * right[v];
                }
            }
        }
    }
    for (int64_t p = lines - 1; p >= 0; --p)
        for (int64_t u = run - 1; u >= 0; --u)
            mean[p * run + u] =
                mean[u % task.windows.channels] + task.sums(workspace, p)[u] / static_cast<A>(count);
}

/// mean [narrow] and scatter [narrow, padded] of windows [first, first + count).
template <class T>
void moments_of_windows(const WindowMoments<T>& task, int64_t first, int64_t count, Accumulate<T>* workspace,
                        int64_t padded, Accumulate<T>* mean, Accumulate<T>* scatter) {
    using A = Accumulate<T>;
    A* band = task.band(workspace);
    std::fill(workspace, band, A(0));
    fill_band(task.windows, first, count, band);
    subtract_level(task, first, count, workspace, mean);
    for_each_band_line(task.windows, first, count, band, [&](const A* line, int64_t, int64_t here) {
        add_windows(task, line, here, workspace);
    });
    put_window_moments(task, count, workspace, padded, mean, scatter);
}

}  // namespace
}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif

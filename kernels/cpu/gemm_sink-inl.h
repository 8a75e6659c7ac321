// Rows of a product's results into its sink.

#include <cstdint>

#include "kernels/cpu/conv_parts-inl.h"
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/gemm_gather-inl.h"

#if defined(VITRINE_KERNELS_CPU_GEMM_SINK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef VITRINE_KERNELS_CPU_GEMM_SINK_INL_H_
#undef VITRINE_KERNELS_CPU_GEMM_SINK_INL_H_
#else
#define VITRINE_KERNELS_CPU_GEMM_SINK_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {

/// What of a sink a block of results belongs to.
struct SinkBlock {
    int64_t chunk;
    int64_t first_row;
    int64_t rows;
    int64_t first_channel;
    int64_t channels;
};

/// The block's results to the sink's pixels, through the prologue's gradient if there is one. Where there is none, and nothing
/// to add to, put(from, channels, to) stores a row.
template <class T, class Put>
void scatter_rows(const RowSink<T>& sink, const SinkBlock& block, RowsOf<Accumulate<T>> result,
                  const Put& put) {
    using A = Accumulate<T>;
    const int64_t c = block.first_channel, count = block.channels;
    const auto from_c = [&](auto* per_channel) { return per_channel == nullptr ? nullptr : per_channel + c; };
    const auto sums_of = [&](A* sums) {
        return sums == nullptr ? nullptr : sums + block.chunk * sink.channels + c;
    };
    A* scale_sums = sums_of(sink.scale_sums);
    A* shift_sums = sums_of(sink.shift_sums);
    if (scale_sums != nullptr) zero_row(count, scale_sums);
    if (shift_sums != nullptr) zero_row(count, shift_sums);

    if (sink.x != nullptr && sink.contiguous()) {
        const int64_t index = block.first_row * sink.channels + c;
        prologue_gradient_rows<T, A>({sink.x + index, sink.channels}, {result.data, result.stride},
                                     block.rows, count, from_c(sink.scale), from_c(sink.shift),
                                     sink.activation,
                                     {{sink.pixels == nullptr ? nullptr : sink.pixels + index, sink.channels},
                                      sink.accumulate,
                                      scale_sums,
                                      shift_sums});
        return;
    }
    GridPosition at(block.first_row, sink.grid);
    for (int64_t row = 0; row < block.rows; ++row, at.advance(sink.grid)) {
        const int64_t i = at.i * sink.step.height + sink.first.height;
        const int64_t j = at.j * sink.step.width + sink.first.width;
        const int64_t index = ((at.image * sink.in.height + i) * sink.in.width + j) * sink.channels + c;
        const A* from = result.data + row * result.stride;
        T* to = sink.pixels == nullptr ? nullptr : sink.pixels + index;
        if (sink.x != nullptr) {
            prologue_gradient_rows<T, A>({sink.x + index}, {from}, 1, count, from_c(sink.scale),
                                         from_c(sink.shift), sink.activation,
                                         {{to}, sink.accumulate, scale_sums, shift_sums});
        } else if (sink.accumulate) {
            add_row(from, count, to);
        } else {
            put(from, count, to);
        }
    }
}

}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif

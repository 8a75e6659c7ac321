// pointwise_backward.cpp for bf16, by tile registers: the same pass over d_y, y and x, and what it multiplies in their orders.
//
//     g = d_y through the epilogue, in two terms      [terms, block, out]
//     a = x through the prologue, rounded             [block, in]
//     d_weight += gᵀ · a                              sums in f32
//     d_a = g · weight                                a panel of 32 channels at a time, which stays in the nearest cache
//     d_x = d_a through the prologue                  written to memory, once
//
// d_weight wants one of g and a turned round and the other in pairs of pixels. Turning is the dearer: the one with fewer
// channels is turned, and d_weight is summed as it is or as its transpose.

#include "kernels/cpu/amx.h"
#include "kernels/cpu/channel_sums.h"
#include "kernels/cpu/conv_parts.h"
#include "kernels/cpu/gemm_amx.h"
#include "kernels/cpu/per_thread.h"
#include "kernels/cpu/pointwise_backward.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/pointwise_backward_amx.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/amx_rows-inl.h"
#include "kernels/cpu/conv_parts-inl.h"
#include "kernels/cpu/gemm_gather-inl.h"

#ifndef VITRINE_KERNELS_CPU_POINTWISE_BACKWARD_AMX_ONCE
#define VITRINE_KERNELS_CPU_POINTWISE_BACKWARD_AMX_ONCE
namespace vitrine::cpu::amx {

/// What all threads share.
struct PointwiseBackward {
    const ConvBackward& args;
    Chunks chunks;                     // of pixels: each has its part of the sums
    int64_t block;                     // pixels that are in the cache at a time, whole tiles of them
    PairsMatrix weight;                // [out, in]
    const float *level, *slope;        // the epilogue's part of g; null if there is none
    bool streams;                      // d_x is written past the caches
    float* weight_parts;               // [chunks, left_rows, right_columns]
    float* bias_parts;                 // [chunks, out]; these three null where nobody wants them
    float *scale_parts, *shift_parts;  // [chunks, in]

    int64_t out() const { return args.shape.out_channels; }
    int64_t in() const { return args.shape.in_channels; }
    int64_t out_depth() const { return round_up(out(), tile_depth); }
    /// Of d_weight or its transpose, as a product: what is turned on the left, what is in pairs on the right.
    bool turns_a() const { return in() < out(); }
    int64_t left_rows() const { return round_up(std::min(in(), out()), tile_rows); }
    int64_t right_columns() const { return round_up(std::max(in(), out()), panel_columns); }
    int64_t weight_part() const { return left_rows() * right_columns(); }
    int64_t terms() const { return level == nullptr ? 1 : 2; }
    int64_t g_term() const { return block * out_depth(); }
    int64_t left_terms() const { return turns_a() ? 1 : terms(); }
    int64_t right_terms() const { return turns_a() ? terms() : 1; }
    int64_t turned_term() const { return left_rows() * turned_stride(); }
    int64_t pairs_term() const { return pairs_elements(block, right_columns()); }
    /// Half a line more than the block, or rows of tiles would meet in the same sets of the cache.
    int64_t turned_stride() const { return block + tile_depth; }
};

/// A thread's own memory for a block.
struct PointwiseBlock {
    bf16* g;           // [terms, block, out_depth]
    bf16* a;           // [block, in]
    bf16* turned;      // [left_terms, left_rows, turned_stride]
    bf16* pairs;       // [right_terms, block, right_columns], in panels of pairs
    float* d_a;        // [block, panel_columns]
    bf16* d_x;         // [block, in], if it goes past the caches
    float* bias_sums;  // [out]
};

}  // namespace vitrine::cpu::amx
#endif

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {
namespace {

/// Pixels [first, first + count), which is all of a block or the rest of a chunk.
class TileBlockPass {
  public:
    TileBlockPass(const amx::PointwiseBackward& task, const amx::PointwiseBlock& memory, int64_t chunk,
                  int64_t first, int64_t count)
        : task_(task), memory_(memory), chunk_(chunk), first_(first), count_(count) {}

    void run(bool first_of_chunk) {
        load_gradient();
        load_input();
        add_weight_gradient(first_of_chunk);
        if (task_.bias_parts != nullptr) add_bias_gradient();
        put_input_gradient();
    }

  private:
    int64_t out() const { return task_.out(); }
    int64_t in() const { return task_.in(); }
    const bf16* rows_of(const void* tensor, int64_t channels) const {
        return static_cast<const bf16*>(tensor) + first_ * channels;
    }
    const float* scale() const { return static_cast<const float*>(task_.args.prologue.scale); }
    const float* shift() const { return static_cast<const float*>(task_.args.prologue.shift); }

    /// While this block is worked on, the same rows of the next one are fetched.
    void fetch_next(const bf16* row, int64_t channels) const {
        fetch_behind(row, channels, count_ * channels * int64_t{sizeof(bf16)});
    }

    void load_gradient() {
        const bf16* d_y = rows_of(task_.args.d_y, out());
        g_ = {memory_.g, task_.out_depth()};
        if (task_.level != nullptr) {
            split_gradient(d_y, rows_of(task_.args.y, out()));
        } else if (out() == task_.out_depth() && count_ % amx::tile_rows == 0) {
            g_ = {d_y, out()};
        } else {
            for (int64_t row = 0; row < count_; ++row) copy_row(d_y + row * out(), out(), g_row(0, row));
        }
        for (int64_t term = 0; g_.data == memory_.g && term < task_.terms(); ++term) {
            for (int64_t row = 0; row < count_; ++row)
                zero_row(task_.out_depth() - out(), g_row(term, row) + out());
        }
    }

    bf16* g_row(int64_t term, int64_t row) const {
        return memory_.g + term * task_.g_term() + row * task_.out_depth();
    }

    /// As epilogue_gradient_rows, in two terms.
    void split_gradient(const bf16* d_y, const bf16* y) {
        const EpilogueGradient epilogue{task_.level, task_.slope, static_cast<const float*>(task_.args.mean)};
        for (int64_t row = 0; row < count_; ++row) {
            fetch_next(d_y + row * out(), out());
            fetch_next(y + row * out(), out());
            split_gradient_row(d_y + row * out(), y + row * out(), out(), epilogue, g_row(0, row),
                               g_row(1, row));
        }
    }

    void load_input() {
        const bf16* x = rows_of(task_.args.x, in());
        a_ = {x, in()};
        if (task_.args.prologue.plain()) return;
        prologue_rows<NativeBf16, NativeBf16>({native(x), in()}, count_, in(), scale(), shift(),
                                              task_.args.prologue.activation, {native(memory_.a), in()});
        a_ = {memory_.a, in()};
    }

    void add_weight_gradient(bool first_of_chunk) {
        const bool turns_a = task_.turns_a();
        const RowsOf<const bf16> left = turns_a ? a_ : g_, right = turns_a ? g_ : a_;
        for (int64_t term = 0; term < task_.left_terms(); ++term)
            amx::transpose(left.data + term * task_.g_term(), left.stride, count_, std::min(in(), out()),
                           memory_.turned + term * task_.turned_term(), task_.turned_stride());
        for (int64_t term = 0; term < task_.right_terms(); ++term)
            amx::pack_rows(right.data + term * task_.g_term(), right.stride, count_, std::max(in(), out()),
                           memory_.pairs + term * task_.pairs_term());
        const int64_t pixels = round_up(count_, amx::tile_depth), columns = task_.right_columns();
        float* sums = task_.weight_parts + chunk_ * task_.weight_part();
        for (int64_t column = 0; column < columns; column += amx::panel_columns) {
            amx::multiply({.a = memory_.turned,
                           .a_stride = task_.turned_stride(),
                           .rows = task_.left_rows(),
                           .pairs = memory_.pairs + column * pixels,
                           .depth = pixels,
                           .c = sums + column,
                           .c_stride = columns,
                           .add = !first_of_chunk,
                           .terms = task_.terms(),
                           .a_term = task_.left_terms() > 1 ? task_.turned_term() : 0,
                           .pairs_term = task_.right_terms() > 1 ? task_.pairs_term() : 0});
        }
    }

    void add_bias_gradient() {
        float* to = task_.bias_parts + chunk_ * out();
        for (int64_t term = 0; term < task_.terms(); ++term) {
            column_sums(g_.data + term * task_.g_term(), count_, out(), g_.stride, memory_.bias_sums);
            add_row(memory_.bias_sums, out(), to);
        }
    }

    void put_input_gradient() {
        for (int64_t panel = 0; panel < task_.weight.panels(); ++panel) {
            amx::multiply({g_.data, g_.stride, round_up(count_, amx::tile_rows), task_.weight.panel(panel),
                           task_.out_depth(), memory_.d_a, amx::panel_columns, false, task_.terms(),
                           task_.g_term()});
            put_panel(panel * amx::panel_columns, task_.weight.width(panel));
        }
        if (task_.streams) amx::stream(memory_.d_x, count_ * in(), d_x());
    }

    bf16* d_x() const { return static_cast<bf16*>(task_.args.d_x.data) + first_ * in(); }

    void put_panel(int64_t c, int64_t width) {
        const ConvBackward& args = task_.args;
        const auto from_c = [&](const float* per_channel) {
            return per_channel == nullptr ? nullptr : per_channel + c;
        };
        const auto sums = [&](float* parts) {
            return parts == nullptr ? nullptr : parts + chunk_ * in() + c;
        };
        prologue_gradient_rows<NativeBf16, float>({native(rows_of(args.x, in()) + c), in()},
                                                  {memory_.d_a, amx::panel_columns}, count_, width,
                                                  from_c(scale()), from_c(shift()), args.prologue.activation,
                                                  {{native(task_.streams ? memory_.d_x : d_x()) + c, in()},
                                                   args.d_x.mode == GradMode::accumulate,
                                                   sums(task_.scale_parts),
                                                   sums(task_.shift_parts)});
    }

    const amx::PointwiseBackward& task_;
    const amx::PointwiseBlock& memory_;
    int64_t chunk_, first_, count_;
    RowsOf<const bf16> g_, a_;
};

void run_chunk(const amx::PointwiseBackward& task, const amx::PointwiseBlock& memory, int64_t chunk) {
    const int64_t begin = task.chunks.begin(chunk), end = task.chunks.end(chunk);
    if (task.bias_parts != nullptr) zero_row(task.out(), task.bias_parts + chunk * task.out());
    for (float* parts : {task.scale_parts, task.shift_parts}) {
        if (parts != nullptr) zero_row(task.in(), parts + chunk * task.in());
    }
    const amx::Registers registers;
    for (int64_t first = begin; first < end; first += task.block)
        TileBlockPass(task, memory, chunk, first, std::min(task.block, end - first)).run(first == begin);
}

}  // namespace
}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitrine::cpu {
namespace {

HWY_EXPORT(run_chunk);

/// Pixels whose g and a, in all their orders, take 512 KiB.
int64_t block_of(const ConvShape& shape, int64_t terms) {
    constexpr int64_t elements = 262144;
    const int64_t pixel = 2 * terms * shape.out_channels + 2 * shape.in_channels;
    return std::clamp<int64_t>(elements / pixel / amx::tile_depth * amx::tile_depth, amx::tile_depth, 512);
}

}  // namespace

const char* refuses_pointwise_backward_amx(const ConvBackward& args) {
    if (const char* reason = amx::refuses_all_but_bf16(args)) return reason;
    if (const char* reason = refuses_pointwise_backward(args)) return reason;
    if (pixel_chunks(args.shape).count() < enough_chunks) return "too few pixels beside so large a weight";
    return nullptr;
}

void run_pointwise_backward_amx(const ConvBackward& args, Context& context) {
    const ConvShape& shape = args.shape;
    const int64_t in = shape.in_channels, out = shape.out_channels;
    float *level = nullptr, *slope = nullptr;
    if (changes_gradient(args)) {
        level = context.scratch.take<float>(out);
        slope = context.scratch.take<float>(out);
        epilogue_coefficients(args, level, slope);
    }
    amx::PointwiseBackward task{
        .args = args,
        .chunks = pixel_chunks(shape),
        .block = block_of(shape, level == nullptr ? 1 : 2),
        .weight = amx::rows_matrix(static_cast<const bf16*>(args.weight), out, in, in, context),
        .level = level,
        .slope = slope,
        .streams = args.d_x.mode == GradMode::write &&
                   shape.in_pixels() * in * int64_t{sizeof(bf16)} >= past_the_caches &&
                   reinterpret_cast<uintptr_t>(args.d_x.data) % 64 == 0,
        .weight_parts = nullptr,
        .bias_parts = nullptr,
        .scale_parts = nullptr,
        .shift_parts = nullptr};
    task.chunks.size = round_up(task.chunks.size, amx::tile_depth);
    const int64_t chunks = task.chunks.count();
    const auto parts = [&](bool wanted, int64_t count) {
        return wanted ? context.scratch.take<float>(chunks * count) : nullptr;
    };
    task.weight_parts = parts(true, task.weight_part());
    task.bias_parts = parts(bool(args.d_bias), out);
    task.scale_parts = parts(bool(args.d_scale), in);
    task.shift_parts = parts(bool(args.d_shift), in);

    const PerThread<bf16> g(context, task.terms() * task.g_term());
    const PerThread<bf16> a(context, task.block * in);
    const PerThread<bf16> turned(context, task.left_terms() * task.turned_term());
    const PerThread<bf16> pairs(context, task.right_terms() * task.pairs_term());
    const PerThread<float> d_a(context, task.block * amx::panel_columns);
    const PerThread<bf16> d_x(context, task.streams ? task.block * in : 0);
    const PerThread<float> bias_sums(context, out);
    parallel_for(chunks, [&](int64_t chunk) {
        HWY_DYNAMIC_DISPATCH(run_chunk)
        (task, {g.mine(), a.mine(), turned.mine(), pairs.mine(), d_a.mine(), d_x.mine(), bias_sums.mine()},
         chunk);
    });

    const auto combine = task.turns_a() ? combine_turned<float> : combine_outer_parts<float>;
    combine(task.weight_parts, chunks, task.weight_part(), std::min(in, out), std::max(in, out),
            task.right_columns(), args.d_weight);
    if (args.d_bias) combine_sums(task.bias_parts, chunks, out, out, args.d_bias);
    if (args.d_scale) combine_sums(task.scale_parts, chunks, in, in, args.d_scale);
    if (args.d_shift) combine_sums(task.shift_parts, chunks, in, in, args.d_shift);
}

}  // namespace vitrine::cpu
#endif

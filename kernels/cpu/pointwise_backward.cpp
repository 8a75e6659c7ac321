// Both gradients of a pointwise convolution from one pass over d_y, y and x.
//
// A block of pixels is small enough that all of it stays in the L2 cache while its parts follow each other:
//
//     g = d_y through the epilogue        a = x through the prologue        read from memory, once
//     d_weight += gᵀ · a                  d_a = g · weight
//     d_x = d_a through the prologue                                        written to memory, once
//
// As three products and passes of their own the same takes d_y, y and x twice or more, and a g in memory. While a block
// is multiplied, the next one is fetched.

#include "kernels/cpu/pointwise_backward.h"

#include "kernels/cpu/channel_sums.h"
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/per_thread.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/pointwise_backward.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/conv_parts-inl.h"
#include "kernels/cpu/gemm-inl.h"
#include "kernels/cpu/gemm_gather-inl.h"

#ifndef VITRINE_KERNELS_CPU_POINTWISE_BACKWARD_ONCE
#define VITRINE_KERNELS_CPU_POINTWISE_BACKWARD_ONCE
namespace vitrine::cpu {

/// [0, pixels) in parts that differ by `unit` at most, where equal chunks would leave a short one: with few of them a thread
/// waits for another's last one. Begins of parts are begins of lines of memory, too.
struct PixelParts {
    static constexpr int64_t unit = 16;

    int64_t pixels;
    int64_t count;

    int64_t begin(int64_t part) const { return ceil_divide(pixels, unit) * part / count * unit; }
    int64_t end(int64_t part) const { return std::min(pixels, begin(part + 1)); }
    int64_t largest() const { return ceil_divide(ceil_divide(pixels, unit), count) * unit; }
};

/// What all threads share.
template <class T>
struct PointwiseBackward {
    const ConvBackward& args;
    PixelParts chunks;                        // each has its part of the sums
    int64_t block;                            // pixels that are in the cache at a time
    PanelLayout in;                           // of the input channels
    RightMatrix<Accumulate<T>> weight;        // [out, in]
    const Accumulate<T>*level, *slope;        // the epilogue's part of g; null if there is none
    bool streams;                             // d_x is written around the cache
    Accumulate<T>* weight_parts;              // [chunks, out, padded in]
    Accumulate<T>* bias_parts;                // [chunks, out]; these three null where nobody wants them
    Accumulate<T>*scale_parts, *shift_parts;  // [chunks, in]

    int64_t out_channels() const { return args.shape.out_channels; }
    int64_t in_channels() const { return args.shape.in_channels; }
};

/// A thread's own memory for a block.
template <class T>
struct PointwiseBlock {
    Accumulate<T>* g;          // [block, out]
    Accumulate<T>* a;          // [block, padded in]
    Accumulate<T>* d_a;        // [block, padded in]
    Accumulate<T>* bias_sums;  // [out]
};

}  // namespace vitrine::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {
namespace {

/// Pixels [first, first + count), which is all of a block or the rest of a chunk.
template <class T>
class BlockPass {
  public:
    BlockPass(const PointwiseBackward<T>& task, const PointwiseBlock<T>& memory, int64_t chunk, int64_t first,
              int64_t count)
        : task_(task), memory_(memory), chunk_(chunk), first_(first), count_(count) {}

    void run(bool first_of_chunk) {
        load_gradient();
        load_input();
        add_weight_gradient(first_of_chunk);
        if (task_.bias_parts != nullptr) add_bias_gradient();
        multiply_by_weight();
        put_input_gradient();
    }

  private:
    using A = Accumulate<T>;

    int64_t out() const { return task_.out_channels(); }
    int64_t in() const { return task_.in_channels(); }
    const T* rows_of(const void* tensor, int64_t channels) const {
        return static_cast<const T*>(tensor) + first_ * channels;
    }
    const A* scale() const { return static_cast<const A*>(task_.args.prologue.scale); }
    const A* shift() const { return static_cast<const A*>(task_.args.prologue.shift); }

    void load_gradient() {
        const T* d_y = rows_of(task_.args.d_y, out());
        g_ = memory_.g;
        if (task_.level != nullptr) {
            const T* y = rows_of(task_.args.y, out());
            epilogue_gradient_rows<T, A>({d_y, out()}, {y, out()}, count_, task_.level, task_.slope,
                                         static_cast<const A*>(task_.args.mean), out(), {memory_.g, out()});
        } else if constexpr (is_half_type<T>) {
            copy_row(d_y, count_ * out(), memory_.g);
        } else {
            g_ = d_y;
        }
    }

    void load_input() {
        const T* x = rows_of(task_.args.x, in());
        const int64_t padded = task_.in.padded();
        if constexpr (!is_half_type<T>) {
            a_ = x;
            if (task_.args.prologue.plain() && in() == padded) return;
        }
        prologue_rows<T, A>({x, in()}, count_, in(), scale(), shift(), task_.args.prologue.activation,
                            {memory_.a, padded});
        for (int64_t row = 0; padded > in() && row < count_; ++row)
            zero_row(padded - in(), memory_.a + row * padded + in());
        a_ = memory_.a;
    }

    /// The next block's rows of a tensor, `share` of which is fetched at each of the steps that there are.
    Prefetch next_rows(const void* tensor, int64_t channels, int64_t steps) const {
        if (tensor == nullptr) return {memory_.a, 0};
        return {rows_of(tensor, channels) + count_ * channels,
                std::max<int64_t>(1, count_ * channels / steps)};
    }

    void add_weight_gradient(bool first_of_chunk) {
        const int64_t padded = task_.in.padded();
        const int64_t steps = std::max<int64_t>(1, out() / tile_rows) * task_.in.count() * count_;
        Prefetch soon[2]{next_rows(task_.args.d_y, out(), steps), next_rows(task_.args.x, in(), steps)};
        A* sums = task_.weight_parts + chunk_ * out() * padded;
        with_vectors_of<A>(task_.in, [&](auto d) HWY_ATTR {
            for (int64_t panel = 0; panel < task_.in.count(); ++panel) {
                const int64_t column = task_.in.first_column(panel);
                const RegisterTile<A> tile{count_,
                                           g_,
                                           1,
                                           out(),
                                           a_ + column,
                                           padded,
                                           nullptr,
                                           sums + column,
                                           padded,
                                           first_of_chunk ? Store::write : Store::add,
                                           {soon[0], soon[1]}};
                multiply_panel_of<LeftOrder::columns>(d, task_.in.width(panel) / task_.in.lanes, tile, out());
                for (Prefetch& next : soon) next.advance(out() / tile_rows * count_);
            }
        });
    }

    void add_bias_gradient() {
        column_sums(g_, count_, out(), out(), memory_.bias_sums);
        add_row(memory_.bias_sums, out(), task_.bias_parts + chunk_ * out());
    }

    void multiply_by_weight() {
        const int64_t padded = task_.in.padded();
        const int64_t steps = std::max<int64_t>(1, count_ / tile_rows) * task_.in.count() * out();
        Prefetch soon = next_rows(task_.level == nullptr ? nullptr : task_.args.y, out(), steps);
        // A store waits for its line: d_x is fetched, too, where it is more than y.
        if (!task_.streams && in() > out())
            soon = {rows_of(task_.args.d_x.data, in()), std::max<int64_t>(1, count_ * in() / steps)};
        with_vectors_of<A>(task_.in, [&](auto d) HWY_ATTR {
            for (int64_t panel = 0; panel < task_.in.count(); ++panel) {
                const int64_t column = task_.in.first_column(panel);
                const RegisterTile<A> tile{out(),
                                           g_,
                                           out(),
                                           1,
                                           task_.weight.panel(panel),
                                           task_.weight.step(panel),
                                           nullptr,
                                           memory_.d_a + column,
                                           padded,
                                           Store::write,
                                           {soon, {memory_.a, 0}}};
                multiply_panel_of<LeftOrder::rows>(d, task_.in.width(panel) / task_.in.lanes, tile, count_);
                soon.advance(count_ / tile_rows * out());
            }
        });
    }

    void put_input_gradient() {
        const ConvBackward& args = task_.args;
        const int64_t padded = task_.in.padded();
        const auto sums = [&](A* parts) { return parts == nullptr ? nullptr : parts + chunk_ * in(); };
        T* d_x = static_cast<T*>(args.d_x.data) + first_ * in();
        const bool accumulate = args.d_x.mode == GradMode::accumulate;
        if (!args.prologue.plain()) {
            RowsOf<T> to{d_x, in()};
            if constexpr (!is_half_type<T>) {
                if (task_.streams) to = {memory_.d_a, padded};
            }
            prologue_gradient_rows<T, A>({rows_of(args.x, in()), in()}, {memory_.d_a, padded}, count_, in(),
                                         scale(), shift(), args.prologue.activation,
                                         {to, accumulate, sums(task_.scale_parts), sums(task_.shift_parts)});
        } else if (!task_.streams) {
            for (int64_t row = 0; row < count_; ++row) {
                const A* d_a = memory_.d_a + row * padded;
                accumulate ? add_row(d_a, in(), d_x + row * in()) : copy_row(d_a, in(), d_x + row * in());
            }
        }
        if constexpr (!is_half_type<T>) {
            if (!task_.streams) return;
            with_vectors_of<T>(task_.in,
                               [&](auto d) HWY_ATTR { stream_row(d, memory_.d_a, count_ * in(), d_x); });
            hwy::FlushStream();
        }
    }

    const PointwiseBackward<T>& task_;
    const PointwiseBlock<T>& memory_;
    int64_t chunk_, first_, count_;
    const A* g_ = nullptr;
    const A* a_ = nullptr;
};

template <class T>
void run_chunk(const PointwiseBackward<T>& task, const PointwiseBlock<T>& memory, int64_t chunk) {
    const int64_t begin = task.chunks.begin(chunk), end = task.chunks.end(chunk);
    if (task.bias_parts != nullptr)
        zero_row(task.out_channels(), task.bias_parts + chunk * task.out_channels());
    for (Accumulate<T>* parts : {task.scale_parts, task.shift_parts}) {
        if (parts != nullptr) zero_row(task.in_channels(), parts + chunk * task.in_channels());
    }
    for (int64_t first = begin; first < end; first += task.block) {
        BlockPass<T>(task, memory, chunk, first, std::min(task.block, end - first)).run(first == begin);
    }
}

void run_chunk_f32(const PointwiseBackward<float>& task, const PointwiseBlock<float>& memory, int64_t chunk) {
    run_chunk(task, memory, chunk);
}
void run_chunk_f64(const PointwiseBackward<double>& task, const PointwiseBlock<double>& memory,
                   int64_t chunk) {
    run_chunk(task, memory, chunk);
}
void run_chunk_bf16(const PointwiseBackward<bf16>& task, const PointwiseBlock<bf16>& memory, int64_t chunk) {
    run_chunk(task, memory, chunk);
}
void run_chunk_f16(const PointwiseBackward<f16>& task, const PointwiseBlock<f16>& memory, int64_t chunk) {
    run_chunk(task, memory, chunk);
}

}  // namespace
}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitrine::cpu {
namespace {

HWY_EXPORT(run_chunk_f32);
HWY_EXPORT(run_chunk_f64);
HWY_EXPORT(run_chunk_bf16);
HWY_EXPORT(run_chunk_f16);

void run_chunk(const PointwiseBackward<float>& task, const PointwiseBlock<float>& memory, int64_t chunk) {
    HWY_DYNAMIC_DISPATCH(run_chunk_f32)(task, memory, chunk);
}
void run_chunk(const PointwiseBackward<double>& task, const PointwiseBlock<double>& memory, int64_t chunk) {
    HWY_DYNAMIC_DISPATCH(run_chunk_f64)(task, memory, chunk);
}
void run_chunk(const PointwiseBackward<bf16>& task, const PointwiseBlock<bf16>& memory, int64_t chunk) {
    HWY_DYNAMIC_DISPATCH(run_chunk_bf16)(task, memory, chunk);
}
void run_chunk(const PointwiseBackward<f16>& task, const PointwiseBlock<f16>& memory, int64_t chunk) {
    HWY_DYNAMIC_DISPATCH(run_chunk_f16)(task, memory, chunk);
}

/// Pixels whose g, a and d_a take 96 KiB of f32 together, but enough of them for a tile of d_weight's sums to be worth fetching;
/// a chunk is cut evenly.
int64_t block_of(const ConvShape& shape, const PixelParts& chunks) {
    constexpr int64_t elements = 24576;
    const int64_t pixels = elements / (shape.out_channels + 2 * shape.in_channels) / 16 * 16;
    const int64_t blocks = ceil_divide(chunks.largest(), std::clamp<int64_t>(pixels, 96, 512));
    return round_up(ceil_divide(chunks.largest(), blocks), 16);
}

/// As many chunks of pixels, up to `most`, as have parts of d_weight that together take 1 / divisor of x's and y's bytes.
Chunks chunks_within(const ConvShape& shape, int64_t divisor, int64_t most) {
    const int64_t in = shape.in_channels, out = shape.out_channels, pixels = shape.in_pixels();
    const int64_t affordable = pixels * (in + out) / (divisor * in * out);
    return Chunks::of(pixels, 128, std::clamp<int64_t>(affordable, 1, most));
}

/// Where these are few, one pass is worth parts as large as x and y. Two or four threads share a number of them evenly that four
/// divides.
PixelParts one_pass_chunks(const ConvShape& shape) {
    int64_t count = pixel_chunks(shape).count();
    if (count < enough_chunks) count = chunks_within(shape, 1, enough_chunks).count();
    if (count >= enough_chunks) count = (count + 1) / 4 * 4;
    return {shape.in_pixels(), count};
}

template <class T>
void backward(const ConvBackward& args, Context& context) {
    constexpr uintptr_t line = 64;
    using A = Accumulate<T>;
    const ConvShape& shape = args.shape;
    const int64_t in = shape.in_channels, out = shape.out_channels;
    const PixelParts chunks = one_pass_chunks(shape);
    const auto parts = [&](bool wanted, int64_t size) -> A* {
        return wanted ? context.scratch.take<A>(chunks.count * size) : nullptr;
    };
    A *level = nullptr, *slope = nullptr;
    if (args.d_mean != nullptr || args.d_m2 != nullptr) {
        level = context.scratch.take<A>(out);
        slope = context.scratch.take<A>(out);
        epilogue_coefficients(args, level, slope);
    }
    const PanelLayout layout = panel_layout(dtype_of<A>, in);
    const int64_t block = block_of(shape, chunks);
    PointwiseBackward<T> task{.args = args,
                              .chunks = chunks,
                              .block = block,
                              .in = layout,
                              .weight = pack_rows(static_cast<const T*>(args.weight), out, in, context,
                                                  [in](int64_t k) { return k * in; }),
                              .level = level,
                              .slope = slope,
                              .streams = !is_half_type<T> && args.d_x.mode == GradMode::write &&
                                         layout.padded() == in && block * in * sizeof(T) % line == 0 &&
                                         reinterpret_cast<uintptr_t>(args.d_x.data) % line == 0 &&
                                         shape.in_pixels() * in * int64_t{sizeof(T)} >= past_the_caches,
                              .weight_parts = parts(true, out * layout.padded()),
                              .bias_parts = parts(bool(args.d_bias), out),
                              .scale_parts = parts(bool(args.d_scale), in),
                              .shift_parts = parts(bool(args.d_shift), in)};
    const PerThread<A> g(context, level == nullptr && !is_half_type<T> ? 0 : block * out);
    const PerThread<A> a(context, block * layout.padded());
    const PerThread<A> d_a(context, block * layout.padded());
    const PerThread<A> bias_sums(context, out);
    parallel_for(chunks.count, [&](int64_t chunk) {
        run_chunk(task, {g.mine(), a.mine(), d_a.mine(), bias_sums.mine()}, chunk);
    });

    combine_outer_parts(task.weight_parts, chunks.count, out * layout.padded(), out, in, layout.padded(),
                        args.d_weight);
    if (args.d_bias) combine_sums(task.bias_parts, chunks.count, out, out, args.d_bias);
    if (args.d_scale) combine_sums(task.scale_parts, chunks.count, in, in, args.d_scale);
    if (args.d_shift) combine_sums(task.shift_parts, chunks.count, in, in, args.d_shift);
}

}  // namespace

Chunks pixel_chunks(const ConvShape& shape) { return chunks_within(shape, 4, 64); }

const char* refuses_pointwise_backward(const ConvBackward& args) {
    if (!args.d_x || !args.d_weight) return "only one of the two gradients is wanted";
    if (one_pass_chunks(args.shape).count < enough_chunks) return "too few pixels beside so large a weight";
    return nullptr;
}

void run_pointwise_backward(const ConvBackward& args, Context& context) {
    dispatch_storage(args.dtype, [&]<class T>() { backward<T>(args, context); });
}

}  // namespace vitrine::cpu
#endif

// expanded_conv.cpp for bf16, by tile registers: the same rows, of floats between products of 16-bit numbers.
//
//     a = x through its prologue, rounded          [width, narrow]     read from memory, the only row that is
//     e = a · expansion                            [width, channels]   f32, as all that depthwise works on
//     d_e = what depthwise leaves of it            [width, channels]   f32, then in two terms
//     d_expansion += aᵀ · d_e                      sums in f32
//     d_a = d_e · expansionᵀ                       [width, narrow]     f32
//     d_x = d_a through the prologue               written to memory, once

#include "kernels/cpu/depthwise_task.h"
#include "kernels/cpu/expanded_conv.h"
#include "kernels/cpu/gemm_amx.h"
#include "kernels/cpu/per_thread.h"
#include "kernels/expanded_separately.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/expanded_conv_amx.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/conv_parts-inl.h"
#include "kernels/cpu/depthwise_backward_block-inl.h"
#include "kernels/cpu/depthwise_forward-inl.h"
#include "kernels/cpu/gemm_gather-inl.h"

#ifndef VITRINE_KERNELS_CPU_EXPANDED_CONV_AMX_ONCE
#define VITRINE_KERNELS_CPU_EXPANDED_CONV_AMX_ONCE
namespace vitrine::cpu::amx {

/// What makes a row of e.
struct Expansion {
    const bf16* x;
    int64_t narrow;      // channels of x
    int64_t width;       // pixels of a row
    int64_t channels;    // of e
    Prologue prologue;   // of x
    PairsMatrix weight;  // [narrow, channels]

    int64_t whole_width() const { return round_up(width, tile_depth); }
    int64_t tiled_width() const { return round_up(width, tile_rows); }
    int64_t whole_narrow() const { return round_up(narrow, panel_columns); }
    int64_t whole_channels() const { return round_up(channels, panel_columns); }
    int64_t panel_term() const { return whole_width() * panel_columns; }
    int64_t a_size() const { return whole_width() * whole_narrow(); }
};

struct ExpandedForward {
    const DepthwiseForward<NativeBf16>& conv;
    Expansion expansion;
};

struct ExpandedBackward {
    const DepthwiseBackward<NativeBf16>& conv;
    Expansion expansion;
    const ExpandedConvBackward& args;
    PairsMatrix weight;  // [channels, narrow]
    ExpandedSums<float> sums;
};

/// A thread's own memory.
struct ForwardMemory {
    float* depthwise;
    bf16* a;       // [whole_width, whole_narrow]
    float* panel;  // [whole_width, panel_columns]: of e
};

struct BackwardMemory {
    float* depthwise;
    bf16* a;         // [whole_width, whole_narrow]
    bf16* turned;    // [whole_narrow, whole_width]: a
    float *e, *d_e;  // [whole_width, channels]
    bf16* terms;     // [2, whole_width, panel_columns]: some of d_e
    bf16* pairs;     // the same in pairs
    float* d_a;      // [whole_width, whole_narrow]
};

}  // namespace vitrine::cpu::amx
#endif

HWY_BEFORE_NAMESPACE();
namespace vitrine::cpu::HWY_NAMESPACE {
namespace {

/// A row of a. The columns past the narrow channels are zero from the beginning.
void load_narrow_row(const amx::Expansion& task, int64_t row, bf16* a) {
    const Prologue& prologue = task.prologue;
    prologue_rows<NativeBf16, NativeBf16>({native(task.x) + row * task.width * task.narrow, task.narrow},
                                          task.width, task.narrow, static_cast<const float*>(prologue.scale),
                                          static_cast<const float*>(prologue.shift), prologue.activation,
                                          {native(a), task.whole_narrow()});
}

/// Columns [c, c + columns) of a row of e.
void make_columns(const amx::Expansion& task, const bf16* a, int64_t panel, RowsOf<float> e) {
    amx::multiply({.a = a,
                   .a_stride = task.whole_narrow(),
                   .rows = task.tiled_width(),
                   .pairs = task.weight.panel(panel),
                   .depth = task.whole_narrow(),
                   .c = e.data,
                   .c_stride = e.stride,
                   .add = false,
                   .columns = task.weight.width(panel)});
}

/// Rows for a forward pass: b, in the ring.
struct ExpandedTileRows {
    static constexpr bool may_be_direct = false;

    const amx::ExpandedForward& task;
    const amx::ForwardMemory& memory;

    RowAhead<NativeBf16> ahead(int64_t, int64_t) const { return {}; }

    void stage(int64_t image, int64_t row, float* to) const {
        const amx::Expansion& expansion = task.expansion;
        const PixelRows& source = task.conv.source;
        load_narrow_row(expansion, image * task.conv.args.shape.in.height + row, memory.a);
        for (int64_t panel = 0; panel < expansion.weight.panels(); ++panel) {
            make_columns(expansion, memory.a, panel, {memory.panel, amx::panel_columns});
            put_columns(panel * amx::panel_columns, expansion.weight.width(panel),
                        {to + source.left * source.channels, source.channels});
        }
    }

  private:
    /// The panel, through depthwise's prologue. It is padded to whole tiles, and so cannot be made in its place.
    void put_columns(int64_t c, int64_t columns, RowsOf<float> b) const {
        const Prologue& prologue = task.conv.args.prologue;
        const auto from_c = [&](const void* per_channel) {
            return per_channel == nullptr ? nullptr : static_cast<const float*>(per_channel) + c;
        };
        prologue_rows<float, float>({memory.panel, amx::panel_columns}, task.expansion.width, columns,
                                    from_c(prologue.scale), from_c(prologue.shift), prologue.activation,
                                    {b.data + c, b.stride});
    }
};

/// Rows for a backward pass: e, and where d_e goes, from which finish_row() goes on.
class RecomputedTileRows {
  public:
    using Element = float;

    RecomputedTileRows(const amx::ExpandedBackward& task, int64_t block, const amx::BackwardMemory& memory)
        : task_(task), expansion_(task.expansion), block_(block), memory_(memory) {}

    const float* x(int64_t row) const {
        load_narrow_row(expansion_, row, memory_.a);
        for (int64_t panel = 0; panel < expansion_.weight.panels(); ++panel)
            make_columns(expansion_, memory_.a, panel,
                         {memory_.e + panel * amx::panel_columns, expansion_.channels});
        return memory_.e;
    }
    float* d_x(int64_t) const { return wants_d_e(task_.args) ? memory_.d_e : nullptr; }
    RowAhead<float> x_ahead(const float*, bool) const { return {}; }
    RowAhead<float> d_x_ahead(const float*, bool) const { return {}; }

    void finish_row(int64_t row, const RowAhead<NativeBf16>& y_ahead) const {
        if (!wants_d_e(task_.args)) return;
        float* sums = task_.sums.expansion_of(block_);
        if (sums != nullptr)
            amx::transpose(memory_.a, expansion_.whole_narrow(), expansion_.width, expansion_.narrow,
                           memory_.turned, expansion_.whole_width());
        const int64_t panels = expansion_.weight.panels(), ahead = y_ahead.end - y_ahead.begin;
        for (int64_t panel = 0; panel < panels; ++panel) {
            y_ahead.prefetch(ahead * panel / panels, ceil_divide(ahead, panels * line) + 1);
            const int64_t term = expansion_.panel_term();
            amx::split_rows(memory_.d_e + panel * amx::panel_columns, expansion_.channels, expansion_.width,
                            expansion_.weight.width(panel),
                            {memory_.terms, amx::panel_columns, term, memory_.pairs, term});
            if (sums != nullptr) add_expansion_gradient(panel, sums);
            if (wants_d_a(task_.args)) add_narrow_gradient(panel);
        }
        if (wants_d_a(task_.args)) put_narrow_gradient(row);
    }

  private:
    static constexpr int64_t line = 64 / sizeof(bf16);

    RowsOf<float> d_a() const { return {memory_.d_a, expansion_.whole_narrow()}; }

    /// Of one panel of d_e's columns.
    void add_expansion_gradient(int64_t panel, float* sums) const {
        const int64_t pixels = expansion_.whole_width();
        amx::multiply({.a = memory_.turned,
                       .a_stride = pixels,
                       .rows = round_up(expansion_.narrow, amx::tile_rows),
                       .pairs = memory_.pairs,
                       .depth = pixels,
                       .c = sums + panel * amx::panel_columns,
                       .c_stride = task_.sums.stride,
                       .add = true,
                       .terms = 2,
                       .pairs_term = expansion_.panel_term(),
                       .columns = expansion_.weight.width(panel)});
    }

    /// What one panel of d_e's columns adds to d_a.
    void add_narrow_gradient(int64_t panel) const {
        for (int64_t to = 0; to < task_.weight.panels(); ++to) {
            amx::multiply({.a = memory_.terms,
                           .a_stride = amx::panel_columns,
                           .rows = expansion_.tiled_width(),
                           .pairs = task_.weight.panel(to) + panel * amx::panel_columns * amx::panel_columns,
                           .depth = amx::panel_columns,
                           .c = d_a().data + to * amx::panel_columns,
                           .c_stride = d_a().stride,
                           .add = panel > 0,
                           .terms = 2,
                           .a_term = expansion_.panel_term(),
                           .columns = round_up(task_.weight.width(to), amx::tile_rows)});
        }
    }

    void put_narrow_gradient(int64_t row) const {
        task_.args.wide_d_x ? put_narrow_gradient<float>(row) : put_narrow_gradient<NativeBf16>(row);
    }

    template <class To>
    void put_narrow_gradient(int64_t row) const {
        const int64_t narrow = expansion_.narrow, first = row * expansion_.width * narrow;
        const Prologue& prologue = expansion_.prologue;
        const auto sums = [&](float* all) { return ExpandedSums<float>::of_block(all, block_, narrow); };
        To* d_x = static_cast<To*>(task_.args.d_x.data);
        prologue_gradient_rows<NativeBf16, float, To>(
            {native(expansion_.x) + first, narrow}, {d_a().data, d_a().stride}, expansion_.width, narrow,
            static_cast<const float*>(prologue.scale), static_cast<const float*>(prologue.shift),
            prologue.activation,
            {{d_x == nullptr ? nullptr : d_x + first, narrow},
             task_.args.d_x.mode == GradMode::accumulate,
             sums(task_.sums.scale),
             sums(task_.sums.shift)});
    }

    const amx::ExpandedBackward& task_;
    const amx::Expansion& expansion_;
    int64_t block_;
    const amx::BackwardMemory& memory_;
};

void forward_block(const amx::ExpandedForward& task, int64_t block, const amx::ForwardMemory& memory) {
    zero_row(task.expansion.a_size(), memory.a);
    const amx::Registers registers;
    task.conv.blocks.run(block, ForwardBlock<NativeBf16, ExpandedTileRows>(task.conv, block, memory.depthwise,
                                                                           {task, memory}));
}

void backward_block(const amx::ExpandedBackward& task, int64_t block, const amx::BackwardMemory& memory) {
    zero_row(task.expansion.a_size(), memory.a);
    const amx::Registers registers;
    task.conv.blocks.run(block, BackwardBlock<NativeBf16, RecomputedTileRows>(
                                    task.conv, block, memory.depthwise, {task, block, memory}));
}

}  // namespace
}  // namespace vitrine::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitrine::cpu {
namespace {

HWY_EXPORT(forward_block);
HWY_EXPORT(backward_block);

template <class Args>
amx::Expansion expansion_of(const Args& args, Context& context) {
    const ConvShape& shape = args.shape;
    return {.x = static_cast<const bf16*>(args.x),
            .narrow = args.narrow,
            .width = shape.in.width,
            .channels = shape.in_channels,
            .prologue = args.narrow_prologue,
            .weight = amx::transposed_matrix(static_cast<const bf16*>(args.expansion), args.narrow,
                                             shape.in_channels, nullptr, context)};
}

template <class Args>
const char* refuses(const Args& args) {
    if (const char* reason = amx::refuses_all_but_bf16(args)) return reason;
    if (args.windows.there()) return "its input are windows";
    return refuses_rows(args);
}

}  // namespace

const char* refuses_rows_amx(const ExpandedConvForward& args) { return refuses(args); }
const char* refuses_rows_amx(const ExpandedConvBackward& args) { return refuses(args); }

void run_rows_amx(const ExpandedConvForward& args, Context& context) {
    const ConvForward wide = convolving(args, nullptr);
    const auto conv = depthwise_task<NativeBf16>(wide, context, false, false);
    const amx::ExpandedForward task{conv, expansion_of(args, context)};
    const PerThread<float> depthwise(context, conv.workspace_size());
    const PerThread<bf16> a(context, task.expansion.a_size());
    const PerThread<float> panel(context, task.expansion.whole_width() * amx::panel_columns);
    parallel_for(conv.blocks.count(), [&](int64_t block) {
        HWY_DYNAMIC_DISPATCH(forward_block)(task, block, {depthwise.mine(), a.mine(), panel.mine()});
    });
    put_moments(conv);
}

void run_rows_amx(const ExpandedConvBackward& args, Context& context) {
    // As in expanded_conv.cpp, the wish for d_e is all that there is of it.
    const ConvBackward wide =
        depthwise_gradients(args, nullptr, wants_d_e(args) ? context.scratch.take<float>(1) : nullptr);
    const auto conv = depthwise_task<NativeBf16>(wide, context, false);
    const int64_t blocks = conv.blocks.count();
    const amx::Expansion expansion = expansion_of(args, context);
    const amx::ExpandedBackward task{
        .conv = conv,
        .expansion = expansion,
        .args = args,
        .weight = amx::rows_matrix(static_cast<const bf16*>(args.expansion), expansion.channels,
                                   expansion.narrow, expansion.narrow, context),
        .sums = ExpandedSums<float>::of(args, blocks, expansion.whole_narrow(), expansion.whole_channels(),
                                        context)};
    const int64_t e_size = expansion.whole_width() * expansion.channels;
    const PerThread<float> depthwise(context, conv.workspace_size());
    const PerThread<bf16> a(context, expansion.a_size()), turned(context, expansion.a_size());
    const PerThread<float> e(context, e_size), d_e(context, e_size);
    const PerThread<bf16> terms(context, 2 * expansion.panel_term()),
        pairs(context, 2 * expansion.panel_term());
    const PerThread<float> d_a(context, expansion.a_size());
    parallel_for(blocks, [&](int64_t block) {
        clear_sums(conv, block);
        task.sums.clear(block, args.narrow);
        HWY_DYNAMIC_DISPATCH(backward_block)
        (task, block,
         {depthwise.mine(), a.mine(), turned.mine(), e.mine(), d_e.mine(), terms.mine(), pairs.mine(),
          d_a.mine()});
    });
    put_sums(conv);
    task.sums.put(args);
}

}  // namespace vitrine::cpu
#endif

// What a call of a kernel writes: to have a copy of the call write somewhere else.
#pragma once

#include "kernels/conv.h"
#include "kernels/matmul.h"
#include "kernels/norm.h"
#include "kernels/pool.h"

namespace vitrine {

/// One tensor that a call writes.
struct CallOutput {
    void*& data;  // in the argument struct; never null
    DType dtype;
    int64_t count;
    int64_t terms;     // of the sum that each element is, which may cancel to nothing; 0: of no such sum
    bool read_before;  // what it holds before the call matters

    size_t bytes() const { return static_cast<size_t>(count) * size_of(dtype); }
};

namespace call_outputs {

template <class Visit>
void visit_memory(void*& data, DType dtype, int64_t count, int64_t terms, Visit& visit,
                  bool read_before = false) {
    if (data != nullptr && count > 0) visit(CallOutput{data, dtype, count, terms, read_before});
}
template <class Visit>
void visit_gradient(Gradient& gradient, DType dtype, int64_t count, int64_t terms, Visit& visit) {
    visit_memory(gradient.data, dtype, count, terms, visit, gradient.mode == GradMode::accumulate);
}

}  // namespace call_outputs

// for_each_output(args, visit) calls visit(CallOutput) for each tensor that the call writes, the largest first.

template <class Visit>
void for_each_output(ConvForward& args, Visit&& visit) {
    const DType sums = accumulate_of(args.dtype);
    const ConvShape& s = args.shape;
    call_outputs::visit_memory(args.y, args.dtype, s.out_pixels() * s.out_channels, 0, visit);
    call_outputs::visit_memory(args.epilogue.mean, sums, s.out_channels, 1, visit);
    call_outputs::visit_memory(args.epilogue.m2, sums, s.out_channels, 0, visit);
}

template <class Visit>
void for_each_output(ConvBackward& args, Visit&& visit) {
    const DType sums = accumulate_of(args.dtype);
    const ConvShape& s = args.shape;
    call_outputs::visit_gradient(args.d_x, args.dtype, s.in_pixels() * s.in_channels, 0, visit);
    call_outputs::visit_gradient(args.d_weight, sums, s.weight_count(), 0, visit);
    call_outputs::visit_gradient(args.d_bias, sums, s.out_channels, s.out_pixels(), visit);
    call_outputs::visit_gradient(args.d_scale, sums, s.in_channels, s.in_pixels(), visit);
    call_outputs::visit_gradient(args.d_shift, sums, s.in_channels, s.in_pixels(), visit);
}

template <class Visit>
void for_each_output(LinearForward& args, Visit&& visit) {
    call_outputs::visit_memory(args.y, args.dtype, args.rows * args.out_features, 0, visit);
}

template <class Visit>
void for_each_output(LinearBackward& args, Visit&& visit) {
    const DType sums = accumulate_of(args.dtype);
    call_outputs::visit_gradient(args.d_x, args.dtype, args.rows * args.in_features, 0, visit);
    call_outputs::visit_gradient(args.d_weight, sums, args.out_features * args.in_features, 0, visit);
    call_outputs::visit_gradient(args.d_bias, sums, args.out_features, args.rows, visit);
}

template <class Visit>
void for_each_output(BatchNormForward& args, Visit&& visit) {
    const DType sums = accumulate_of(args.dtype);
    call_outputs::visit_memory(args.y, args.dtype, args.rows * args.channels, 0, visit);
    call_outputs::visit_memory(args.running_mean, sums, args.channels, 1, visit, true);
    call_outputs::visit_memory(args.running_variance, sums, args.channels, 0, visit, true);
    call_outputs::visit_memory(args.mean, sums, args.channels, 1, visit);
    call_outputs::visit_memory(args.rstd, sums, args.channels, 0, visit);
}

template <class Visit>
void for_each_output(BatchNormBackward& args, Visit&& visit) {
    const DType sums = accumulate_of(args.dtype);
    call_outputs::visit_gradient(args.d_x, args.dtype, args.rows * args.channels, 0, visit);
    call_outputs::visit_gradient(args.d_weight, sums, args.channels, args.rows, visit);
    call_outputs::visit_gradient(args.d_bias, sums, args.channels, args.rows, visit);
}

template <class Visit>
void for_each_output(AveragePoolForward& args, Visit&& visit) {
    const Size2 out = args.shape.out();
    const int64_t count = args.shape.batch * out.height * out.width * args.shape.channels;
    call_outputs::visit_memory(args.y, args.dtype, count, 0, visit);
}

template <class Visit>
void for_each_output(AveragePoolBackward& args, Visit&& visit) {
    const PoolShape& s = args.shape;
    call_outputs::visit_gradient(args.d_x, args.dtype, s.batch * s.in.height * s.in.width * s.channels, 0,
                                 visit);
}

template <class Visit>
void for_each_output(GlobalAveragePoolForward& args, Visit&& visit) {
    call_outputs::visit_memory(args.y, args.dtype, args.batch * args.channels, 0, visit);
}

template <class Visit>
void for_each_output(GlobalAveragePoolBackward& args, Visit&& visit) {
    const DType sums = accumulate_of(args.dtype);
    const int64_t rows = args.batch * args.pixels;
    call_outputs::visit_gradient(args.d_x.x, args.dtype, rows * args.channels, 0, visit);
    call_outputs::visit_gradient(args.d_x.scale, sums, args.channels, rows, visit);
    call_outputs::visit_gradient(args.d_x.shift, sums, args.channels, rows, visit);
}

}  // namespace vitrine

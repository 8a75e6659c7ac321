// Batch norm, with oneDNN's primitive. It gives the variance; rstd and the running statistics are made of it
// here.

#include <bit>
#include <cmath>

#include "kernels/cpu/onednn/library.h"
#include "kernels/cpu/onednn/onednn.h"

namespace vitrine::cpu::onednn {
namespace {

using dnnl::normalization_flags;

/// Each row an image of one pixel: of the ways to say it the fastest on the largest activations, by half.
Descriptor rows_descriptor(int64_t rows, int64_t channels) { return f32({rows, channels, 1, 1}, Tag::nhwc); }

normalization_flags flags_of(bool training) {
    const normalization_flags affine = normalization_flags::use_scale | normalization_flags::use_shift;
    return training ? affine : affine | normalization_flags::use_global_stats;
}

/// `describe` of the layouts of x and y, or of their gradients: oneDNN 2 takes one for both.
template <class Describe>
auto with_x_and_y(const Descriptor& rows, Describe describe) {
    if constexpr (takes_arguments) {
        return describe(rows, rows);
    } else {
        return describe(rows);
    }
}

/// Evaluation differs by its flag alone: its statistics are given, not taken.
dnnl::batch_normalization_forward::primitive_desc forward_descriptor(int64_t rows, int64_t channels,
                                                                     double epsilon, bool training) {
    return with_x_and_y(rows_descriptor(rows, channels), [&](const auto&... layouts) {
        return describe_forward<dnnl::batch_normalization_forward>(
            dnnl::prop_kind::forward_training, layouts..., static_cast<float>(epsilon), flags_of(training));
    });
}

/// The contract's backward is given rstd, not the variance and epsilon: 1 / rstd² with an epsilon of 0 says
/// the same.
dnnl::batch_normalization_backward::primitive_desc backward_descriptor(const BatchNormBackward& args) {
    const auto forward = forward_descriptor(args.rows, args.channels, 0.0, args.training);
    const Descriptor rows = rows_descriptor(args.rows, args.channels);
    return with_x_and_y(rows, [&](const auto&... gradients) {
        return describe_backward<dnnl::batch_normalization_backward>(
            forward, dnnl::prop_kind::backward, gradients..., rows, 0.0f, flags_of(args.training));
    });
}

struct BackwardPlan {
    explicit BackwardPlan(const BatchNormBackward& args)
        : norm(backward_descriptor(args)),
          d_x(rows_descriptor(args.rows, args.channels), rows_descriptor(args.rows, args.channels),
              args.d_x.mode) {}

    Compiled<dnnl::batch_normalization_backward> norm;
    Reorder d_x;
};

void update_running(float* running, const float* batch, double momentum, double factor, int64_t channels) {
    const float keep = static_cast<float>(1.0 - momentum);
    const float take = static_cast<float>(momentum * factor);
    for (int64_t c = 0; c < channels; ++c) running[c] = keep * running[c] + take * batch[c];
}

void finish_statistics(const BatchNormForward& args, const float* variance) {
    float* mean = static_cast<float*>(args.mean);
    float* rstd = static_cast<float*>(args.rstd);
    const float epsilon = static_cast<float>(args.epsilon);
    for (int64_t c = 0; c < args.channels; ++c) rstd[c] = 1.0f / std::sqrt(variance[c] + epsilon);
    if (args.training) {
        const double rows = static_cast<double>(args.rows);
        update_running(static_cast<float*>(args.running_mean), mean, args.momentum, 1.0, args.channels);
        update_running(static_cast<float*>(args.running_variance), variance, args.momentum,
                       rows / (rows - 1.0), args.channels);
    } else {
        const float* running_mean = static_cast<const float*>(args.running_mean);
        for (int64_t c = 0; c < args.channels; ++c) mean[c] = running_mean[c];
    }
}

}  // namespace

const char* refuses_batch_norm_forward(const BatchNormForward& args) { return refuses_dtype(args.dtype); }
const char* refuses_batch_norm_backward(const BatchNormBackward& args) { return refuses_dtype(args.dtype); }

void run_batch_norm_forward(const BatchNormForward& args, Context& context) {
    static PlanCache<Compiled<dnnl::batch_normalization_forward>> plans;
    const auto& norm =
        plans.get({args.rows, args.channels, std::bit_cast<int64_t>(args.epsilon), args.training}, [&] {
            return Compiled<dnnl::batch_normalization_forward>(
                forward_descriptor(args.rows, args.channels, args.epsilon, args.training));
        });
    const float* variance = args.training ? context.scratch.take<float>(args.channels)
                                          : static_cast<const float*>(args.running_variance);
    const void* mean = args.training ? args.mean : args.running_mean;
    const Descriptor rows = rows_descriptor(args.rows, args.channels);
    const Descriptor vector = f32_vector(args.channels);
    norm.execute({{DNNL_ARG_SRC, memory_at(rows, args.x)},
                  {DNNL_ARG_SCALE, memory_at(vector, args.weight)},
                  {DNNL_ARG_SHIFT, memory_at(vector, args.bias)},
                  {DNNL_ARG_MEAN, memory_at(vector, mean)},
                  {DNNL_ARG_VARIANCE, memory_at(vector, variance)},
                  {DNNL_ARG_DST, memory_at(rows, args.y)}},
                 context);
    finish_statistics(args, variance);
}

void run_batch_norm_backward(const BatchNormBackward& args, Context& context) {
    static PlanCache<BackwardPlan> plans;
    const BackwardPlan& plan =
        plans.get({args.rows, args.channels, args.training, static_cast<int64_t>(args.d_x.mode)},
                  [&] { return BackwardPlan(args); });
    const Descriptor rows = rows_descriptor(args.rows, args.channels);
    const Descriptor vector = f32_vector(args.channels);

    const float* rstd = static_cast<const float*>(args.rstd);
    float* variance = context.scratch.take<float>(args.channels);
    for (int64_t c = 0; c < args.channels; ++c) variance[c] = 1.0f / (rstd[c] * rstd[c]);

    float* d_weight = context.scratch.take<float>(args.channels);
    float* d_bias = context.scratch.take<float>(args.channels);
    // oneDNN always computes d_x; where nobody wants it, it goes into scratch memory.
    const dnnl::memory d_x =
        args.d_x ? plan.d_x.output(args.d_x.data, context) : scratch_memory(rows, context);
    Arguments arguments{{DNNL_ARG_SRC, memory_at(rows, args.x)},
                        {DNNL_ARG_SCALE, memory_at(vector, args.weight)},
                        {DNNL_ARG_MEAN, memory_at(vector, args.mean)},
                        {DNNL_ARG_VARIANCE, memory_at(vector, variance)},
                        {DNNL_ARG_DIFF_DST, memory_at(rows, args.d_y)},
                        {DNNL_ARG_DIFF_SRC, d_x},
                        {DNNL_ARG_DIFF_SCALE, memory_at(vector, d_weight)},
                        {DNNL_ARG_DIFF_SHIFT, memory_at(vector, d_bias)}};
    // The shift takes no part, yet oneDNN 2 asks for it; any vector will do.
    if (!takes_arguments) arguments.emplace(DNNL_ARG_SHIFT, memory_at(vector, args.weight));
    plan.norm.execute(std::move(arguments), context);
    if (args.d_x) plan.d_x.deliver(d_x, args.d_x.data, context);
    put(d_weight, args.d_weight, args.channels);
    put(d_bias, args.d_bias, args.channels);
}

}  // namespace vitrine::cpu::onednn

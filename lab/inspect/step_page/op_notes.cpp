// What there is to know of each kind of op: see op_notes.h.

#include "lab/inspect/step_page/op_notes.h"

#include <algorithm>
#include <stdexcept>

#include "kernels/activation.h"
#include "lab/inspect/step_page/as_read.h"

namespace vitrine::inspect {
namespace {

/// A list of what is saved, put together.
struct List {
    const CapturedStep& step;
    const CapturedOp& op;
    std::vector<Saved> saved{};

    void add(const char* what, int tensor) {
        if (tensor != none)
            saved.push_back({what, tensor, static_cast<double>(step.tensors[tensor].value.bytes())});
    }
    void input(const char* what, size_t i) {
        if (i < op.inputs.size()) add(what, op.inputs[i]);
    }
    void output(const char* what, size_t i) {
        if (i < op.outputs.size()) add(what, op.outputs[i]);
    }
    /// Of the op's own: so many elements, of the type of its first output.
    void own(const char* what, int64_t count) { own(what, count, size_of(value_of(op.outputs[0]).dtype())); }
    void own(const char* what, int64_t count, size_t element) {
        saved.push_back({what, none, static_cast<double>(count) * static_cast<double>(element)});
    }
    const Tensor& value_of(int tensor) const { return step.tensors[tensor].value; }
};

std::vector<Saved> of_nothing(const CapturedStep&, const CapturedOp&) { return {}; }

std::vector<Saved> of_conv(const CapturedStep& step, const CapturedOp& op) {
    List list{step, op};
    list.input("x, the input", 0);
    list.input("weight", 1);
    list.input("scale of the prologue", 3);
    list.input("shift of the prologue", 4);
    if (op.outputs.size() > 1) {
        list.output("y, the output", 0);
        list.output("mean of each channel of y", 1);
    }
    return list.saved;
}

std::vector<Saved> of_batch_norm(const CapturedStep& step, const CapturedOp& op) {
    List list{step, op};
    list.input("x, the input", 0);
    list.input("weight", 1);
    const int64_t channels = list.value_of(op.inputs[1]).count();
    list.own("mean of each channel", channels);
    list.own("1 / deviation of each channel", channels);
    return list.saved;
}

std::vector<Saved> of_normalize(const CapturedStep& step, const CapturedOp& op) {
    List list{step, op};
    list.input("mean of each channel", 0);
    list.own("1 / deviation of each channel", list.value_of(op.outputs[0]).count());
    list.input("weight", 2);
    return list.saved;
}

std::vector<Saved> of_resolve(const CapturedStep& step, const CapturedOp& op) {
    List list{step, op};
    constexpr const char* names[] = {"a", "scale of a", "shift of a", "b", "scale of b", "shift of b"};
    for (size_t i = 0; i < op.inputs.size(); ++i) list.input(names[i], i);
    const auto* activation = std::get_if<Activation>(&op.options);
    if (activation != nullptr && *activation != Activation::identity) list.output("z, the output", 0);
    return list.saved;
}

std::vector<Saved> of_global_average_pool(const CapturedStep& step, const CapturedOp& op) {
    List list{step, op};
    if (!reads_pending(op)) return list.saved;
    constexpr const char* names[] = {"x, the input", "scale, as it reads x", "shift, as it reads x"};
    for (size_t i = 0; i < op.inputs.size(); ++i) list.input(names[i], i);
    return list.saved;
}

std::vector<Saved> of_clamp(const CapturedStep& step, const CapturedOp& op) {
    List list{step, op};
    list.output("y, the output", 0);
    return list.saved;
}

std::vector<Saved> of_curve(const CapturedStep& step, const CapturedOp& op) {
    List list{step, op};
    list.input("x, the input", 0);
    return list.saved;
}

std::vector<Saved> of_max_pool(const CapturedStep& step, const CapturedOp& op) {
    List list{step, op};
    list.own("where each maximum came from", list.value_of(op.outputs[0]).count(), size_of(DType::i32));
    return list.saved;
}

std::vector<Saved> of_linear(const CapturedStep& step, const CapturedOp& op) {
    List list{step, op};
    list.input("x, the input", 0);
    list.input("weight", 1);
    return list.saved;
}

std::vector<Saved> of_loss(const CapturedStep& step, const CapturedOp& op) {
    List list{step, op};
    const Tensor& logits = list.value_of(op.inputs[0]);
    list.own("probabilities", logits.count());
    list.own("labels", logits.shape()[0], size_of(DType::i32));
    return list.saved;
}

constexpr std::string_view conv_fusion =
    "Fused, a convolution also does what its neighbours would have needed passes over memory for. It applies "
    "a pending "
    "normalisation and activation to each element as it reads it (prologue: a = activation(scale·x + "
    "shift)), and leaves "
    "mean and Σ(y − mean)² of each channel of its output for the batch norm that follows.";

std::vector<OpNote> make_notes() {
    std::vector<OpNote> notes{
        {.op = "dense_conv",
         .forward =
             "y[n,i,j,o] = bias[o] + Σ over p, q, c of weight[o,p,q,c] · x[n, i·s+p−pad, j·s+q−pad, c]",
         .backward = "d_x[n,·,·,c] = Σ weight · d_y over the outputs that read it;  d_weight[o,p,q,c] = Σ "
                     "over n, i, j "
                     "of d_y[n,i,j,o] · x[n, i·s+p−pad, j·s+q−pad, c];  d_bias[o] = Σ d_y",
         .fusion = conv_fusion,
         .reference = {"kernels/reference/dense_conv.cpp", "kernels/reference/conv_loops.h"},
         .cpu = {"kernels/cpu/dense_conv.cpp"},
         .cuda = {"kernels/cuda/dense_conv.cu"},
         .saved = of_conv},
        {.op = "depthwise_conv",
         .forward = "y[n,i,j,c] = Σ over p, q of weight[p,q,c] · x[n, i·s+p−pad, j·s+q−pad, c]",
         .backward = "d_x[n,·,·,c] = Σ weight[p,q,c] · d_y over the outputs that read it;  d_weight[p,q,c] = "
                     "Σ over n, "
                     "i, j of d_y[n,i,j,c] · x[n, i·s+p−pad, j·s+q−pad, c]",
         .fusion = conv_fusion,
         .reference = {"kernels/reference/depthwise_conv.cpp", "kernels/reference/conv_loops.h"},
         .cpu = {"kernels/cpu/depthwise_conv.cpp"},
         .cuda = {"kernels/cuda/depthwise_conv.cu"},
         .saved = of_conv},
        {.op = "pointwise_conv",
         .forward = "y[m,o] = Σ over c of weight[o,c] · x[m,c]: a matrix product, m being every pixel of "
                    "every image",
         .backward =
             "d_x[m,c] = Σ over o of weight[o,c] · d_y[m,o];  d_weight[o,c] = Σ over m of d_y[m,o] · x[m,c]",
         .fusion = conv_fusion,
         .reference = {"kernels/reference/pointwise_conv.cpp", "kernels/reference/conv_loops.h"},
         .cpu = {"kernels/cpu/pointwise_conv.cpp", "kernels/cpu/pointwise_backward.cpp"},
         .cuda = {"kernels/cuda/pointwise_conv.cu"},
         .saved = of_conv},
        {.op = "batch_norm",
         .forward = "y = (x − mean[c]) / √(variance[c] + ε) · weight[c] + bias[c], mean and variance over "
                    "all pixels of "
                    "all images",
         .backward =
             "x̂ = (x − mean) / √(variance + ε);  d_weight = Σ d_y·x̂;  d_bias = Σ d_y;  d_x = weight / "
             "√(variance + ε) · (d_y − Σd_y/M − x̂ · Σ(d_y·x̂)/M)",
         .reference = {"kernels/reference/batch_norm.cpp"},
         .cpu = {"kernels/cpu/batch_norm.cpp"},
         .cuda = {"kernels/cuda/batch_norm.cu"},
         .saved = of_batch_norm},
        {.op = "normalize",
         .forward = "scale[c] = weight[c] / √(m2[c]/M + ε);  shift[c] = bias[c] − mean[c] · scale[c]",
         .backward = "from d_scale and d_shift to d_mean, d_m2, d_weight and d_bias, channel by channel",
         .fusion = "This is batch norm without a pass over its input: scale and shift, two numbers a "
                   "channel, are all "
                   "that is computed. The normalised tensor and, behind it, the activation's output are "
                   "never written: "
                   "whoever reads this next applies both to each element. Unfused, those are two tensors "
                   "more, each as "
                   "large as the convolution's output, and two passes over memory in either direction.",
         .reference = {"kernels/reference/normalize.cpp"},
         .cpu = {"kernels/cpu/normalize.cpp"},
         .cuda = {"kernels/cuda/normalize.cu"},
         .saved = of_normalize},
        {.op = "resolve",
         .forward = "z = activation(scale_a·a + shift_a + scale_b·b + shift_b); what is absent is left out",
         .backward = "d_u = d_z where the activation lets it pass, else 0;  d_a = scale_a·d_u;  d_scale_a = "
                     "Σ d_u·a;  "
                     "d_shift_a = Σ d_u;  for b the same",
         .fusion =
             "One pass where unfused there are up to four: both batch norms, the sum and the activation.",
         .reference = {"kernels/reference/resolve.cpp"},
         .cpu = {"kernels/cpu/resolve.cpp"},
         .cuda = {"kernels/cuda/resolve.cu"},
         .saved = of_resolve},
        {.op = "add",
         .forward = "y = a + b",
         .backward = "d_a = d_y;  d_b = d_y: handed on without a pass over memory",
         .reference = {"kernels/reference/add.cpp"},
         .cpu = {"kernels/cpu/add.cpp"},
         .cuda = {"kernels/cuda/add.cu"},
         .saved = of_nothing},
        {.op = "average_pool",
         .forward = "y[n,i,j,c] = the mean of x over the window",
         .backward = "d_x = Σ d_y / (size of the window) over the windows that hold it",
         .reference = {"kernels/reference/average_pool.cpp", "kernels/reference/pool_loops.h"},
         .cpu = {"kernels/cpu/average_pool.cpp"},
         .cuda = {"kernels/cuda/average_pool.cu"},
         .saved = of_nothing},
        {.op = "global_average_pool",
         .forward = "y[n,c] = the mean of x[n,·,·,c]",
         .backward = "d_x[n,i,j,c] = d_y[n,c] / (number of pixels)",
         .fusion = "Fused, it applies a pending normalisation and activation to each element as it reads it: "
                   "the mean is of activation(scale·x + shift). Backward then reads x once more, for where "
                   "the activation lets the gradient pass and for d_scale = Σ d_u·x and d_shift = Σ d_u.",
         .reference = {"kernels/reference/global_average_pool.cpp"},
         .cpu = {"kernels/cpu/global_average_pool.cpp"},
         .cuda = {"kernels/cuda/global_average_pool.cu"},
         .saved = of_global_average_pool},
        {.op = "max_pool",
         .forward = "y[n,i,j,c] = the largest x in the window",
         .backward = "d_x = Σ d_y over the windows whose maximum it was",
         .reference = {"kernels/reference/max_pool.cpp", "kernels/reference/pool_loops.h"},
         .cpu = {"kernels/cpu/max_pool.cpp"},
         .cuda = {"kernels/cuda/max_pool.cu"},
         .saved = of_max_pool},
        {.op = "linear",
         .forward = "y[n,o] = bias[o] + Σ over i of weight[o,i] · x[n,i]",
         .backward = "d_x[n,i] = Σ over o of weight[o,i] · d_y[n,o];  d_weight[o,i] = Σ over n of d_y[n,o] · "
                     "x[n,i];  "
                     "d_bias[o] = Σ over n of d_y[n,o]",
         .reference = {"kernels/reference/linear.cpp"},
         .cpu = {"kernels/cpu/linear.cpp"},
         .cuda = {"kernels/cuda/linear.cu"},
         .saved = of_linear},
        {.op = "dropout",
         .forward = "y = x · mask / (1 − p); the mask is 0 with probability p, else 1",
         .backward = "d_x = d_y · mask / (1 − p): the mask is drawn again from its key, not kept",
         .reference = {"kernels/reference/dropout.cpp"},
         .cpu = {"kernels/cpu/dropout.cpp"},
         .cuda = {"kernels/cuda/dropout.cu"},
         .saved = of_nothing},
        {.op = "softmax_cross_entropy",
         .forward = "p[n,k] = exp(logit[n,k]) / Σ exp(logit[n,·]);  loss = −1/N · Σ over n, k of target[n,k] "
                    "· log p[n,k]",
         .backward = "d_logit[n,k] = (p[n,k] − target[n,k]) / N",
         .reference = {"kernels/reference/softmax_cross_entropy.cpp"},
         .cpu = {"kernels/cpu/softmax_cross_entropy.cpp"},
         .cuda = {"kernels/cuda/softmax_cross_entropy.cu"},
         .saved = of_loss},
        {.op = "score_batch",
         .forward = "how many labels are the class of the largest logit, and among the five largest",
         .backward = "none: it is counted, and nothing is trained by it",
         .reference = {"kernels/reference/score_batch.cpp"},
         .cpu = {"kernels/cpu/score_batch.cpp"},
         .cuda = {"kernels/cuda/score_batch.cu"},
         .saved = of_nothing},
        {.op = "reshape",
         .forward = "y = x under another shape: the same memory",
         .backward = "d_x = d_y under x's shape",
         .saved = of_nothing},
    };
    const auto activation = [&](Activation kind, std::string_view forward, std::string_view backward) {
        notes.push_back(
            {.op = name_of(kind),
             .forward = forward,
             .backward = backward,
             .reference = {"kernels/reference/activation.cpp", "kernels/reference/activation_formulas.h"},
             .cpu = {"kernels/cpu/activation.cpp"},
             .cuda = {"kernels/cuda/activation.cu"},
             .saved = is_clamp(kind) ? of_clamp : of_curve});
    };
    activation(Activation::relu, "y = max(x, 0)", "d_x = d_y where y > 0, else 0");
    activation(Activation::relu6, "y = min(max(x, 0), 6)", "d_x = d_y where 0 < y < 6, else 0");
    activation(Activation::silu, "y = x · σ(x), σ(x) = 1 / (1 + exp(−x))",
               "d_x = d_y · σ(x) · (1 + x · (1 − σ(x)))");
    activation(Activation::hard_swish, "y = x · min(max(x + 3, 0), 6) / 6",
               "d_x = d_y · (0 where x ≤ −3, 1 where x ≥ 3, else (2x + 3) / 6)");
    return notes;
}

}  // namespace

const std::vector<OpNote>& all_op_notes() {
    static const std::vector<OpNote> notes = make_notes();
    return notes;
}

const OpNote& note_of(std::string_view op) {
    const auto found = std::ranges::find(all_op_notes(), op, &OpNote::op);
    if (found == all_op_notes().end()) throw std::logic_error("no note of the op " + std::string(op));
    return *found;
}

}  // namespace vitrine::inspect

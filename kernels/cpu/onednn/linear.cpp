// The linear layer, with oneDNN's inner product. The weights keep the contract's layout, which is one that it
// multiplies well, so nothing is reordered.

#include "kernels/cpu/onednn/library.h"
#include "kernels/cpu/onednn/onednn.h"

namespace vitrine::cpu::onednn {
namespace {

struct Layouts {
    template <class Args>
    explicit Layouts(const Args& args)
        : x(f32({args.rows, args.in_features}, Tag::ab)),
          weight(f32({args.out_features, args.in_features}, Tag::ab)),
          bias(f32_vector(args.out_features)),
          y(f32({args.rows, args.out_features}, Tag::ab)),
          key{args.rows, args.in_features, args.out_features} {}

    Descriptor x, weight, bias, y;
    Key key;
};

Key with(Key key, std::initializer_list<int64_t> numbers) {
    key.insert(key.end(), numbers);
    return key;
}

dnnl::inner_product_forward::primitive_desc forward_descriptor(const Layouts& layouts, bool has_bias) {
    const auto kind = dnnl::prop_kind::forward_training;
    using Primitive = dnnl::inner_product_forward;
    if (!has_bias) return describe_forward<Primitive>(kind, layouts.x, layouts.weight, layouts.y);
    return describe_forward<Primitive>(kind, layouts.x, layouts.weight, layouts.bias, layouts.y);
}

dnnl::inner_product_backward_weights::primitive_desc weights_descriptor(const Layouts& layouts,
                                                                        bool has_bias) {
    using Primitive = dnnl::inner_product_backward_weights;
    const auto forward = forward_descriptor(layouts, has_bias);
    if (!has_bias) return describe_backward<Primitive>(forward, layouts.x, layouts.weight, layouts.y);
    return describe_backward<Primitive>(forward, layouts.x, layouts.weight, layouts.bias, layouts.y);
}

struct BackwardDataPlan {
    BackwardDataPlan(const Layouts& layouts, GradMode mode)
        : product(describe_backward<dnnl::inner_product_backward_data>(forward_descriptor(layouts, false),
                                                                       layouts.x, layouts.weight, layouts.y)),
          d_x(layouts.x, layouts.x, mode) {}

    Compiled<dnnl::inner_product_backward_data> product;
    Reorder d_x;
};

struct BackwardWeightsPlan {
    BackwardWeightsPlan(const Layouts& layouts, GradMode mode, bool has_bias)
        : product(weights_descriptor(layouts, has_bias)), d_weight(layouts.weight, layouts.weight, mode) {}

    Compiled<dnnl::inner_product_backward_weights> product;
    Reorder d_weight;
};

void backward_data(const LinearBackward& args, const Layouts& layouts, Context& context) {
    static PlanCache<BackwardDataPlan> plans;
    const BackwardDataPlan& plan = plans.get(with(layouts.key, {static_cast<int64_t>(args.d_x.mode)}),
                                             [&] { return BackwardDataPlan(layouts, args.d_x.mode); });
    const dnnl::memory d_x = plan.d_x.output(args.d_x.data, context);
    plan.product.execute({{DNNL_ARG_DIFF_DST, memory_at(layouts.y, args.d_y)},
                          {DNNL_ARG_WEIGHTS, memory_at(layouts.weight, args.weight)},
                          {DNNL_ARG_DIFF_SRC, d_x}},
                         context);
    plan.d_x.deliver(d_x, args.d_x.data, context);
}

/// d_weight and d_bias. Where d_bias alone is wanted, d_weight is computed all the same and dropped: oneDNN
/// has no primitive without it.
void backward_weights(const LinearBackward& args, const Layouts& layouts, Context& context) {
    static PlanCache<BackwardWeightsPlan> plans;
    const bool has_bias = static_cast<bool>(args.d_bias);
    const BackwardWeightsPlan& plan =
        plans.get(with(layouts.key, {static_cast<int64_t>(args.d_weight.mode), has_bias}),
                  [&] { return BackwardWeightsPlan(layouts, args.d_weight.mode, has_bias); });
    const dnnl::memory d_weight = args.d_weight ? plan.d_weight.output(args.d_weight.data, context)
                                                : scratch_memory(layouts.weight, context);
    Arguments arguments{{DNNL_ARG_SRC, memory_at(layouts.x, args.x)},
                        {DNNL_ARG_DIFF_DST, memory_at(layouts.y, args.d_y)},
                        {DNNL_ARG_DIFF_WEIGHTS, d_weight}};
    if (!has_bias) {
        plan.product.execute(std::move(arguments), context);
    } else {
        float* d_bias = context.scratch.take<float>(args.out_features);
        arguments.emplace(DNNL_ARG_DIFF_BIAS, memory_at(layouts.bias, d_bias));
        plan.product.execute(std::move(arguments), context);
        put(d_bias, args.d_bias, args.out_features);
    }
    if (args.d_weight) plan.d_weight.deliver(d_weight, args.d_weight.data, context);
}

}  // namespace

const char* refuses_linear_forward(const LinearForward& args) { return refuses_dtype(args.dtype); }
const char* refuses_linear_backward(const LinearBackward& args) { return refuses_dtype(args.dtype); }

void run_linear_forward(const LinearForward& args, Context& context) {
    static PlanCache<Compiled<dnnl::inner_product_forward>> plans;
    const Layouts layouts(args);
    const bool has_bias = args.bias != nullptr;
    const auto& product = plans.get(with(layouts.key, {has_bias}), [&] {
        return Compiled<dnnl::inner_product_forward>(forward_descriptor(layouts, has_bias));
    });
    Arguments arguments{{DNNL_ARG_SRC, memory_at(layouts.x, args.x)},
                        {DNNL_ARG_WEIGHTS, memory_at(layouts.weight, args.weight)},
                        {DNNL_ARG_DST, memory_at(layouts.y, args.y)}};
    if (has_bias) arguments.emplace(DNNL_ARG_BIAS, memory_at(layouts.bias, args.bias));
    product.execute(std::move(arguments), context);
}

void run_linear_backward(const LinearBackward& args, Context& context) {
    const Layouts layouts(args);
    if (args.d_x) backward_data(args, layouts, context);
    if (args.d_weight || args.d_bias) backward_weights(args, layouts, context);
}

}  // namespace vitrine::cpu::onednn

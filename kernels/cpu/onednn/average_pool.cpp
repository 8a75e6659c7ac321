// Average pooling, with oneDNN's primitive; padding counts as zeros.

#include "kernels/cpu/onednn/library.h"
#include "kernels/cpu/onednn/onednn.h"

namespace vitrine::cpu::onednn {
namespace {

Descriptor x_descriptor(const PoolShape& shape) {
    return f32({shape.batch, shape.channels, shape.in.height, shape.in.width}, Tag::nhwc);
}

Descriptor y_descriptor(const PoolShape& shape) {
    return f32({shape.batch, shape.channels, shape.out().height, shape.out().width}, Tag::nhwc);
}

Dimensions pair(const Size2& size) { return {size.height, size.width}; }

/// `describe` of strides, kernel, dilation (which oneDNN 3 asks for; one of 0 is none) and padding on both sides.
template <class Describe>
auto with_window(const PoolShape& shape, Describe describe) {
    const Dimensions stride = pair(shape.stride), kernel = pair(shape.kernel), padding = pair(shape.padding);
    if constexpr (takes_arguments) {
        return describe(stride, kernel, Dimensions{0, 0}, padding, padding);
    } else {
        return describe(stride, kernel, padding, padding);
    }
}

Key key_of(const PoolShape& shape) {
    return {shape.batch,          shape.in.height,    shape.in.width,      shape.channels,
            shape.kernel.height,  shape.kernel.width, shape.stride.height, shape.stride.width,
            shape.padding.height, shape.padding.width};
}

constexpr auto algorithm = dnnl::algorithm::pooling_avg_include_padding;

dnnl::pooling_forward::primitive_desc forward_descriptor(const PoolShape& shape) {
    return with_window(shape, [&](const auto&... window) {
        return describe_forward<dnnl::pooling_forward>(dnnl::prop_kind::forward_training, algorithm,
                                                       x_descriptor(shape), y_descriptor(shape), window...);
    });
}

dnnl::pooling_backward::primitive_desc backward_descriptor(const PoolShape& shape) {
    return with_window(shape, [&](const auto&... window) {
        return describe_backward<dnnl::pooling_backward>(forward_descriptor(shape), algorithm,
                                                         x_descriptor(shape), y_descriptor(shape), window...);
    });
}

struct BackwardPlan {
    explicit BackwardPlan(const PoolShape& shape, GradMode mode)
        : pool(backward_descriptor(shape)), d_x(x_descriptor(shape), x_descriptor(shape), mode) {}

    Compiled<dnnl::pooling_backward> pool;
    Reorder d_x;
};

}  // namespace

const char* refuses_average_pool_forward(const AveragePoolForward& args) { return refuses_dtype(args.dtype); }
const char* refuses_average_pool_backward(const AveragePoolBackward& args) {
    return refuses_dtype(args.dtype);
}

void run_average_pool_forward(const AveragePoolForward& args, Context& context) {
    static PlanCache<Compiled<dnnl::pooling_forward>> plans;
    const auto& pool = plans.get(
        key_of(args.shape), [&] { return Compiled<dnnl::pooling_forward>(forward_descriptor(args.shape)); });
    pool.execute({{DNNL_ARG_SRC, memory_at(x_descriptor(args.shape), args.x)},
                  {DNNL_ARG_DST, memory_at(y_descriptor(args.shape), args.y)}},
                 context);
}

void run_average_pool_backward(const AveragePoolBackward& args, Context& context) {
    if (!args.d_x) return;
    static PlanCache<BackwardPlan> plans;
    Key key = key_of(args.shape);
    key.push_back(static_cast<int64_t>(args.d_x.mode));
    const BackwardPlan& plan =
        plans.get(std::move(key), [&] { return BackwardPlan(args.shape, args.d_x.mode); });
    const dnnl::memory d_x = plan.d_x.output(args.d_x.data, context);
    plan.pool.execute(
        {{DNNL_ARG_DIFF_DST, memory_at(y_descriptor(args.shape), args.d_y)}, {DNNL_ARG_DIFF_SRC, d_x}},
        context);
    plan.d_x.deliver(d_x, args.d_x.data, context);
}

}  // namespace vitrine::cpu::onednn

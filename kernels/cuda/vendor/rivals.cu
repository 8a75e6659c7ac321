// Which kernel has which library's implementations behind ours.

#include "kernels/cuda/vendor/rivals.h"

#include <string_view>

#include "kernels/cuda/vendor/implementations.h"

namespace vitrine::VITRINE_GPU::vendor {
namespace {

using Forward = Implementation<ConvForward>;
using Backward = Implementation<ConvBackward>;

constexpr Forward dense_forward[]{{"cudnn", cudnn_refuses_forward, cudnn_dense_forward}};
constexpr Backward dense_backward[]{{"cudnn", cudnn_refuses_backward, cudnn_dense_backward}};
constexpr Forward depthwise_forward[]{{"cudnn", cudnn_refuses_forward, cudnn_depthwise_forward}};
constexpr Backward depthwise_backward[]{{"cudnn", cudnn_refuses_backward, cudnn_depthwise_backward}};
constexpr Forward pointwise_forward[]{{"cublas", cublas_refuses_pointwise_forward, cublas_pointwise_forward},
                                      {"cudnn", cudnn_refuses_forward, cudnn_dense_forward}};
constexpr Backward pointwise_backward[]{
    {"cublas", cublas_refuses_pointwise_backward, cublas_pointwise_backward},
    {"cudnn", cudnn_refuses_backward, cudnn_dense_backward}};
constexpr Implementation<LinearForward> linear_forward_list[]{
    {"cublas", cublas_refuses_linear_forward, cublas_linear_forward}};
constexpr Implementation<LinearBackward> linear_backward_list[]{
    {"cublas", cublas_refuses_linear_backward, cublas_linear_backward}};

}  // namespace

std::span<const Forward> rivals(const Kernel<ConvForward>& own) {
    const std::string_view name = own.name();
    if (name == "dense_conv_forward") return dense_forward;
    if (name == "depthwise_conv_forward") return depthwise_forward;
    if (name == "pointwise_conv_forward") return pointwise_forward;
    return {};
}

std::span<const Backward> rivals(const Kernel<ConvBackward>& own) {
    const std::string_view name = own.name();
    if (name == "dense_conv_backward") return dense_backward;
    if (name == "depthwise_conv_backward") return depthwise_backward;
    if (name == "pointwise_conv_backward") return pointwise_backward;
    return {};
}

std::span<const Implementation<LinearForward>> rivals(const Kernel<LinearForward>&) {
    return linear_forward_list;
}
std::span<const Implementation<LinearBackward>> rivals(const Kernel<LinearBackward>&) {
    return linear_backward_list;
}

}  // namespace vitrine::VITRINE_GPU::vendor

// Which kernel has which library's implementations behind ours.

#include "kernels/cuda/vendor/fallbacks.h"

#include "kernels/cuda/vendor/implementations.h"

namespace vitrine::VITRINE_GPU::vendor {
namespace {

template <class Args>
using List = Implementation<Args>[];

constexpr List<ConvForward> dense_forward{{"cudnn", cudnn_refuses_forward, cudnn_dense_forward}};
constexpr List<ConvBackward> dense_backward{{"cudnn", cudnn_refuses_backward, cudnn_dense_backward}};
constexpr List<ConvForward> depthwise_forward{{"cudnn", cudnn_refuses_forward, cudnn_depthwise_forward}};
constexpr List<ConvBackward> depthwise_backward{{"cudnn", cudnn_refuses_backward, cudnn_depthwise_backward}};
constexpr List<ConvForward> pointwise_forward{
    {"cublas", cublas_refuses_pointwise_forward, cublas_pointwise_forward},
    {"cudnn", cudnn_refuses_forward, cudnn_dense_forward}};
constexpr List<ConvBackward> pointwise_backward{
    {"cublas", cublas_refuses_pointwise_backward, cublas_pointwise_backward},
    {"cudnn", cudnn_refuses_backward, cudnn_dense_backward}};
constexpr List<LinearForward> linear_forwards{
    {"cublas", cublas_refuses_linear_forward, cublas_linear_forward}};
constexpr List<LinearBackward> linear_backwards{
    {"cublas", cublas_refuses_linear_backward, cublas_linear_backward}};
constexpr List<BatchNormForward> norm_forward{
    {"cudnn", cudnn_refuses_batch_norm_forward, cudnn_batch_norm_forward}};
constexpr List<BatchNormBackward> norm_backward{
    {"cudnn", cudnn_refuses_batch_norm_backward, cudnn_batch_norm_backward}};
constexpr List<AveragePoolForward> average_forward{
    {"cudnn", cudnn_refuses_average_pool_forward, cudnn_average_pool_forward}};
constexpr List<AveragePoolBackward> average_backward{
    {"cudnn", cudnn_refuses_average_pool_backward, cudnn_average_pool_backward}};
constexpr List<GlobalAveragePoolForward> global_forward{
    {"cudnn", cudnn_refuses_global_average_pool_forward, cudnn_global_average_pool_forward}};
constexpr List<GlobalAveragePoolBackward> global_backward{
    {"cudnn", cudnn_refuses_global_average_pool_backward, cudnn_global_average_pool_backward}};
constexpr List<MaxPoolForward> max_forward{{"cudnn", cudnn_refuses_max_pool_forward, cudnn_max_pool_forward}};
constexpr List<MaxPoolBackward> max_backward{
    {"cudnn", cudnn_refuses_max_pool_backward, cudnn_max_pool_backward}};

}  // namespace

const Fallbacks& fallbacks() {
    static constexpr Fallbacks all{.dense_conv_forward = dense_forward,
                                   .dense_conv_backward = dense_backward,
                                   .depthwise_conv_forward = depthwise_forward,
                                   .depthwise_conv_backward = depthwise_backward,
                                   .pointwise_conv_forward = pointwise_forward,
                                   .pointwise_conv_backward = pointwise_backward,
                                   .batch_norm_forward = norm_forward,
                                   .batch_norm_backward = norm_backward,
                                   .average_pool_forward = average_forward,
                                   .average_pool_backward = average_backward,
                                   .global_average_pool_forward = global_forward,
                                   .global_average_pool_backward = global_backward,
                                   .max_pool_forward = max_forward,
                                   .max_pool_backward = max_backward,
                                   .linear_forward = linear_forwards,
                                   .linear_backward = linear_backwards};
    return all;
}

}  // namespace vitrine::VITRINE_GPU::vendor

// The explicit list of what is checked: one function for each file of this folder.
#pragma once

#include <vector>

#include "lab/gradcheck/harness/check.h"

namespace vitrine::gradcheck {

std::vector<Problem> activation_problems();
std::vector<Problem> add_problems();
std::vector<Problem> augment_images_problems();
std::vector<Problem> average_pool_problems();
std::vector<Problem> batch_norm_problems();
std::vector<Problem> decide_problems();
std::vector<Problem> dense_conv_problems();
std::vector<Problem> depthwise_conv_problems();
std::vector<Problem> dropout_problems();
std::vector<Problem> ema_problems();
std::vector<Problem> expanded_conv_problems();
std::vector<Problem> expansion_moments_problems();
std::vector<Problem> global_average_pool_problems();
std::vector<Problem> l2_norm_problems();
std::vector<Problem> linear_problems();
std::vector<Problem> max_pool_problems();
std::vector<Problem> finish_images_problems();
std::vector<Problem> merge_moments_problems();
std::vector<Problem> normalize_problems();
std::vector<Problem> pointwise_conv_problems();
std::vector<Problem> resolve_problems();
std::vector<Problem> score_batch_problems();
std::vector<Problem> sgd_problems();
std::vector<Problem> softmax_cross_entropy_problems();

// The same ops at shapes of real models, which the report is about.

std::vector<Problem> activation_layers();
std::vector<Problem> add_layers();
std::vector<Problem> augment_images_layers();
std::vector<Problem> average_pool_layers();
std::vector<Problem> batch_norm_layers();
std::vector<Problem> decide_layers();
std::vector<Problem> dense_conv_layers();
std::vector<Problem> depthwise_conv_layers();
std::vector<Problem> dropout_layers();
std::vector<Problem> ema_layers();
std::vector<Problem> expanded_conv_layers();
std::vector<Problem> expansion_moments_layers();
std::vector<Problem> global_average_pool_layers();
std::vector<Problem> l2_norm_layers();
std::vector<Problem> linear_layers();
std::vector<Problem> max_pool_layers();
std::vector<Problem> finish_images_layers();
std::vector<Problem> merge_moments_layers();
std::vector<Problem> normalize_layers();
std::vector<Problem> pointwise_conv_layers();
std::vector<Problem> resolve_layers();
std::vector<Problem> score_batch_layers();
std::vector<Problem> sgd_layers();
std::vector<Problem> softmax_cross_entropy_layers();

/// All of them. An op that is not here fails as "no case".
const std::vector<Suite>& all_suites();

}  // namespace vitrine::gradcheck

// The explicit list of what is checked: one function for each file of this folder.
#pragma once

#include <vector>

#include "tools/gradcheck/harness/check.h"

namespace vitrine::gradcheck {

std::vector<Problem> activation_problems();
std::vector<Problem> add_problems();
std::vector<Problem> average_pool_problems();
std::vector<Problem> batch_norm_problems();
std::vector<Problem> dense_conv_problems();
std::vector<Problem> depthwise_conv_problems();
std::vector<Problem> dropout_problems();
std::vector<Problem> global_average_pool_problems();
std::vector<Problem> linear_problems();
std::vector<Problem> max_pool_problems();
std::vector<Problem> normalize_images_problems();
std::vector<Problem> pointwise_conv_problems();
std::vector<Problem> sgd_problems();
std::vector<Problem> softmax_cross_entropy_problems();

/// All of them. An op that is not here fails as "no case".
const std::vector<Suite>& all_suites();

}  // namespace vitrine::gradcheck

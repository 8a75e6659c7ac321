// The explicit list of what is checked.

#include "tools/gradcheck/cases/list.h"

namespace vitrine::gradcheck {

const std::vector<Suite>& all_suites() {
    static const std::vector<Suite> suites{
        {"dense_conv", dense_conv_problems},
        {"depthwise_conv", depthwise_conv_problems},
        {"pointwise_conv", pointwise_conv_problems},
        {"batch_norm", batch_norm_problems},
        {"activation", activation_problems},
        {"add", add_problems},
        {"average_pool", average_pool_problems},
        {"global_average_pool", global_average_pool_problems},
        {"max_pool", max_pool_problems},
        {"linear", linear_problems},
        {"dropout", dropout_problems},
        {"softmax_cross_entropy", softmax_cross_entropy_problems},
        {"sgd_update", sgd_problems},
        {"normalize_images", normalize_images_problems},
    };
    return suites;
}

}  // namespace vitrine::gradcheck

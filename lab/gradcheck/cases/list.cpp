// The explicit list of what is checked.

#include "lab/gradcheck/cases/list.h"

#include "lab/gradcheck/cases/norms_behind.h"

namespace vitrine::gradcheck {
namespace {

template <std::vector<Problem> (*problems)()>
std::vector<Problem> norms_behind() {
    return with_norms_behind(problems());
}

}  // namespace

const std::vector<Suite>& all_suites() {
    static const std::vector<Suite> suites{
        {"dense_conv", norms_behind<dense_conv_problems>, dense_conv_layers},
        {"depthwise_conv", norms_behind<depthwise_conv_problems>, depthwise_conv_layers},
        {"pointwise_conv", norms_behind<pointwise_conv_problems>, pointwise_conv_layers},
        {"expanded_conv", norms_behind<expanded_conv_problems>, expanded_conv_layers},
        {"expansion_moments", norms_behind<expansion_moments_problems>, expansion_moments_layers},
        {"batch_norm", batch_norm_problems, batch_norm_layers},
        {"normalize", normalize_problems, normalize_layers},
        {"merge_moments", merge_moments_problems, merge_moments_layers},
        {"resolve", norms_behind<resolve_problems>, resolve_layers},
        {"activation", activation_problems, activation_layers},
        {"add", add_problems, add_layers},
        {"average_pool", average_pool_problems, average_pool_layers},
        {"global_average_pool", norms_behind<global_average_pool_problems>, global_average_pool_layers},
        {"max_pool", max_pool_problems, max_pool_layers},
        {"linear", linear_problems, linear_layers},
        {"dropout", dropout_problems, dropout_layers},
        {"softmax_cross_entropy", softmax_cross_entropy_problems, softmax_cross_entropy_layers},
        {"score_batch", score_batch_problems, score_batch_layers},
        {"decide_update", decide_problems, decide_layers},
        {"sgd_update", sgd_problems, sgd_layers},
        {"l2_norm", l2_norm_problems, l2_norm_layers},
        {"ema_update", ema_problems, ema_layers},
        {"augment_images", augment_images_problems, augment_images_layers},
        {"finish_images", finish_images_problems, finish_images_layers},
    };
    return suites;
}

}  // namespace vitrine::gradcheck

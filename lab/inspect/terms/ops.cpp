// Which op has which terms: see ops.h.

#include "lab/inspect/terms/ops.h"

#include <map>

#include "kernels/activation.h"

namespace vitrine::inspect {

const OpTerms* terms_of(const std::string& op) {
    static const auto all = [] {
        std::map<std::string, const OpTerms*> ops{
            {"add", &add_terms},
            {"average_pool", &average_pool_terms},
            {"batch_norm", &batch_norm_terms},
            {"dense_conv", &conv_terms},
            {"depthwise_conv", &conv_terms},
            {"pointwise_conv", &conv_terms},
            {"dropout", &dropout_terms},
            {"global_average_pool", &global_average_pool_terms},
            {"linear", &linear_terms},
            {"max_pool", &max_pool_terms},
            {"normalize", &normalize_terms},
            {"reshape", &reshape_terms},
            {"resolve", &resolve_terms},
            {"softmax_cross_entropy", &softmax_cross_entropy_terms},
        };
        for (const Activation activation : all_activations) ops[name_of(activation)] = &activation_terms;
        return ops;
    }();
    const auto found = all.find(op);
    return found == all.end() ? nullptr : found->second;
}

}  // namespace vitrine::inspect

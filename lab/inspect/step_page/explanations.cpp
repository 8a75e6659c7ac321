// Why pinned elements are what they are: see explanations.h.

#include "lab/inspect/step_page/explanations.h"

#include <cmath>

#include "lab/inspect/terms/explainer.h"

namespace vitrine::inspect {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t told = 12;  // terms, the largest

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json to_json(const Term& term) {
    Json factors = Json::array();
    for (const Factor& factor : term.factors)
        factors.push_back(Json::array({factor.name, number(factor.value), factor.detail}));
    return Json::array({term.label, std::move(factors), number(term.value), term.through});
}

Json to_json(const Explanation& explanation) {
    Json terms = Json::array(), parts = Json::array();
    for (const Term& term : explanation.list.terms) terms.push_back(to_json(term));
    for (const Part& part : explanation.parts)
        parts.push_back(Json::array({part.name, part.formula, part.list.count(), number(part.list.sum)}));
    const TermList& list = explanation.list;
    return {{"formulas", explanation.formulas},
            {"terms", std::move(terms)},
            {"rest", Json::array({list.rest_count, number(list.rest_sum)})},
            {"count", list.count()},
            {"sum", number(list.sum)},
            {"stored", number(explanation.stored)},
            {"ulps", explanation.ulps()},
            {"adds_up", explanation.adds_up()},
            {"parts", std::move(parts)}};
}

}  // namespace

nlohmann::ordered_json explanations_of(const CapturedStep& step, int tensor, bool gradient,
                                       const std::vector<Pin>& pins) {
    if (!(gradient ? has_gradient_terms(step, tensor) : has_terms(step, tensor))) return nullptr;
    Explainer explainer(step, told);
    Json all = Json::array();
    for (const Pin& pin : pins)
        all.push_back(std::isfinite(pin.value) ? to_json(gradient ? explainer.gradient(tensor, pin.index)
                                                                  : explainer.value(tensor, pin.index))
                                               : Json(nullptr));
    return all;
}

}  // namespace vitrine::inspect

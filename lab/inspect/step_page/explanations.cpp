// Why pinned elements are what they are: see explanations.h.

#include "lab/inspect/step_page/explanations.h"

#include <cmath>

#include "lab/inspect/terms/explainer.h"

namespace vitrine::inspect {
namespace {

using Json = nlohmann::ordered_json;

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json to_json(const std::vector<Operand>& operands) {
    Json all = Json::array();
    for (const Operand& operand : operands)
        if (operand.tensor != none)
            all.push_back(Json::array({operand.tensor, operand.element, operand.is_gradient ? 1 : 0}));
    return all;
}

Json to_json(const Term& term, Operands operands) {
    Json factors = Json::array();
    for (const Factor& factor : term.factors) {
        Json json = Json::array({factor.name, number(factor.value), factor.detail});
        if (operands == Operands::given) json.push_back(to_json(factor.operands));
        factors.push_back(std::move(json));
    }
    return Json::array({term.label, std::move(factors), number(term.value), term.through});
}

}  // namespace

Json explanation_json(const Explanation& explanation, Operands operands) {
    Json terms = Json::array(), parts = Json::array();
    for (const Term& term : explanation.list.terms) terms.push_back(to_json(term, operands));
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

nlohmann::ordered_json explanations_of(const CapturedStep& step, int tensor, bool gradient,
                                       const std::vector<Pin>& pins) {
    if (!(gradient ? has_gradient_terms(step, tensor) : has_terms(step, tensor))) return nullptr;
    Explainer explainer(step, terms_told);
    Json all = Json::array();
    for (const Pin& pin : pins)
        all.push_back(explanation_json(
            gradient ? explainer.gradient(tensor, pin.index) : explainer.value(tensor, pin.index),
            Operands::left_out));
    return all;
}

}  // namespace vitrine::inspect

// What the server says of an element: see answer.h.

#include "lab/inspect/serve/answer.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/error.h"
#include "lab/inspect/step_page/explanations.h"
#include "lab/inspect/terms/chosen_number.h"

namespace vitrine::inspect {
namespace {

/// "gradient" or "gradient=1".
bool flag_of(const std::string& name, const std::string& value) {
    if (!value.empty() && value != "1") throw Error(fmt::format("{0}={1}: {0} has no value", name, value));
    return true;
}

void set(const std::string& name, const std::string& value, ChosenNumber& number) {
    if (name == "op") {
        number.op = value;
    } else if (name == "output") {
        number.output = value;
    } else if (name == "parameter") {
        number.parameter = value;
    } else if (name == "at") {
        number.at = value;
    } else if (name == "gradient") {
        number.gradient = flag_of(name, value);
    } else if (name == "update") {
        number.update = flag_of(name, value);
    } else {
        throw Error(fmt::format(
            "{}: there are op, output, parameter, at, gradient and update, as the options of inspect value",
            name));
    }
}

ChosenNumber number_of(const Query& query) {
    ChosenNumber number{.dashes = ""};
    for (size_t i = 0; i < query.size(); ++i) {
        const std::string& name = query[i].first;
        if (std::ranges::count(query, name, &Query::value_type::first) > 1)
            throw Error(fmt::format("{} is there more than once", name));
        set(name, query[i].second, number);
    }
    check(number);
    if (!number.is_chosen()) throw Error("op or parameter is needed: of what, as in op=images&at=0,5,7,2");
    return number;
}

}  // namespace

Answer answer_terms(const CapturedStep& step, const Query& query) {
    try {
        const ChosenNumber number = number_of(query);
        Explainer explainer(step, terms_told);
        const auto json = explanation_json(explain(explainer, step, number), Operands::given);
        return {.body = json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace)};
    } catch (const Error& error) {
        return {400, error.what()};
    }
}

}  // namespace vitrine::inspect

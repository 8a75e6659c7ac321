// What the server says of an element: the terms that made it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "lab/inspect/capture/captured_step.h"

namespace vitrine::inspect {

/// Of an address: "op=layer_1.0&at=0,5,7,12&gradient" is {{"op", "layer_1.0"}, {"at", "0,5,7,12"}, {"gradient", ""}}.
using Query = std::vector<std::pair<std::string, std::string>>;

struct Answer {
    int status = 200;    // of HTTP; 400: the query has to be put right
    std::string body{};  // JSON, as explanation_json() has it with its operands; else a sentence
};

/// The query has the names of `inspect value`'s options: op or parameter, output, at, gradient, update.
Answer answer_terms(const CapturedStep& step, const Query& query);

}  // namespace vitrine::inspect

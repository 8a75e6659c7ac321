// The page of a training step: one file for a browser, with everything inside.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "lab/inspect/source/step_source.h"

namespace vitrine::inspect {

/// What the page's script is given. `value_command` is the command that explains an element of this very step, but for
/// --op and what follows: "inspect value --model mobilenet_v2".
nlohmann::ordered_json page_data(const CapturedStep& step, const PreparedStep& prepared,
                                 const std::string& value_command);

std::string step_html(const CapturedStep& step, const PreparedStep& prepared,
                      const std::string& value_command);

/// The page without its numbers, as the build put it together from the files in lab/inspect/page/.
extern const char* const page;

}  // namespace vitrine::inspect

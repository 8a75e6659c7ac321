// The page of a training step: one file for a browser, with everything inside.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "lab/inspect/source/step_source.h"

namespace vitrine::inspect {

/// Where the page has the terms of elements from: inside it are those of pinned ones; a server answers for any.
enum class TermsFrom { page, server };

/// What the page's script is given. `value_command` is the command that explains an element of this very step, but for
/// --op and what follows: "inspect value --model mobilenet_v2".
nlohmann::ordered_json page_data(const CapturedStep& step, const PreparedStep& prepared,
                                 const std::string& value_command, TermsFrom terms = TermsFrom::page);

std::string step_html(const CapturedStep& step, const PreparedStep& prepared,
                      const std::string& value_command, TermsFrom terms = TermsFrom::page);

/// The page without its numbers, as the build put it together from the files in lab/inspect/page/.
extern const char* const page;

}  // namespace vitrine::inspect

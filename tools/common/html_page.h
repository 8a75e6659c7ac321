// Pages for a browser that hold their data.
#pragma once

#include <string>
#include <string_view>

namespace vitrine::tools {

/// The page with JSON in the place of {{data}}, which is the content of a <script> there: nothing in it can end that element.
std::string page_with_data(std::string_view page, std::string_view json);

}  // namespace vitrine::tools

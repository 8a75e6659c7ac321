// The [transforms] table of a recipe that has been read as TOML; pipeline.h has the one for text.
#pragma once

#include <string>

#include "data/transforms/pipeline.h"
#include "engine/toml_reader.h"

namespace vitrine {

/// `table` is the [transforms] table itself, `source` the recipe's name. Throws Error with the line and what
/// is allowed.
Transforms parse_transforms(const toml::table& table, const std::string& source);

}  // namespace vitrine

// One transform from its TOML table, by the name in `op`.
#pragma once

#include "data/transforms/reader.h"
#include "data/transforms/transform.h"

namespace vitrine {

/// A table is an op; an array of tables is a compose. Throws Error with the line and what is allowed.
std::shared_ptr<const Transform> parse_transform(const toml::node& node, const std::string& source);

/// Several, one after the other.
TransformList parse_transform_list(const toml::node& node, const std::string& source);

}  // namespace vitrine

// One transform from its TOML table, by the name in `op`.
#pragma once

#include "data/transforms/ops.h"
#include "data/transforms/transform.h"
#include "engine/toml_reader.h"

namespace vitrine {

inline constexpr int64_t largest_side = 16384;  // of an image, in pixels

/// Two numbers, the smaller one first.
std::optional<transforms::Range> range_in(TableReader& reader, std::string_view key, Limits limits);

/// A table is an op; an array of tables is a compose. Throws Error with the line and what is allowed.
std::shared_ptr<const Transform> parse_transform(const toml::node& node, const std::string& source);

/// Several, one after the other.
TransformList parse_transform_list(const toml::node& node, const std::string& source);

}  // namespace vitrine

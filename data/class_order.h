// The order of classes whose names come from a table or from samples, not from folders.
#pragma once

#include <set>
#include <string>
#include <vector>

namespace vitrine {

/// Numbers by their values where all names are whole numbers from 0 on, so that 0 … n-1 keep theirs; else by their
/// bytes.
std::vector<std::string> in_class_order(const std::set<std::string>& names);

}  // namespace vitrine

// Ordering classes: see class_order.h.

#include "data/class_order.h"

#include <algorithm>

namespace vitrine {
namespace {

/// Whether the text is how a whole number from 0 on is written.
bool is_index(const std::string& text) {
    constexpr size_t most_digits = 9;
    return !text.empty() && text.size() <= most_digits &&
           text.find_first_not_of("0123456789") == std::string::npos && (text == "0" || text.front() != '0');
}

}  // namespace

std::vector<std::string> in_class_order(const std::set<std::string>& names) {
    std::vector<std::string> sorted(names.begin(), names.end());
    if (std::ranges::all_of(sorted, is_index))
        std::ranges::sort(sorted, {}, [](const std::string& name) { return std::stol(name); });
    return sorted;
}

}  // namespace vitrine

// Median and extremes of measured times.
#pragma once

#include <algorithm>
#include <vector>

namespace vitrine::tools {

struct Spread {
    double minimum, median, maximum;
};

inline Spread spread_of(std::vector<double> values) {
    std::ranges::sort(values);
    const size_t middle = values.size() / 2;
    const double median =
        values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2.0;
    return {values.front(), median, values.back()};
}

}  // namespace vitrine::tools

// The table of a Poisson distribution: see poisson.h.

#include "kernels/poisson.h"

#include <cmath>

namespace vitrine {

std::vector<uint32_t> poisson_table(double rate) {
    std::vector<uint32_t> table;
    double below = 0.0;
    for (int64_t k = 0;; ++k) {
        const double number = static_cast<double>(k);
        below += std::exp(number * std::log(rate) - rate - std::lgamma(number + 1.0));
        const double scaled = std::floor(below * 0x1p32);
        // Past the bulk nothing is added any more, also where rounding has kept the sum just below 1.
        if (scaled >= 0x1p32 || (number > rate && !table.empty() && scaled == table.back())) return table;
        table.push_back(static_cast<uint32_t>(scaled));
    }
}

}  // namespace vitrine

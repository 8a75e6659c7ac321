// What of a file does not fit the model: see mismatches.h.

#include "tools/train/mismatches.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace vitrine::train {

std::string both_shapes(const std::string& in_file, const std::string& in_model) {
    return fmt::format("{} in the file, {} in the model", in_file, in_model);
}

void tell_mismatches(const std::vector<Mismatch>& mismatches, Reporter& reporter) {
    constexpr int64_t most = 8;  // of a kind
    size_t width = 0;
    for (const Mismatch& each : mismatches) width = std::max(width, each.name.size());
    for (const std::string_view what : {is_missing, is_left_over, has_another_shape}) {
        int64_t count = 0;
        for (const Mismatch& each : mismatches) {
            if (each.what != what || ++count > most) continue;
            reporter.notice(fmt::format("{:<17}  {:<{}}  {}", each.what, each.name, width, each.shapes));
        }
        if (count > most) reporter.notice(fmt::format("{:<17}  and {} more", what, count - most));
    }
}

}  // namespace vitrine::train

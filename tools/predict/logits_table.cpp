// The file of --logits: see logits_table.h.

#include "tools/predict/logits_table.h"

#include <fmt/format.h>

#include "engine/atomic_file.h"
#include "tools/common/csv.h"

namespace vitrine::predict {

LogitsTable::LogitsTable(std::span<const std::string> classes) : text_("image") {
    for (const std::string& name : classes) text_ += "," + tools::csv_field(name);
    text_ += "\n";
}

void LogitsTable::add(const std::filesystem::path& image, std::span<const float> logits) {
    text_ += tools::csv_field(image.string());
    for (const float logit : logits)
        text_ += fmt::format(",{}", logit);  // the fewest digits that give it back
    text_ += "\n";
}

void LogitsTable::write(const std::filesystem::path& file) const { write_atomically(file, {text_}); }

}  // namespace vitrine::predict

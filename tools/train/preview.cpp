// train --preview: a sheet of what augmentation makes of training images, and of what validation sees.

#include <fmt/format.h>

#include "engine/atomic_file.h"
#include "tools/preview/contact_sheet.h"
#include "tools/train/run.h"
#include "tools/train/setup.h"

namespace vitrine::train {

void write_preview_to(const std::filesystem::path& path, const Options& options, const Dataset& dataset,
                      int64_t rows) {
    constexpr int epochs = 6;
    const std::vector<uint8_t> png =
        tools::preview_sheet(dataset, transforms_for(options.recipe, dataset), static_cast<int>(rows), epochs,
                             options.recipe.seed);
    write_atomically(path, {{reinterpret_cast<const char*>(png.data()), png.size()}});
}

int write_preview(const Options& options, Reporter& reporter) {
    const Dataset dataset = load_data(options, options.recipe.data.image_size, reporter);
    const std::filesystem::path folder = options.out.empty() ? "." : options.out;
    std::filesystem::create_directories(folder);
    write_preview_to(folder / "preview.png", options, dataset, *options.preview);
    reporter.notice(
        fmt::format("{} shows {} training images", (folder / "preview.png").string(), *options.preview));
    return 0;
}

}  // namespace vitrine::train

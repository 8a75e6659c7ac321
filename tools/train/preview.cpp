// train --preview: a sheet of what augmentation makes of training images, and of what validation sees.

#include <fmt/format.h>

#include "engine/atomic_file.h"
#include "tools/preview/contact_sheet.h"
#include "tools/train/out_folder.h"
#include "tools/train/own_files.h"
#include "tools/train/run.h"
#include "tools/train/run_lock.h"
#include "tools/train/setup.h"

namespace vitrine::train {
namespace {

constexpr int shown_epochs = 6;

}  // namespace

void write_preview_sheet(const std::filesystem::path& path, const recipe::Recipe& recipe,
                         const Dataset& dataset, int64_t rows) {
    const std::vector<uint8_t> png = tools::preview_sheet(
        dataset, transforms_for(recipe, dataset), static_cast<int>(std::min(rows, dataset.train.count)),
        shown_epochs, recipe.seed);
    write_atomically(path, {{reinterpret_cast<const char*>(png.data()), png.size()}}, Links::refuse);
}

int write_preview(const Options& options, Reporter& reporter) {
    refuse_among_images(options.out.empty() ? "." : options.out, options.recipe.data.path);
    const RunLock lock(options.out.empty() ? "." : options.out);  // not into the folder of a live run
    const std::filesystem::path& folder = lock.folder();
    if (!options.out.empty()) check_own_files(folder);
    const Dataset dataset = load_data(options, reporter);
    write_preview_sheet(folder / preview_file, options.recipe, dataset, *options.preview);
    reporter.notice(
        fmt::format("{} shows {} training images", (folder / preview_file).string(), *options.preview));
    return 0;
}

}  // namespace vitrine::train

// The images to classify: see inputs.h.

#include "tools/predict/inputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "data/file_listing.h"
#include "data/image.h"
#include "data/parallel.h"
#include "engine/escape.h"

namespace vitrine::predict {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> unescaped(const std::vector<std::string>& classes) {
    std::vector<std::string> names;
    for (const std::string& name : classes) names.push_back(unescape(name));
    return names;
}

void add_folder(Inputs& inputs, const fs::path& folder) {
    FileListing found = list_images(folder, "");
    if (found.images.empty()) {
        const auto damaged = std::ranges::find(found.skipped, SkippedKind::damaged, &SkippedFile::kind);
        const std::string why =
            damaged == found.skipped.end() ? "" : fmt::format(" ({}: {})", damaged->path, damaged->reason);
        throw Error(fmt::format("there is no image in the folder {}{}", escape(folder.string()), why));
    }
    for (const ImageFile& image : found.images) inputs.images.push_back(folder / image.path);
    std::ranges::copy_if(found.skipped, std::back_inserter(inputs.skipped),
                         [](const SkippedFile& file) { return file.kind != SkippedKind::no_image; });
}

/// The tables of the only input, which may be one.
void use_tables(Inputs& inputs, const Options& options, const std::vector<std::string>& classes) {
    const fs::path input = options.inputs.front();
    const ColumnChoice choice{options.image_column, options.label_column};
    inputs.table = find_answer_table(input, choice, unescaped(classes));
    if (!inputs.table) {
        if (!options.csv.empty()) inputs.style = find_answer_style(input);
        return;
    }
    std::set<fs::path> seen;
    for (const fs::path& image : inputs.table->images) {
        if (!image.empty() && seen.insert(image).second) inputs.images.push_back(image);
    }
    inputs.skipped = inputs.table->skipped;
}

}  // namespace

Inputs find_images(const Options& options, const std::vector<std::string>& classes) {
    Inputs all;
    const bool single = options.inputs.size() == 1;
    for (const std::string& input : options.inputs) {
        std::error_code failure;
        if (!fs::exists(input, failure))
            throw Error(fmt::format("there is no file or folder {}", escape(input)));
        const bool is_folder = fs::is_directory(input, failure);
        if (single && (!is_folder || !options.csv.empty())) use_tables(all, options, classes);
        if (all.table) break;
        if (is_folder) {
            add_folder(all, input);
        } else {
            all.images.emplace_back(input);
        }
    }
    return all;
}

Decoded decode(std::span<const fs::path> paths, const Keeping& keeping, Turning turning, int threads) {
    std::vector<Image> images(paths.size());
    std::vector<std::optional<std::string>> failures(paths.size());
    parallel_for(static_cast<int64_t>(paths.size()), threads, [&](int64_t index) {
        const auto i = static_cast<size_t>(index);
        try {
            Image whole = read_image(paths[i], nullptr, turning);
            const int orientation = whole.orientation;
            images[i] = keep(std::move(whole), keeping, escape(paths[i].string()));
            images[i].orientation = orientation;
        } catch (const ImageError& error) {
            failures[i] = error.what();
        }
    });
    Decoded decoded;
    std::vector<Image> kept;
    for (size_t i = 0; i < paths.size(); ++i) {
        if (failures[i]) {
            decoded.failures.push_back(*failures[i]);
            continue;
        }
        decoded.paths.push_back(paths[i]);
        decoded.oriented += images[i].orientation != 1;
        kept.push_back(std::move(images[i]));
    }
    decoded.images = unlabelled_set(kept);
    return decoded;
}

}  // namespace vitrine::predict

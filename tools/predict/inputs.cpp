// The images to classify: see inputs.h.

#include "tools/predict/inputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "data/file_listing.h"
#include "data/image.h"
#include "data/parallel.h"
#include "data/resize.h"
#include "engine/escape.h"

namespace vitrine::predict {
namespace {

namespace fs = std::filesystem;

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

}  // namespace

Inputs find_images(const std::vector<std::string>& inputs) {
    Inputs all;
    for (const std::string& input : inputs) {
        std::error_code failure;
        if (!fs::exists(input, failure))
            throw Error(fmt::format("there is no file or folder {}", escape(input)));
        if (fs::is_directory(input, failure)) {
            add_folder(all, input);
        } else {
            all.images.emplace_back(input);
        }
    }
    return all;
}

Decoded decode(std::span<const fs::path> paths, int64_t side, Turning turning, int threads) {
    std::vector<Image> images(paths.size());
    std::vector<std::optional<std::string>> failures(paths.size());
    parallel_for(static_cast<int64_t>(paths.size()), threads, [&](int64_t index) {
        const auto i = static_cast<size_t>(index);
        try {
            const Image whole = read_image(paths[i], nullptr, turning);
            images[i] = resize_and_crop(whole, side);
            images[i].orientation = whole.orientation;
        } catch (const ImageError& error) {
            failures[i] = error.what();
        }
    });
    Decoded decoded;
    std::vector<uint8_t> pixels;
    for (size_t i = 0; i < paths.size(); ++i) {
        if (failures[i]) {
            decoded.failures.push_back(*failures[i]);
            continue;
        }
        decoded.paths.push_back(paths[i]);
        decoded.oriented += images[i].orientation != 1;
        pixels.insert(pixels.end(), images[i].pixels.begin(), images[i].pixels.end());
    }
    decoded.images = unlabelled_set(std::move(pixels), std::ssize(decoded.paths), side);
    return decoded;
}

}  // namespace vitrine::predict

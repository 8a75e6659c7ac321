// The images to classify: see inputs.h.

#include "tools/predict/inputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "data/image.h"
#include "data/parallel.h"
#include "data/resize.h"

namespace vitrine::predict {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> images_below(const fs::path& folder) {
    std::vector<fs::path> found;
    try {
        for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
            if (entry.is_regular_file() && has_image_extension(entry.path())) found.push_back(entry.path());
        }
    } catch (const fs::filesystem_error& error) {
        throw Error(fmt::format("cannot read the folder {}: {}", folder.string(), error.code().message()));
    }
    if (found.empty()) throw Error(fmt::format("there is no image in the folder {}", folder.string()));
    std::ranges::sort(found);
    return found;
}

}  // namespace

std::vector<fs::path> find_images(const std::vector<std::string>& inputs) {
    std::vector<fs::path> all;
    for (const std::string& input : inputs) {
        std::error_code failure;
        if (!fs::exists(input, failure)) throw Error(fmt::format("there is no file or folder {}", input));
        if (fs::is_directory(input, failure)) {
            std::ranges::copy(images_below(input), std::back_inserter(all));
        } else {
            all.emplace_back(input);
        }
    }
    return all;
}

Decoded decode(std::span<const fs::path> paths, int64_t side, int threads) {
    std::vector<Image> images(paths.size());
    std::vector<std::optional<std::string>> failures(paths.size());
    parallel_for(static_cast<int64_t>(paths.size()), threads, [&](int64_t index) {
        const auto i = static_cast<size_t>(index);
        try {
            images[i] = resize_and_crop(read_image(paths[i]), side);
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
        pixels.insert(pixels.end(), images[i].pixels.begin(), images[i].pixels.end());
    }
    decoded.images = unlabelled_set(std::move(pixels), std::ssize(decoded.paths), side);
    return decoded;
}

}  // namespace vitrine::predict

// The images to classify: see inputs.h.

#include "tools/predict/inputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
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

ImageSet set_of(std::vector<uint8_t> pixels, int64_t count, int64_t side) {
    ImageSet set;
    set.count = count;
    set.height = set.width = side;
    set.labels.resize(static_cast<size_t>(count));
    set.rows.resize(static_cast<size_t>(count));
    std::iota(set.rows.begin(), set.rows.end(), int64_t{0});
    const auto owner = std::make_shared<const std::vector<uint8_t>>(std::move(pixels));
    set.pixels = {owner, owner->data(), count};
    return set;
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
    decoded.images = set_of(std::move(pixels), std::ssize(decoded.paths), side);
    return decoded;
}

Batch all_of(const ImageSet& images) {
    Batch batch;
    batch.count = images.count;
    batch.labels = images.labels;
    batch.samples = images.rows;
    batch.images.assign(images.pixels.data, images.pixels.data + images.count * images.image_bytes());
    return batch;
}

}  // namespace vitrine::predict

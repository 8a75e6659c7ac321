// Access to a set of images and its statistics: see image_set.h.

#include "data/image_set.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "engine/error.h"

namespace vitrine {

ImagePlace ImageSet::place(int64_t i) const {
    const int64_t row = rows.at(static_cast<size_t>(i));
    if (row < 0 || row >= pixels.images) throw std::out_of_range("ImageSet: a sample points past its pixels");
    if (pixels.places) return pixels.places->at(static_cast<size_t>(row));
    return place_among_equals(row, height, width);
}

const uint8_t* ImageSet::image(int64_t i) const {
    const ImagePlace at = place(i);
    if (pixels.file) pixels.file->check(rows[static_cast<size_t>(i)]);
    return pixels.data + at.offset;
}

void ImageSet::fetch(std::span<const int64_t> samples) const {
    if (!pixels.file) return;
    std::vector<int64_t> wanted;
    for (const int64_t sample : samples) wanted.push_back(rows.at(static_cast<size_t>(sample)));
    pixels.file->fetch(wanted);
}

int64_t ImageSet::bytes() const {
    int64_t sum = 0;
    for (int64_t i = 0; i < count; ++i) sum += place(i).bytes();
    return sum;
}

ImageSet ImageSet::select(const std::vector<int64_t>& samples) const {
    ImageSet chosen{static_cast<int64_t>(samples.size()), height, width, {}, {}, pixels};
    for (const int64_t sample : samples) {
        chosen.labels.push_back(labels.at(static_cast<size_t>(sample)));
        chosen.rows.push_back(rows.at(static_cast<size_t>(sample)));
    }
    return chosen;
}

std::string ImageSet::name(int64_t i) const {
    return pixels.names ? pixels.names->at(static_cast<size_t>(rows.at(static_cast<size_t>(i)))) : "";
}

namespace {

void append(ImageSet& set, const ImageSet& more) {
    set.labels.insert(set.labels.end(), more.labels.begin(), more.labels.end());
    set.rows.insert(set.rows.end(), more.rows.begin(), more.rows.end());
    set.count += more.count;
}

/// Both sets' samples on a block of their own, row i belonging to sample i.
ImageSet copied_together(const ImageSet& first, const ImageSet& second) {
    ImageSet set{0, first.height, first.width, first.labels, {}, {}};
    set.labels.insert(set.labels.end(), second.labels.begin(), second.labels.end());
    set.count = first.count + second.count;
    const auto pixels =
        std::make_shared_for_overwrite<uint8_t[]>(static_cast<size_t>(first.bytes() + second.bytes()));
    const auto names = std::make_shared<std::vector<std::string>>();
    const auto places = std::make_shared<std::vector<ImagePlace>>();
    int64_t end = 0;
    for (const ImageSet* each : {&first, &second}) {
        for (int64_t i = 0; i < each->count; ++i) {
            ImagePlace place = each->place(i);
            place.offset = end;
            std::copy_n(each->image(i), place.bytes(), pixels.get() + place.offset);
            end += place.bytes();
            places->push_back(place);
            names->push_back(each->name(i));
            set.rows.push_back(std::ssize(set.rows));
        }
    }
    set.pixels = {
        .owner = pixels, .data = pixels.get(), .images = set.count, .names = names, .places = places};
    return set;
}

}  // namespace

Image copied_image(const ImageSet& set, int64_t i) {
    const ImagePlace place = set.place(i);
    const uint8_t* pixels = set.image(i);
    return {place.height, place.width, {pixels, pixels + place.bytes()}};
}

ImageSet joined(const ImageSet& first, const ImageSet& second) {
    if (second.count == 0) return first;
    if (first.count == 0) return second;
    if (first.height != second.height || first.width != second.width)
        throw Error("two parts of a data set have images of different sizes");
    if (first.pixels.data != second.pixels.data) return copied_together(first, second);
    ImageSet set = first;
    append(set, second);
    return set;
}

ImageSet unlabelled_set(std::span<const Image> images) {
    ImageSet set;
    set.count = std::ssize(images);
    set.labels.resize(images.size());
    set.rows.resize(images.size());
    std::iota(set.rows.begin(), set.rows.end(), int64_t{0});
    const auto pixels = std::make_shared<std::vector<uint8_t>>();
    const auto places = std::make_shared<std::vector<ImagePlace>>();
    for (const Image& image : images) {
        places->push_back(
            {std::ssize(*pixels), static_cast<int32_t>(image.height), static_cast<int32_t>(image.width)});
        pixels->insert(pixels->end(), image.pixels.begin(), image.pixels.end());
    }
    const bool one_size = std::ranges::all_of(images, [&](const Image& image) {
        return image.height == images[0].height && image.width == images[0].width;
    });
    if (one_size && !images.empty()) {
        set.height = images[0].height;
        set.width = images[0].width;
    }
    set.pixels = {.owner = pixels, .data = pixels->data(), .images = set.count, .places = places};
    return set;
}

namespace {

/// Exact sums over pixels.
struct ChannelSums {
    std::array<uint64_t, 3> sum{}, sum_of_squares{};
    uint64_t pixels = 0;

    void add(const uint8_t* image, int64_t count) {
        for (int64_t p = 0; p < count; ++p) {
            for (size_t c = 0; c < 3; ++c) {
                const uint32_t value = image[3 * p + static_cast<int64_t>(c)];
                sum[c] += value;
                sum_of_squares[c] += value * value;
            }
        }
        pixels += static_cast<uint64_t>(count);
    }
};

}  // namespace

ChannelStatistics channel_statistics(const ImageSet& set) {
    constexpr int64_t largest_scan = int64_t{256} << 20;
    constexpr size_t fetched_together = 256;
    const int64_t step = std::max<int64_t>(1, (set.bytes() + largest_scan - 1) / largest_scan);
    std::vector<int64_t> samples;
    for (int64_t i = 0; i < set.count; i += step) samples.push_back(i);
    ChannelSums sums;
    for (size_t first = 0; first < samples.size(); first += fetched_together) {
        const auto together =
            std::span(samples).subspan(first, std::min(fetched_together, samples.size() - first));
        set.fetch(together);
        for (const int64_t i : together) sums.add(set.image(i), set.place(i).bytes() / 3);
    }
    ChannelStatistics statistics;
    for (size_t c = 0; c < 3; ++c) {
        const double count = static_cast<double>(std::max<uint64_t>(sums.pixels, 1));
        const double mean = static_cast<double>(sums.sum[c]) / count;
        const double variance = static_cast<double>(sums.sum_of_squares[c]) / count - mean * mean;
        statistics.mean[c] = static_cast<float>(mean / 255.0);
        statistics.stddev[c] = static_cast<float>(std::max(std::sqrt(std::max(variance, 0.0)), 1.0) / 255.0);
    }
    return statistics;
}

}  // namespace vitrine

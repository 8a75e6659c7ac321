// A labelled set of images, as the loader reads it: pixels anywhere in memory, rows in any order. Its images have one
// size, or each its own.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "data/image.h"
#include "engine/augment.h"

namespace vitrine {

/// The file that pixels are mapped from. It may be larger than the memory, so that they are read, and held against
/// their checksums, as they are needed. All of it may be called from several threads.
class PixelFile {
  public:
    virtual ~PixelFile() = default;
    /// Throws Error where the file was changed under the mapping. Asked after pixels were read.
    virtual void require_intact() const = 0;
    /// Reads the pixels of a row the first time, and throws Error where they are not those that were written.
    virtual void check(int64_t row) const = 0;
    /// Brings the pixels of these rows into memory, all together rather than one after the other; checks them.
    virtual void fetch(std::span<const int64_t> rows) const = 0;
    /// XXH3 of 64 bits of the pixels that were written.
    virtual uint64_t hash(int64_t row) const = 0;
};

/// A read-only block of images, u8 RGB: memory, or a mapped file. Equally large ones lie one after the other,
/// [images, height, width, 3]; others lie at their `places`. Copies share the block; `owner` keeps it alive.
struct PixelBlock {
    std::shared_ptr<const void> owner;
    const uint8_t* data = nullptr;
    int64_t images = 0;
    /// Null: memory.
    std::shared_ptr<const PixelFile> file = {};
    /// What each image is called: the path of its file below the data set's folder, or its number in its
    /// file. Null: they have no names.
    std::shared_ptr<const std::vector<std::string>> names = {};
    /// Where each image is, [images]. Null: they are all of one size.
    std::shared_ptr<const std::vector<ImagePlace>> places = {};

    /// Throws Error where a mapped file was changed under the block. Asked after pixels were read.
    void require_intact() const {
        if (file) file->require_intact();
    }
};

/// One part of a data set (training or validation). Sample i is row rows[i] of the block.
struct ImageSet {
    int64_t count = 0;
    int64_t height = 0;  // of every image; 0: each has its own size
    int64_t width = 0;
    std::vector<int32_t> labels;  // [count], each in 0 … classes-1
    std::vector<int64_t> rows;    // [count]
    PixelBlock pixels;

    /// Where in the block sample i is, and its size. Throws std::out_of_range where i or its row does not exist.
    ImagePlace place(int64_t i) const;

    /// The pixels [height, width, 3] of sample i. Throws as place() does, and Error where they are damaged.
    const uint8_t* image(int64_t i) const;

    /// Brings the pixels of these samples into memory, where they are in a file. Throws as image() does.
    void fetch(std::span<const int64_t> samples) const;

    /// Bytes of the images of all samples.
    int64_t bytes() const;

    /// What sample i is called; empty where images have no names.
    std::string name(int64_t i) const;

    /// The samples with these indices, in this order, on the same pixels.
    ImageSet select(const std::vector<int64_t>& samples) const;
};

/// Sample i as an image of its own.
Image copied_image(const ImageSet& set, int64_t i);

/// The samples of both, those of `first` before the others. Sets of one block go on sharing it; else the
/// pixels of all are copied into a new one. Throws Error where the images differ in size.
ImageSet joined(const ImageSet& first, const ImageSet& second);

/// Sample i is images[i], and its label 0.
ImageSet unlabelled_set(std::span<const Image> images);

/// Mean and deviation of each channel, in the units that a model sees: pixel / 255.
struct ChannelStatistics {
    std::array<float, 3> mean{};
    std::array<float, 3> stddev{};  // never below 1/255, so that dividing by it is safe
};

/// Over all pixels of the set or, above 256 MiB, over evenly spaced images that make up 256 MiB. Exact
/// integer sums: the result does not depend on the number of threads or the order.
ChannelStatistics channel_statistics(const ImageSet& set);

}  // namespace vitrine

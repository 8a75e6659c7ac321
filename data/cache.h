// The packed cache: a folder of images decoded once into one file of u8 pixels, mapped into memory ever after.
//
// One cache file serves one (folder, way of keeping its images (keeping.h), turning). It holds, in the byte order of the
// machine:
//   header: CacheHeader (cache_file.h), with magic, version, key, counts, checksums;
//   pixels, from byte 4096: one decoded image after the other, [height, width, 3], each from a multiple of 64 on, in the
//     order in which they were decoded: the same folder gives the same pixels, but not the same file;
//   files, for each listed one: how many bytes of it were read, and their hash (ContentHash); where its pixels are, its
//     height, its width (ImagePlace), and their hash; nothing of the latter for one that was skipped;
//   undecoded, for each file that could not be decoded: its index, the length of the reason, the reason.
// The header also counts the images that say how the camera was held (Image::orientation).
// The key is the XXH3 128-bit hash of the folder's path, how images are kept, whether they are turned upright,
// the format's version, which image formats the build reads, and the list of (relative path, size, times of
// last change of content and of status, inode): any change to the folder makes another key, and the file is
// rebuilt. So is a file that is cut short, damaged, whose counts, indices, places and lengths do not fit what is there (a
// checksum finds damage, not lies), or that is not a cache at all.
//
// Pixels are not read when a cache is opened: it may be larger than the memory. An image is held against its hash when it
// is first needed; where it is damaged, that is an Error, and the cache is removed (mapped_cache.h).
//
// A new cache is written beside its place under a name that nobody can foresee, flushed to the disk and
// renamed: a killed run leaves nothing half-written in the place, and the next builder removes what it left.
// Runs that build the same cache at the same time wait for the first, at NAME.lock, and share its work.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/image.h"

namespace vitrine {

/// One file of a folder of images. Two files of one size written within a tick of the clock, or whose time
/// was set back, as copying and restoring do, still differ in their inode or in the time at which their
/// status changed, which nobody can set.
struct ImageFile {
    std::string path;  // below the folder
    uint64_t bytes = 0;
    int64_t changed = 0;         // nanoseconds since 1970
    int64_t status_changed = 0;  // nanoseconds since 1970
    uint64_t inode = 0;
    /// Where its bytes are, if they are a part of an archive below the folder, of which the times and the inode
    /// are then; empty: in a file of its own.
    std::string archive = {};
    uint64_t offset = 0;
};

/// The entry of the file at `path`, which is below the folder, by what stat() says of it.
ImageFile describe_file(std::string path, const struct stat& status);

struct PackOptions {
    Keeping keeping{ImageShape::square, 64};
    Turning turning = Turning::as_stored;
    bool strict = false;
    std::filesystem::path cache_folder;  // empty: default_cache_folder()
    int threads = 0;
    ProgressCallback progress;
    bool verify = false;  // read all files and compare them with what the cache was made of; check all pixels
};

/// A file that has no pixels, by its index in the list.
struct UndecodedFile {
    int64_t index = 0;
    std::string reason;
};

struct PackedImages {
    PixelBlock pixels;                     // row i belongs to file i, and has no place if it is undecoded
    std::vector<UndecodedFile> undecoded;  // in the order of their indices
    int64_t oriented = 0;  // images that say that they are to be turned, whether they were or not
    bool from_cache = false;
    std::vector<std::string> notices;
};

/// Decodes every file and keeps it as asked, or maps the cache of an earlier run. A damaged file is listed in
/// `undecoded`, from the cache too; with `strict` the first one is thrown. Where the cache cannot be written,
/// a notice says so and the pixels are kept in memory.
PackedImages pack_images(const std::filesystem::path& root, const std::vector<ImageFile>& files,
                         const PackOptions& options);

/// Whether a file begins like a packed cache. Never waits.
bool is_packed_cache(const std::filesystem::path& file);

/// $XDG_CACHE_HOME/vitrine or ~/.cache/vitrine; empty where neither variable is set.
std::filesystem::path default_cache_folder();

/// The cache file of a folder of images: NAME-SIDE-HASH.images for squares, HASH being that of the folder's full path;
/// NAME-aspect-SIDE-HASH.images, NAME-original-HASH.images and, with a limit, NAME-original-SIDE-HASH.images; NAME-…-upright-HASH.images where they are turned.
std::filesystem::path cache_file(const std::filesystem::path& cache_folder, const std::filesystem::path& root,
                                 const Keeping& keeping, Turning turning = Turning::as_stored);

}  // namespace vitrine

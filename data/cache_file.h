// The packed cache as a file: what is in it, and opening one that may hold anything. cache.h has the layout.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <vector>

#include "data/cache.h"
#include "data/image.h"

namespace vitrine {

struct CacheKey {
    uint64_t low = 0;
    uint64_t high = 0;
    bool operator==(const CacheKey&) const = default;
};

/// `formats` are those that the build reads (readable_formats): another build may decode what this one could
/// not.
CacheKey cache_key(const std::filesystem::path& root, const std::vector<ImageFile>& files, int64_t image_size,
                   Turning turning, const std::string& formats);

/// What a cache has to be of.
struct CacheSubject {
    CacheKey key;
    size_t files = 0;
    int64_t image_size = 0;

    size_t image_bytes() const { return static_cast<size_t>(3 * image_size * image_size); }
    size_t pixel_bytes() const { return image_bytes() * files; }
};

/// What the files came to.
struct CacheRecords {
    std::vector<ContentHash> contents;     // [files]
    std::vector<UndecodedFile> undecoded;  // ascending
    uint64_t oriented = 0;                 // images whose orientation is not 1
};

struct CacheHeader {
    char magic[8] = {'V', 'i', 't', 'r', 'I', 'm', 'g', '\n'};
    uint32_t version = 3;
    uint32_t image_size = 0;
    CacheKey key;
    uint64_t files = 0;
    uint64_t undecoded = 0;
    uint64_t oriented = 0;
    uint64_t file_bytes = 0;
    uint64_t pixels_hash = 0;
    uint64_t records_hash = 0;  // of everything after the pixels
    uint64_t header_hash = 0;   // of everything above
};
static_assert(sizeof(CacheHeader) == 88);

inline constexpr size_t cache_pixels_offset = 4096;

/// The bytes that follow the pixels.
std::vector<uint8_t> pack_records(const CacheRecords& records);

/// The header of a cache with these pixels and records, its checksums included.
CacheHeader make_header(const CacheSubject& subject, const CacheRecords& records,
                        std::span<const uint8_t> pixels, std::span<const uint8_t> packed_records);

struct OpenCache {
    PixelBlock pixels;
    CacheRecords records;
};

/// Maps a cache file; nothing where there is none, where it is no regular file, or where it is not, or no
/// longer, the cache of this subject.
std::optional<OpenCache> open_cache(const std::filesystem::path& path, const CacheSubject& subject);

}  // namespace vitrine

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
CacheKey cache_key(const std::filesystem::path& root, const std::vector<ImageFile>& files,
                   const Keeping& keeping, Turning turning, const std::string& formats);

/// What a cache has to be of.
struct CacheSubject {
    CacheKey key;
    size_t files = 0;
    Keeping keeping;

    /// What the pixels take at least, if all files are images.
    size_t least_pixel_bytes() const;
};

/// What a file came to.
struct FileRecord {
    ContentHash content;
    ImagePlace place;          // from the beginning of the pixels on; nothing where the file was not decoded
    uint64_t pixels_hash = 0;  // XXH3 of 64 bits
};
static_assert(sizeof(FileRecord) == 40);  // no padding

struct CacheRecords {
    std::vector<FileRecord> files;
    std::vector<UndecodedFile> undecoded;  // ascending
    uint64_t oriented = 0;                 // images whose orientation is not 1
};

struct CacheHeader {
    char magic[8] = {'V', 'i', 't', 'r', 'I', 'm', 'g', '\n'};
    uint32_t version = 4;
    uint32_t shape = 0;
    CacheKey key;
    uint64_t side = 0;
    uint64_t files = 0;
    uint64_t undecoded = 0;
    uint64_t oriented = 0;
    uint64_t pixel_bytes = 0;
    uint64_t file_bytes = 0;
    uint64_t records_hash = 0;  // of everything after the pixels
    uint64_t header_hash = 0;   // of everything above
};
static_assert(sizeof(CacheHeader) == 96);

inline constexpr size_t cache_pixels_offset = 4096;

/// The bytes that follow the pixels.
std::vector<uint8_t> pack_records(const CacheRecords& records);

/// The header of a cache with these records and so many bytes of pixels, its checksums included.
CacheHeader make_header(const CacheSubject& subject, const CacheRecords& records, size_t pixel_bytes,
                        std::span<const uint8_t> packed_records);

struct OpenCache {
    PixelBlock pixels;
    CacheRecords records;
};

/// Maps a cache file; nothing where there is none, where it is no regular file, or where it is not, or no
/// longer, the cache of this subject. Its pixels are read, and checked, when they are needed.
std::optional<OpenCache> open_cache(const std::filesystem::path& path, const CacheSubject& subject);

}  // namespace vitrine

// Reading and writing cache files: see cache_file.h.

#include "data/cache_file.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <cstring>
#include <memory>
#include <utility>

#include "data/mapping.h"
#include "engine/input_file.h"

namespace vitrine {
namespace {

namespace fs = std::filesystem;

uint64_t hash_of(std::span<const uint8_t> bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

uint64_t hash_of(const CacheHeader& header) {
    return XXH3_64bits(&header, offsetof(CacheHeader, header_hash));
}

/// Takes values off the front of bytes that may be anything.
class Reader {
  public:
    explicit Reader(std::span<const uint8_t> bytes) : bytes_(bytes) {}

    template <typename Value>
    bool take(Value& value) {
        if (bytes_.size() < sizeof value) return false;
        std::memcpy(&value, bytes_.data(), sizeof value);
        bytes_ = bytes_.subspan(sizeof value);
        return true;
    }

    bool take_text(std::string& text, uint64_t length) {
        if (length > bytes_.size()) return false;
        text.assign(reinterpret_cast<const char*>(bytes_.data()), length);
        bytes_ = bytes_.subspan(length);
        return true;
    }

    bool at_end() const { return bytes_.empty(); }

  private:
    std::span<const uint8_t> bytes_;
};

/// The inverse of pack_records. Nothing where a count, an index or a length does not fit what is there.
std::optional<CacheRecords> unpack_records(std::span<const uint8_t> bytes, size_t files, uint64_t undecoded) {
    Reader reader(bytes);
    CacheRecords records;
    if (undecoded > files || bytes.size() / sizeof(ContentHash) < files) return std::nullopt;
    records.contents.resize(files);
    for (ContentHash& content : records.contents) {
        if (!reader.take(content)) return std::nullopt;
    }
    int64_t before = -1;
    for (uint64_t i = 0; i < undecoded; ++i) {
        UndecodedFile file;
        uint64_t length = 0;
        if (!reader.take(file.index) || !reader.take(length) || !reader.take_text(file.reason, length))
            return std::nullopt;
        if (file.index <= before || file.index >= static_cast<int64_t>(files)) return std::nullopt;
        before = file.index;
        records.undecoded.push_back(std::move(file));
    }
    if (!reader.at_end()) return std::nullopt;
    return records;
}

/// A mapped cache, and the file as it was when it was found to be sound.
struct MappedCache {
    explicit MappedCache(const fs::path& path)
        : file(path, Links::refuse), mapping(file.descriptor(), file.bytes(), Mapping::Access::read) {}

    /// Caches are replaced, never written to: whoever writes into this one leaves pixels that nobody has
    /// checked.
    void require_intact() const {
        struct stat now {};
        const struct stat& then = file.status();
        const bool same = fstat(file.descriptor(), &now) == 0 && now.st_size == then.st_size &&
                          now.st_mtim.tv_sec == then.st_mtim.tv_sec &&
                          now.st_mtim.tv_nsec == then.st_mtim.tv_nsec;
        if (same && !mapping.is_lost()) return;
        throw Error(
            fmt::format("the cache of decoded images '{}' was cut short or written to while this run read "
                        "it: run again, and it is "
                        "made anew",
                        file.path().string()));
    }

    InputFile file;
    Mapping mapping;
};

}  // namespace

CacheKey cache_key(const fs::path& root, const std::vector<ImageFile>& files, int64_t image_size,
                   Turning turning, const std::string& formats) {
    XXH3_state_t* state = XXH3_createState();
    XXH3_128bits_reset(state);
    const auto add_number = [state](auto number) { XXH3_128bits_update(state, &number, sizeof number); };
    const auto add_text = [&](const std::string& text) {
        add_number(uint64_t{text.size()});
        XXH3_128bits_update(state, text.data(), text.size());
    };
    add_number(CacheHeader{}.version);
    add_number(image_size);
    add_number(turning);
    add_text(formats);
    add_text(fs::weakly_canonical(root).string());
    for (const ImageFile& file : files) {
        add_text(file.path);
        add_number(file.bytes);
        add_number(file.changed);
        add_number(file.status_changed);
        add_number(file.inode);
        if (file.archive.empty()) continue;
        add_text(file.archive);
        add_number(file.offset);
    }
    const XXH128_hash_t hash = XXH3_128bits_digest(state);
    XXH3_freeState(state);
    return {hash.low64, hash.high64};
}

std::vector<uint8_t> pack_records(const CacheRecords& records) {
    std::vector<uint8_t> bytes;
    const auto add = [&bytes](const void* data, size_t size) {
        const auto* first = static_cast<const uint8_t*>(data);
        bytes.insert(bytes.end(), first, first + size);
    };
    for (const ContentHash& content : records.contents) add(&content, sizeof content);
    for (const UndecodedFile& file : records.undecoded) {
        const uint64_t length = file.reason.size();
        add(&file.index, sizeof file.index);
        add(&length, sizeof length);
        add(file.reason.data(), file.reason.size());
    }
    return bytes;
}

CacheHeader make_header(const CacheSubject& subject, const CacheRecords& records,
                        std::span<const uint8_t> pixels, std::span<const uint8_t> packed_records) {
    CacheHeader header;
    header.image_size = static_cast<uint32_t>(subject.image_size);
    header.key = subject.key;
    header.files = subject.files;
    header.undecoded = records.undecoded.size();
    header.oriented = records.oriented;
    header.file_bytes = cache_pixels_offset + pixels.size() + packed_records.size();
    header.pixels_hash = hash_of(pixels);
    header.records_hash = hash_of(packed_records);
    header.header_hash = hash_of(header);
    return header;
}

std::optional<OpenCache> open_cache(const fs::path& path, const CacheSubject& subject) try {
    const auto cache = std::make_shared<const MappedCache>(path);
    const std::span<const uint8_t> all = cache->mapping.contents();
    if (!cache->mapping.is_mapped() || all.size() < cache_pixels_offset + subject.pixel_bytes())
        return std::nullopt;

    const std::span<const uint8_t> pixels = all.subspan(cache_pixels_offset, subject.pixel_bytes());
    const std::span<const uint8_t> records = all.subspan(cache_pixels_offset + subject.pixel_bytes());
    CacheHeader header;
    std::memcpy(&header, all.data(), sizeof header);
    const CacheHeader expected;
    const bool intact = std::memcmp(header.magic, expected.magic, sizeof header.magic) == 0 &&
                        header.version == expected.version && header.header_hash == hash_of(header) &&
                        header.key == subject.key && header.files == subject.files &&
                        header.image_size == subject.image_size && header.file_bytes == all.size() &&
                        header.records_hash == hash_of(records) && header.pixels_hash == hash_of(pixels);
    if (!intact) return std::nullopt;
    std::optional<CacheRecords> unpacked = unpack_records(records, subject.files, header.undecoded);
    if (!unpacked || header.oriented > subject.files - header.undecoded) return std::nullopt;
    unpacked->oriented = header.oriented;
    cache->require_intact();
    const PixelBlock block{cache, pixels.data(), static_cast<int64_t>(subject.files),
                           [cache] { cache->require_intact(); }};
    return OpenCache{block, std::move(*unpacked)};
} catch (const Error&) {
    return std::nullopt;
}

}  // namespace vitrine

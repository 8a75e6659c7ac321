// Reading and writing cache files: see cache_file.h.

#include "data/cache_file.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <numeric>
#include <utility>

#include "data/mapped_cache.h"
#include "data/pixel_slots.h"

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

bool take_undecoded(Reader& reader, uint64_t count, CacheRecords& records) {
    int64_t before = -1;
    for (uint64_t i = 0; i < count; ++i) {
        UndecodedFile file;
        uint64_t length = 0;
        if (!reader.take(file.index) || !reader.take(length) || !reader.take_text(file.reason, length))
            return false;
        if (file.index <= before || file.index >= std::ssize(records.files)) return false;
        before = file.index;
        records.undecoded.push_back(std::move(file));
    }
    return true;
}

/// The inverse of pack_records. Nothing where a count, an index or a length does not fit what is there.
std::optional<CacheRecords> unpack_records(std::span<const uint8_t> bytes, size_t files, uint64_t undecoded) {
    Reader reader(bytes);
    CacheRecords records;
    if (undecoded > files || bytes.size() / sizeof(FileRecord) < files) return std::nullopt;
    records.files.resize(files);
    for (FileRecord& file : records.files) {
        if (!reader.take(file)) return std::nullopt;
    }
    if (!take_undecoded(reader, undecoded, records) || !reader.at_end()) return std::nullopt;
    return records;
}

/// Whether an image that is kept so can have this place. Nothing overflows on the way.
bool is_possible(const ImagePlace& place, const Keeping& keeping, uint64_t pixel_bytes) {
    if (place.height < 1 || place.width < 1 || place.offset < 0) return false;
    if (int64_t{place.height} * place.width > largest_image_pixels) return false;
    const auto begin = static_cast<uint64_t>(place.offset), bytes = static_cast<uint64_t>(place.bytes());
    if (begin > pixel_bytes || bytes > pixel_bytes - begin) return false;
    const ImageSize size{place.width, place.height};
    return kept_size(size, keeping) == size;
}

bool overlap(std::vector<ImagePlace> places) {
    std::ranges::sort(places, {}, &ImagePlace::offset);
    return std::ranges::adjacent_find(places, [](const ImagePlace& a, const ImagePlace& b) {
               return b.offset < a.offset + a.bytes();
           }) != places.end();
}

/// Whether each file has a place of its own, or is one that was not decoded.
bool are_sound(const CacheRecords& records, const Keeping& keeping, uint64_t pixel_bytes) {
    std::vector<bool> decoded(records.files.size(), true);
    for (const UndecodedFile& file : records.undecoded) decoded[static_cast<size_t>(file.index)] = false;
    std::vector<ImagePlace> places;
    for (size_t i = 0; i < records.files.size(); ++i) {
        const ImagePlace& place = records.files[i].place;
        if (!decoded[i] && place != ImagePlace{}) return false;
        if (!decoded[i]) continue;
        if (!is_possible(place, keeping, pixel_bytes)) return false;
        places.push_back(place);
    }
    return !overlap(std::move(places));
}

/// The header of a file that is a cache of the subject as far as the header can tell.
std::optional<CacheHeader> sound_header(std::span<const uint8_t> all, const CacheSubject& subject) {
    CacheHeader header;
    if (all.size() < cache_pixels_offset) return std::nullopt;
    std::memcpy(&header, all.data(), sizeof header);
    const CacheHeader expected;
    const bool sound = std::memcmp(header.magic, expected.magic, sizeof header.magic) == 0 &&
                       header.version == expected.version && header.header_hash == hash_of(header) &&
                       header.key == subject.key && header.files == subject.files &&
                       header.shape == static_cast<uint32_t>(subject.keeping.shape) &&
                       header.side == static_cast<uint64_t>(subject.keeping.side) &&
                       header.file_bytes == all.size() &&
                       header.pixel_bytes <= all.size() - cache_pixels_offset;
    return sound ? std::optional(header) : std::nullopt;
}

PixelBlock block_of(const std::shared_ptr<MappedCache>& cache, const CacheRecords& records) {
    const auto places = std::make_shared<std::vector<ImagePlace>>();
    std::vector<uint64_t> hashes;
    for (const FileRecord& file : records.files) {
        places->push_back(file.place);
        hashes.push_back(file.pixels_hash);
    }
    cache->describe(cache_pixels_offset, places, std::move(hashes));
    PixelBlock block{cache, cache->contents().data() + cache_pixels_offset, std::ssize(records.files)};
    block.file = cache;
    block.places = places;
    return block;
}

}  // namespace

CacheKey cache_key(const fs::path& root, const std::vector<ImageFile>& files, const Keeping& keeping,
                   Turning turning, const std::string& formats) {
    XXH3_state_t* state = XXH3_createState();
    XXH3_128bits_reset(state);
    const auto add_number = [state](auto number) { XXH3_128bits_update(state, &number, sizeof number); };
    const auto add_text = [&](const std::string& text) {
        add_number(uint64_t{text.size()});
        XXH3_128bits_update(state, text.data(), text.size());
    };
    add_number(CacheHeader{}.version);
    add_number(keeping.shape);
    add_number(keeping.side);
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
    for (const FileRecord& file : records.files) add(&file, sizeof file);
    for (const UndecodedFile& file : records.undecoded) {
        const uint64_t length = file.reason.size();
        add(&file.index, sizeof file.index);
        add(&length, sizeof length);
        add(file.reason.data(), file.reason.size());
    }
    return bytes;
}

size_t CacheSubject::least_pixel_bytes() const {
    if (keeping.shape == ImageShape::original) return 0;
    return files * slot_bytes(static_cast<size_t>(3 * keeping.side * keeping.side));
}

CacheHeader make_header(const CacheSubject& subject, const CacheRecords& records, size_t pixel_bytes,
                        std::span<const uint8_t> packed_records) {
    CacheHeader header;
    header.shape = static_cast<uint32_t>(subject.keeping.shape);
    header.side = static_cast<uint64_t>(subject.keeping.side);
    header.key = subject.key;
    header.files = subject.files;
    header.undecoded = records.undecoded.size();
    header.oriented = records.oriented;
    header.pixel_bytes = pixel_bytes;
    header.file_bytes = cache_pixels_offset + pixel_bytes + packed_records.size();
    header.records_hash = hash_of(packed_records);
    header.header_hash = hash_of(header);
    return header;
}

std::optional<OpenCache> open_cache(const fs::path& path, const CacheSubject& subject) try {
    const auto cache = std::make_shared<MappedCache>(path);
    if (!cache->is_mapped()) return std::nullopt;
    const std::span<const uint8_t> all = cache->contents();
    const std::optional<CacheHeader> header = sound_header(all, subject);
    if (!header) return std::nullopt;
    const std::span<const uint8_t> packed = all.subspan(cache_pixels_offset + header->pixel_bytes);
    if (header->records_hash != hash_of(packed)) return std::nullopt;
    std::optional<CacheRecords> records = unpack_records(packed, subject.files, header->undecoded);
    if (!records || !are_sound(*records, subject.keeping, header->pixel_bytes)) return std::nullopt;
    if (header->oriented > subject.files - header->undecoded) return std::nullopt;
    records->oriented = header->oriented;
    cache->require_intact();
    return OpenCache{block_of(cache, *records), std::move(*records)};
} catch (const Error&) {
    return std::nullopt;
}

}  // namespace vitrine

// Building and opening the packed cache: see cache.h.

#include "data/cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <optional>
#include <span>
#include <thread>

#include "data/image.h"
#include "data/image_format.h"
#include "data/mapping.h"
#include "data/resize.h"

namespace vitrine {
namespace {

namespace fs = std::filesystem;

constexpr uint32_t format_version = 1;
constexpr size_t pixels_offset = 4096;

struct CacheKey {
    uint64_t low = 0;
    uint64_t high = 0;
    bool operator==(const CacheKey&) const = default;
};

struct CacheHeader {
    char magic[8] = {'V', 'i', 't', 'r', 'I', 'm', 'g', '\n'};
    uint32_t version = format_version;
    uint32_t image_size = 0;
    CacheKey key;
    uint64_t files = 0;
    uint64_t undecoded = 0;
    uint64_t file_bytes = 0;
    uint64_t pixels_hash = 0;
    uint64_t undecoded_hash = 0;
    uint64_t header_hash = 0;  // of everything above
};
static_assert(sizeof(CacheHeader) == 80 && sizeof(CacheHeader) <= pixels_offset);

uint64_t hash_of(std::span<const uint8_t> bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

uint64_t hash_of(const CacheHeader& header) {
    return XXH3_64bits(&header, offsetof(CacheHeader, header_hash));
}

CacheKey key_of(const fs::path& root, const std::vector<ImageFile>& files, int64_t image_size) {
    XXH3_state_t* state = XXH3_createState();
    XXH3_128bits_reset(state);
    const auto add_number = [state](auto number) { XXH3_128bits_update(state, &number, sizeof number); };
    const auto add_text = [&](const std::string& text) {
        add_number(uint64_t{text.size()});
        XXH3_128bits_update(state, text.data(), text.size());
    };
    add_number(format_version);
    add_number(image_size);
    add_text(fs::weakly_canonical(root).string());
    for (const ImageFile& file : files) {
        add_text(file.path);
        add_number(file.bytes);
        add_number(file.changed);
    }
    const XXH128_hash_t hash = XXH3_128bits_digest(state);
    XXH3_freeState(state);
    return {hash.low64, hash.high64};
}

/// Everything that decides what a cache contains.
struct Contents {
    const fs::path& root;
    const std::vector<ImageFile>& files;
    const PackOptions& options;
    CacheKey key;

    size_t image_bytes() const { return static_cast<size_t>(3 * options.image_size * options.image_size); }
    size_t pixel_bytes() const { return image_bytes() * files.size(); }
};

/// Decodes all files into `slots` (zeros before), and returns those that could not be.
std::vector<UndecodedFile> decode_files(const Contents& contents, uint8_t* slots) {
    std::mutex mutex;
    std::vector<UndecodedFile> undecoded;
    parallel_for(
        static_cast<int64_t>(contents.files.size()), contents.options.threads,
        [&](int64_t i) {
            const fs::path file = contents.root / contents.files[static_cast<size_t>(i)].path;
            try {
                const Image image = resize_and_crop(read_image(file), contents.options.image_size);
                std::copy(image.pixels.begin(), image.pixels.end(),
                          slots + static_cast<size_t>(i) * contents.image_bytes());
            } catch (const ImageTooLarge&) {
                throw;
            } catch (const ImageError& error) {
                if (contents.options.strict) throw;
                const std::lock_guard lock(mutex);
                undecoded.push_back({i, error.reason});
            }
        },
        contents.options.progress);
    std::sort(undecoded.begin(), undecoded.end(),
              [](const UndecodedFile& a, const UndecodedFile& b) { return a.index < b.index; });
    return undecoded;
}

std::vector<uint8_t> pack_undecoded(const std::vector<UndecodedFile>& undecoded) {
    std::vector<uint8_t> bytes;
    const auto add = [&bytes](const void* data, size_t size) {
        const auto* first = static_cast<const uint8_t*>(data);
        bytes.insert(bytes.end(), first, first + size);
    };
    for (const UndecodedFile& file : undecoded) {
        const auto length = static_cast<int64_t>(file.reason.size());
        add(&file.index, sizeof file.index);
        add(&length, sizeof length);
        add(file.reason.data(), file.reason.size());
    }
    return bytes;
}

/// The inverse, on bytes whose checksum has been verified.
std::vector<UndecodedFile> unpack_undecoded(std::span<const uint8_t> bytes, uint64_t count) {
    std::vector<UndecodedFile> undecoded(count);
    for (UndecodedFile& file : undecoded) {
        int64_t length = 0;
        std::memcpy(&file.index, bytes.data(), sizeof file.index);
        std::memcpy(&length, bytes.data() + sizeof file.index, sizeof length);
        bytes = bytes.subspan(sizeof file.index + sizeof length);
        file.reason.assign(reinterpret_cast<const char*>(bytes.data()), static_cast<size_t>(length));
        bytes = bytes.subspan(static_cast<size_t>(length));
    }
    return undecoded;
}

/// Maps a cache file; nothing where there is none, or it is not, or no longer, the cache of these contents.
std::optional<PackedImages> open_cache(const fs::path& path, const Contents& contents) {
    const FileDescriptor file(path, O_RDONLY);
    const size_t bytes = file.is_open() ? file.bytes() : 0;
    if (bytes < pixels_offset + contents.pixel_bytes()) return std::nullopt;
    const auto mapping = std::make_shared<Mapping>(file, bytes, Mapping::Access::read);
    if (!mapping->is_mapped()) return std::nullopt;

    const std::span<const uint8_t> all = mapping->contents();
    const std::span<const uint8_t> pixels = all.subspan(pixels_offset, contents.pixel_bytes());
    const std::span<const uint8_t> undecoded = all.subspan(pixels_offset + contents.pixel_bytes());
    CacheHeader header;
    std::memcpy(&header, all.data(), sizeof header);
    const bool intact = std::memcmp(header.magic, CacheHeader{}.magic, sizeof header.magic) == 0 &&
                        header.version == format_version && header.header_hash == hash_of(header) &&
                        header.key == contents.key && header.files == contents.files.size() &&
                        header.image_size == contents.options.image_size && header.file_bytes == bytes &&
                        header.undecoded_hash == hash_of(undecoded) && header.pixels_hash == hash_of(pixels);
    if (!intact) return std::nullopt;
    PackedImages packed;
    packed.pixels = {mapping, pixels.data(), static_cast<int64_t>(contents.files.size())};
    packed.undecoded = unpack_undecoded(undecoded, header.undecoded);
    packed.from_cache = true;
    return packed;
}

/// Why a cache could not be written. Not for the user: the images then stay in memory.
struct CacheUnwritable : std::runtime_error {
    using std::runtime_error::runtime_error;
};

[[noreturn]] void throw_unwritable(int failure) { throw CacheUnwritable(std::strerror(failure)); }

/// The file in which a cache is built, locked against other builders, and removed unless it was moved into
/// place.
class PartialFile {
  public:
    explicit PartialFile(const fs::path& place) : place_(place), path_(place.string() + ".partial") {}
    PartialFile(const PartialFile&) = delete;
    PartialFile& operator=(const PartialFile&) = delete;
    ~PartialFile() {
        if (file_ && !moved_) unlink(path_.c_str());
    }

    /// Waits for other builders. `progress` is called meanwhile, so that the wait can be broken off.
    void lock(const ProgressCallback& progress, int64_t total) {
        for (;;) {
            auto& file = candidate_.emplace(path_, O_RDWR | O_CREAT);
            if (!file.is_open()) throw_unwritable(errno);
            while (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
                if (errno != EWOULDBLOCK && errno != EINTR) throw_unwritable(errno);
                if (progress) progress(0, total);
                std::this_thread::sleep_for(std::chrono::milliseconds(50));
            }
            if (file.is_at(path_)) break;  // otherwise the builder before us has moved or removed it
        }
        file_ = &*candidate_;
    }

    /// Empties the file and reserves its space, so that a full disk is noticed before the work.
    void reserve(size_t bytes) {
        if (ftruncate(file_->get(), 0) != 0) throw_unwritable(errno);
        const int failure = posix_fallocate(file_->get(), 0, static_cast<off_t>(bytes));
        if (failure != 0) throw_unwritable(failure);
    }

    void write(const void* data, size_t bytes, size_t offset) {
        const auto* first = static_cast<const uint8_t*>(data);
        while (bytes > 0) {
            const ssize_t written = pwrite(file_->get(), first, bytes, static_cast<off_t>(offset));
            if (written < 0) throw_unwritable(errno);
            first += written;
            bytes -= static_cast<size_t>(written);
            offset += static_cast<size_t>(written);
        }
    }

    void move_into_place() {
        if (fsync(file_->get()) != 0 || std::rename(path_.c_str(), place_.c_str()) != 0)
            throw_unwritable(errno);
        moved_ = true;
        flush_folder(place_.parent_path());
    }

    const FileDescriptor& file() const { return *file_; }

  private:
    fs::path place_;
    fs::path path_;
    std::optional<FileDescriptor> candidate_;
    FileDescriptor* file_ = nullptr;  // once it is locked
    bool moved_ = false;
};

PackedImages build_cache(const fs::path& path, const Contents& contents) {
    std::error_code failure;
    fs::create_directories(path.parent_path(), failure);
    if (failure) throw CacheUnwritable(failure.message());
    PartialFile partial(path);
    partial.lock(contents.options.progress, static_cast<int64_t>(contents.files.size()));
    if (auto built_meanwhile = open_cache(path, contents)) return *built_meanwhile;

    const size_t pixels_end = pixels_offset + contents.pixel_bytes();
    partial.reserve(pixels_end);
    CacheHeader header;
    std::vector<UndecodedFile> undecoded;
    {
        Mapping mapping(partial.file(), pixels_end, Mapping::Access::write);
        if (!mapping.is_mapped()) throw_unwritable(errno);
        undecoded = decode_files(contents, mapping.data() + pixels_offset);
        header.pixels_hash = hash_of(mapping.contents().subspan(pixels_offset));
    }
    const std::vector<uint8_t> packed = pack_undecoded(undecoded);
    header.image_size = static_cast<uint32_t>(contents.options.image_size);
    header.key = contents.key;
    header.files = contents.files.size();
    header.undecoded = undecoded.size();
    header.file_bytes = pixels_end + packed.size();
    header.undecoded_hash = hash_of(packed);
    header.header_hash = hash_of(header);
    partial.write(packed.data(), packed.size(), pixels_end);
    partial.write(&header, sizeof header, 0);
    partial.move_into_place();

    std::optional<PackedImages> built = open_cache(path, contents);
    if (!built) throw CacheUnwritable("it does not read back as it was written");
    built->from_cache = false;
    return *built;
}

PackedImages decode_into_memory(const Contents& contents) {
    const auto slots = std::make_shared<uint8_t[]>(contents.pixel_bytes());
    PackedImages packed;
    packed.undecoded = decode_files(contents, slots.get());
    packed.pixels = {slots, slots.get(), static_cast<int64_t>(contents.files.size())};
    return packed;
}

PackedImages build_or_keep_in_memory(const fs::path& folder, const fs::path& path, const Contents& contents) {
    std::string reason = "neither XDG_CACHE_HOME nor HOME is set";
    try {
        if (!folder.empty()) return build_cache(path, contents);
    } catch (const CacheUnwritable& error) {
        reason = error.what();
    }
    PackedImages packed = decode_into_memory(contents);
    packed.notices.push_back(fmt::format(
        "the cache of decoded images cannot be written in '{}' ({}): the images are kept in memory and the "
        "next run decodes them again",
        folder.string(), reason));
    return packed;
}

}  // namespace

ImageFile describe_file(std::string path, const struct stat& status) {
    constexpr int64_t second = 1'000'000'000;
    return {std::move(path), static_cast<uint64_t>(status.st_size),
            status.st_mtim.tv_sec * second + status.st_mtim.tv_nsec};
}

bool is_packed_cache(const fs::path& file) {
    const std::vector<uint8_t> start = first_bytes(file);
    const CacheHeader header;
    return start.size() >= sizeof header.magic &&
           std::memcmp(start.data(), header.magic, sizeof header.magic) == 0;
}

PackedImages pack_images(const fs::path& root, const std::vector<ImageFile>& files,
                         const PackOptions& options) {
    const fs::path folder = options.cache_folder.empty() ? default_cache_folder() : options.cache_folder;
    const fs::path path = cache_file(folder, root, options.image_size);
    const Contents contents{root, files, options, key_of(root, files, options.image_size)};
    std::optional<PackedImages> cached;
    if (!folder.empty()) cached = open_cache(path, contents);
    PackedImages packed = cached ? *cached : build_or_keep_in_memory(folder, path, contents);
    if (options.strict && !packed.undecoded.empty()) {
        const UndecodedFile& first = packed.undecoded.front();
        throw ImageError((root / files[static_cast<size_t>(first.index)].path).string(), first.reason);
    }
    return packed;
}

fs::path default_cache_folder() {
    const auto variable = [](const char* name) -> fs::path {
        const char* value = std::getenv(name);
        return value != nullptr ? value : "";
    };
    if (const fs::path cache = variable("XDG_CACHE_HOME"); cache.is_absolute()) return cache / "vitrine";
    if (const fs::path home = variable("HOME"); !home.empty()) return home / ".cache" / "vitrine";
    return {};
}

fs::path cache_file(const fs::path& cache_folder, const fs::path& root, int64_t image_size) {
    const std::string full = fs::weakly_canonical(root).string();
    return cache_folder / fmt::format("{}-{}-{:016x}.images", fs::path(full).filename().string(), image_size,
                                      XXH3_64bits(full.data(), full.size()));
}

}  // namespace vitrine

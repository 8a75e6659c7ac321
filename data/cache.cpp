// Packing a folder of images, through the packed cache: see cache.h.

#include "data/cache.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <xxhash.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <optional>

#include "data/cache_builder.h"
#include "data/cache_file.h"
#include "data/image.h"
#include "data/image_format.h"

namespace vitrine {
namespace {

namespace fs = std::filesystem;

/// What is packed: files below a root, and how.
struct Job {
    const fs::path& root;
    const std::vector<ImageFile>& files;
    const PackOptions& options;
    CacheSubject subject;

    int64_t count() const { return static_cast<int64_t>(files.size()); }
    FileRange range_of(int64_t i) const {
        const ImageFile& file = files[static_cast<size_t>(i)];
        const std::string name = (root / file.path).string();
        if (file.archive.empty()) return {name, name};
        return {root / file.archive, name, file.offset, file.bytes};
    }
};

/// Decodes a file and appends what is kept of it. Returns its orientation.
int decode_file(const Job& job, int64_t i, const AppendPixels& append, FileRecord& record) {
    const FileRange range = job.range_of(i);
    Image whole = read_image(range, &record.content, job.options.turning);
    const int orientation = whole.orientation;
    const auto memory = whole.memory;  // its share, for as long as there are pixels
    const Image image = keep(std::move(whole), job.options.keeping, range.name);
    record.pixels_hash = XXH3_64bits(image.pixels.data(), image.pixels.size());
    record.place = {append(image.pixels), static_cast<int32_t>(image.height),
                    static_cast<int32_t>(image.width)};
    return orientation;
}

CacheRecords decode_files(const Job& job, const AppendPixels& append) {
    std::mutex mutex;
    std::atomic<uint64_t> oriented = 0;
    CacheRecords records{std::vector<FileRecord>(job.files.size()), {}};
    parallel_for(
        job.count(), job.options.threads,
        [&](int64_t i) {
            try {
                if (decode_file(job, i, append, records.files[static_cast<size_t>(i)]) != 1) ++oriented;
            } catch (const ImageError& error) {
                if (job.options.strict) throw;
                const std::lock_guard lock(mutex);
                records.undecoded.push_back({i, error.reason});
            }
        },
        job.options.progress);
    records.oriented = oriented;
    std::ranges::sort(records.undecoded, {}, &UndecodedFile::index);
    return records;
}

/// How many files no longer begin with the bytes that the cache was made of.
int64_t count_stale(const Job& job, const CacheRecords& records) {
    std::atomic<int64_t> stale = 0;
    parallel_for(
        job.count(), job.options.threads,
        [&](int64_t i) {
            const ContentHash& then = records.files[static_cast<size_t>(i)].content;
            if (hash_beginning(job.range_of(i), then.bytes) != then) ++stale;
        },
        job.options.progress);
    return stale;
}

/// Whether all pixels are those that were written.
bool is_sound(const Job& job, const OpenCache& cache) try {
    std::vector<bool> decoded(job.files.size(), true);
    for (const UndecodedFile& file : cache.records.undecoded)
        decoded[static_cast<size_t>(file.index)] = false;
    parallel_for(job.count(), job.options.threads, [&](int64_t i) {
        if (decoded[static_cast<size_t>(i)]) cache.pixels.file->check(i);
    });
    return true;
} catch (const Error&) {
    return false;
}

PackedImages packed_of(const OpenCache& cache, bool from_cache) {
    return {
        cache.pixels, cache.records.undecoded, static_cast<int64_t>(cache.records.oriented), from_cache, {}};
}

/// `stale`: the cache that is there is not to be used.
PackedImages build_cache(const fs::path& path, const Job& job, bool stale) {
    std::error_code failure;
    fs::create_directories(path.parent_path(), failure);
    if (failure) throw CacheUnwritable(failure.message());
    const BuildLock lock(path, [&job] {
        if (job.options.progress) job.options.progress(0, job.count());
    });
    if (!stale) {
        if (const auto built_meanwhile = open_cache(path, job.subject))
            return packed_of(*built_meanwhile, true);
    }
    if (lock.is_held()) remove_leftovers(path);
    write_cache(path, job.subject, [&job](const AppendPixels& append) { return decode_files(job, append); });
    const std::optional<OpenCache> built = open_cache(path, job.subject);
    if (!built) throw CacheUnwritable("it does not read back as it was written");
    return packed_of(*built, false);
}

PackedImages decode_into_memory(const Job& job) {
    MemorySlots slots(job.subject.least_pixel_bytes());
    CacheRecords records =
        decode_files(job, [&slots](std::span<const uint8_t> pixels) { return slots.append(pixels); });
    const auto places = std::make_shared<std::vector<ImagePlace>>();
    for (const FileRecord& file : records.files) places->push_back(file.place);
    PackedImages packed;
    packed.undecoded = std::move(records.undecoded);
    packed.oriented = static_cast<int64_t>(records.oriented);
    const std::shared_ptr<const uint8_t> pixels = slots.take();
    packed.pixels = {pixels, pixels.get(), job.count()};
    packed.pixels.places = places;
    return packed;
}

PackedImages build_or_keep_in_memory(const fs::path& folder, const fs::path& path, const Job& job,
                                     bool stale) {
    std::string reason = "neither XDG_CACHE_HOME nor HOME is set";
    try {
        if (!folder.empty()) return build_cache(path, job, stale);
    } catch (const CacheUnwritable& error) {
        reason = error.what();
    }
    PackedImages packed = decode_into_memory(job);
    packed.notices.push_back(fmt::format(
        "the cache of decoded images cannot be written in '{}' ({}): the images are kept in memory and the "
        "next run decodes them again",
        folder.string(), reason));
    return packed;
}

/// The notice that the user who asked to verify gets; `stale` is nothing where there was no cache.
std::string verified(const Job& job, std::optional<int64_t> stale) {
    if (!stale) return "there was no cache of decoded images to verify: all images were decoded";
    if (*stale == 0)
        return fmt::format("the cache of decoded images was verified: it is of the {} files that are there",
                           job.count());
    return fmt::format(
        "the cache of decoded images was stale: {} of {} files hold other bytes than it was made of; all "
        "images were decoded again",
        *stale, job.count());
}

int64_t nanoseconds(const timespec& time) { return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

}  // namespace

ImageFile describe_file(std::string path, const struct stat& status) {
    return {std::move(path),
            static_cast<uint64_t>(status.st_size),
            nanoseconds(status.st_mtim),
            nanoseconds(status.st_ctim),
            status.st_ino,
            {},
            0};
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
    const fs::path path = cache_file(folder, root, options.keeping, options.turning);
    const CacheSubject subject{cache_key(root, files, options.keeping, options.turning, readable_formats()),
                               files.size(), options.keeping};
    const Job job{root, files, options, subject};
    std::optional<OpenCache> cached;
    if (!folder.empty()) cached = open_cache(path, job.subject);
    std::optional<int64_t> stale;
    if (cached && options.verify && !is_sound(job, *cached)) cached.reset();
    if (cached && options.verify) stale = count_stale(job, cached->records);
    const bool usable = cached && stale.value_or(0) == 0;
    PackedImages packed =
        usable ? packed_of(*cached, true) : build_or_keep_in_memory(folder, path, job, stale.value_or(0) > 0);
    if (options.verify) packed.notices.push_back(verified(job, stale));
    if (options.strict && !packed.undecoded.empty()) {
        const UndecodedFile& first = packed.undecoded.front();
        throw ImageError(job.range_of(first.index).name, first.reason);
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

fs::path cache_file(const fs::path& cache_folder, const fs::path& root, const Keeping& keeping,
                    Turning turning) {
    const std::string full = fs::weakly_canonical(root).string();
    std::string name = fs::path(full).filename().string();
    if (keeping.shape != ImageShape::square) name += fmt::format("-{}", name_of(keeping.shape));
    if (keeping.side > 0) name += fmt::format("-{}", keeping.side);
    if (turning == Turning::upright) name += "-upright";
    return cache_folder / fmt::format("{}-{:016x}.images", name, XXH3_64bits(full.data(), full.size()));
}

}  // namespace vitrine

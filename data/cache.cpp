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
#include "data/resize.h"

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

/// Decodes all files into `slots` (zeros before).
CacheRecords decode_files(const Job& job, uint8_t* slots) {
    std::mutex mutex;
    std::atomic<uint64_t> oriented = 0;
    CacheRecords records{std::vector<ContentHash>(job.files.size()), {}};
    parallel_for(
        job.count(), job.options.threads,
        [&](int64_t i) {
            const auto index = static_cast<size_t>(i);
            try {
                const Image whole =
                    read_image(job.range_of(i), &records.contents[index], job.options.turning);
                if (whole.orientation != 1) ++oriented;
                const Image image = resize_and_crop(whole, job.options.image_size);
                std::copy(image.pixels.begin(), image.pixels.end(),
                          slots + index * job.subject.image_bytes());
            } catch (const ImageError& error) {
                if (job.options.strict) throw;
                const std::lock_guard lock(mutex);
                records.undecoded.push_back({i, error.reason});
            }
        },
        job.options.progress);
    records.oriented = oriented;
    std::sort(records.undecoded.begin(), records.undecoded.end(),
              [](const UndecodedFile& a, const UndecodedFile& b) { return a.index < b.index; });
    return records;
}

/// How many files no longer begin with the bytes that the cache was made of.
int64_t count_stale(const Job& job, const CacheRecords& records) {
    std::atomic<int64_t> stale = 0;
    parallel_for(
        job.count(), job.options.threads,
        [&](int64_t i) {
            const ContentHash& then = records.contents[static_cast<size_t>(i)];
            if (hash_beginning(job.range_of(i), then.bytes) != then) ++stale;
        },
        job.options.progress);
    return stale;
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
    write_cache(path, job.subject, [&job](uint8_t* slots) { return decode_files(job, slots); });
    const std::optional<OpenCache> built = open_cache(path, job.subject);
    if (!built) throw CacheUnwritable("it does not read back as it was written");
    return packed_of(*built, false);
}

PackedImages decode_into_memory(const Job& job) {
    const auto slots = std::make_shared<uint8_t[]>(job.subject.pixel_bytes());
    PackedImages packed;
    CacheRecords records = decode_files(job, slots.get());
    packed.undecoded = std::move(records.undecoded);
    packed.oriented = static_cast<int64_t>(records.oriented);
    packed.pixels = {slots, slots.get(), job.count()};
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
    const fs::path path = cache_file(folder, root, options.image_size, options.turning);
    const CacheSubject subject{
        cache_key(root, files, options.image_size, options.turning, readable_formats()), files.size(),
        options.image_size};
    const Job job{root, files, options, subject};
    std::optional<OpenCache> cached;
    if (!folder.empty()) cached = open_cache(path, job.subject);
    std::optional<int64_t> stale;
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

fs::path cache_file(const fs::path& cache_folder, const fs::path& root, int64_t image_size, Turning turning) {
    const std::string full = fs::weakly_canonical(root).string();
    return cache_folder / fmt::format("{}-{}-{}{:016x}.images", fs::path(full).filename().string(),
                                      image_size, turning == Turning::upright ? "upright-" : "",
                                      XXH3_64bits(full.data(), full.size()));
}

}  // namespace vitrine

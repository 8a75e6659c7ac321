// Pixels of a mapped cache: see mapped_cache.h.

#include "data/mapped_cache.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <utility>

namespace vitrine {
namespace {

/// The part of the file that two images lie in is read in one go where no more than this is between them.
constexpr size_t small_gap = 16 << 10;

bool is_same_file(const struct stat& a, const struct stat& b) {
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/// Waits until these bytes are in memory.
void touch(std::span<const uint8_t> bytes) {
    constexpr size_t page = 4096;  // or a part of one
    uint8_t sum = 0;
    for (size_t i = 0; i < bytes.size(); i += page) sum = static_cast<uint8_t>(sum + bytes[i]);
    const volatile uint8_t read = sum;  // so that it happens
    static_cast<void>(read);
}

}  // namespace

MappedCache::MappedCache(const std::filesystem::path& path)
    : file_(path, Links::refuse), mapping_(file_.descriptor(), file_.bytes(), Mapping::Access::read) {}

void MappedCache::describe(size_t offset, std::shared_ptr<const std::vector<ImagePlace>> places,
                           std::vector<uint64_t> hashes) {
    offset_ = offset;
    places_ = std::move(places);
    hashes_ = std::move(hashes);
    checked_ = std::vector<std::atomic<bool>>(hashes_.size());
}

std::span<const uint8_t> MappedCache::pixels_of(size_t row) const {
    const ImagePlace& place = places_->at(row);
    return contents().subspan(offset_ + static_cast<size_t>(place.offset),
                              static_cast<size_t>(place.bytes()));
}

bool MappedCache::is_intact() const {
    struct stat now {};
    const struct stat& then = file_.status();
    return fstat(file_.descriptor(), &now) == 0 && now.st_size == then.st_size &&
           now.st_mtim.tv_sec == then.st_mtim.tv_sec && now.st_mtim.tv_nsec == then.st_mtim.tv_nsec &&
           !mapping_.is_lost();
}

void MappedCache::require_intact() const {
    if (!is_intact()) refuse("was cut short or written to while this run read it");
}

/// Another run may have put a sound one in its place.
void MappedCache::refuse(const std::string& what) const {
    struct stat there {};
    const char* path = file_.path().c_str();
    const bool gone = lstat(path, &there) != 0 || !is_same_file(there, file_.status()) || unlink(path) == 0;
    throw Error(fmt::format("the cache of decoded images '{}' {}: {}", file_.path().string(), what,
                            gone ? "run again, and it is made anew" : "remove it and run again"));
}

void MappedCache::check(int64_t row) const {
    const auto index = static_cast<size_t>(row);
    if (checked_.at(index).load(std::memory_order_relaxed)) return;
    const std::span<const uint8_t> pixels = pixels_of(index);
    if (XXH3_64bits(pixels.data(), pixels.size()) != hashes_[index]) {
        require_intact();
        refuse("is damaged");
    }
    checked_[index].store(true, std::memory_order_relaxed);
}

void MappedCache::read_ahead(std::span<const int64_t> rows) const {
    std::vector<std::pair<size_t, size_t>> ranges;  // begin, end
    for (const int64_t row : rows) {
        const std::span<const uint8_t> pixels = pixels_of(static_cast<size_t>(row));
        const auto begin = static_cast<size_t>(pixels.data() - contents().data());
        ranges.emplace_back(begin, begin + pixels.size());
    }
    std::ranges::sort(ranges);
    for (size_t i = 0; i < ranges.size();) {
        auto [begin, end] = ranges[i];
        for (++i; i < ranges.size() && ranges[i].first <= end + small_gap; ++i)
            end = std::max(end, ranges[i].second);
        mapping_.will_need(begin, end - begin);
    }
}

void MappedCache::fetch(std::span<const int64_t> rows) const {
    read_ahead(rows);
    for (const int64_t row : rows) {
        check(row);
        touch(pixels_of(static_cast<size_t>(row)));
    }
}

}  // namespace vitrine

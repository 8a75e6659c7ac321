// Building a cache file: one builder at a time, in a file that takes its place once it is whole.
#pragma once

#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>

#include "data/cache_file.h"
#include "data/pixel_slots.h"

namespace vitrine {

/// Why a cache could not be written. Not for the user: the images then stay in memory.
struct CacheUnwritable : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// The right to build the cache of one place, held until it goes out of scope. It is a lock on NAME.lock,
/// which nobody writes to: where that is a link, a pipe or another's file, this does without, and the work
/// may be done twice.
class BuildLock {
  public:
    /// Waits for other builders; `wait` is called meanwhile, and may throw.
    BuildLock(const std::filesystem::path& place, const std::function<void()>& wait);
    BuildLock(const BuildLock&) = delete;
    BuildLock& operator=(const BuildLock&) = delete;
    ~BuildLock();

    bool is_held() const { return descriptor_ >= 0; }

  private:
    std::filesystem::path path_;
    int descriptor_ = -1;
};

/// Removes what builders left that were killed. Only for who holds the lock.
void remove_leftovers(const std::filesystem::path& place);

/// Makes the cache file: `fill` appends the pixels, from any threads, and returns the records. Throws
/// CacheUnwritable, and what `fill` throws; nothing is left behind then.
void write_cache(const std::filesystem::path& place, const CacheSubject& subject,
                 const std::function<CacheRecords(const AppendPixels& append)>& fill);

}  // namespace vitrine

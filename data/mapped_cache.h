// A packed cache while it is used: mapped, its images read from the disk and checked as they are needed.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "data/image_set.h"
#include "data/mapping.h"
#include "engine/input_file.h"

namespace vitrine {

class MappedCache : public PixelFile {
  public:
    /// Throws FileError where it is no regular file.
    explicit MappedCache(const std::filesystem::path& path);

    bool is_mapped() const { return mapping_.is_mapped(); }
    std::span<const uint8_t> contents() const { return mapping_.contents(); }

    /// What the pixels, from byte `offset` of the file, are held against: row i is at places[i] and has hashes[i]. Once,
    /// before the functions below.
    void describe(size_t offset, std::shared_ptr<const std::vector<ImagePlace>> places,
                  std::vector<uint64_t> hashes);

    /// Caches are replaced, never written to: whoever writes into this one leaves pixels that nobody has
    /// checked. It is then removed, as a damaged one is, so that the next run makes it anew.
    void require_intact() const override;
    void check(int64_t row) const override;
    void fetch(std::span<const int64_t> rows) const override;
    uint64_t hash(int64_t row) const override { return hashes_.at(static_cast<size_t>(row)); }

  private:
    std::span<const uint8_t> pixels_of(size_t row) const;
    void read_ahead(std::span<const int64_t> rows) const;
    bool is_intact() const;
    [[noreturn]] void refuse(const std::string& what) const;

    InputFile file_;
    Mapping mapping_;
    size_t offset_ = 0;
    std::shared_ptr<const std::vector<ImagePlace>> places_;
    std::vector<uint64_t> hashes_;
    mutable std::vector<std::atomic<bool>> checked_;
};

}  // namespace vitrine

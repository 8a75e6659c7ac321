// Zip archives, read with libzip: entries that are not compressed by name, their bytes whole and under their checksums.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace vitrine {

class ZipArchive {
  public:
    /// The content must outlive the archive. Throws Error, a sentence with the archive as its subject, for what is damaged,
    /// for a name that stands twice, and for entries that would take more than the content has.
    explicit ZipArchive(std::string_view content);
    ~ZipArchive();

    const std::vector<std::string>& names() const { return names_; }
    bool has(const std::string& name) const { return entries_.contains(name); }
    /// 0 for one that is not there.
    uint64_t size(const std::string& name) const;
    /// Throws Error: it is not there, it is compressed, or its bytes are not those of its checksum.
    std::string read(const std::string& name) const;

  private:
    struct Entry {
        uint64_t index, size;
        bool stored;
    };
    struct Library;  // what libzip keeps

    void add(uint64_t index, uint64_t& left);

    std::unique_ptr<Library> library_;
    std::vector<std::string> names_;  // in the order of the archive
    std::unordered_map<std::string, Entry> entries_;
};

}  // namespace vitrine

// A file mapped into memory, and the two file operations round it that the packed cache needs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace vitrine {

/// An open file descriptor that closes itself; -1 where opening failed (errno says why).
class FileDescriptor {
  public:
    FileDescriptor(const std::filesystem::path& path, int flags);
    FileDescriptor(const FileDescriptor&) = delete;
    FileDescriptor& operator=(const FileDescriptor&) = delete;
    ~FileDescriptor();

    bool is_open() const { return descriptor_ >= 0; }
    int get() const { return descriptor_; }
    /// Bytes in the file; 0 where that cannot be told.
    size_t bytes() const;
    /// True where this is still the file that `path` names.
    bool is_at(const std::filesystem::path& path) const;

  private:
    int descriptor_;
};

/// The first `bytes` of a file as memory, shared with every process that maps it.
class Mapping {
  public:
    enum class Access { read, write };
    Mapping(const FileDescriptor& file, size_t bytes, Access access);
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    ~Mapping();

    bool is_mapped() const { return data_ != nullptr; }
    /// Valid only with Access::write.
    uint8_t* data() { return data_; }
    std::span<const uint8_t> contents() const { return {data_, bytes_}; }

  private:
    uint8_t* data_ = nullptr;
    size_t bytes_;
};

/// Flushes the entries of a folder to the disk, so that a rename in it survives a power cut.
void flush_folder(const std::filesystem::path& folder);

}  // namespace vitrine

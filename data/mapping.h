// A file mapped into memory, also where somebody cuts it short meanwhile.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace vitrine {

/// The first `bytes` of an open file as memory, shared with every process that maps it. The descriptor may be
/// closed.
///
/// To read past the end of a file that was truncated after it was mapped raises SIGBUS, which would end the
/// program. A handler, installed with the first mapping, puts zeros in the place of what is lost, and
/// is_lost() then says so.
class Mapping {
  public:
    enum class Access { read, write };
    Mapping(int descriptor, size_t bytes, Access access);
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    ~Mapping();

    bool is_mapped() const { return data_ != nullptr; }
    /// Valid only with Access::write.
    uint8_t* data() { return data_; }
    std::span<const uint8_t> contents() const { return {data_, bytes_}; }
    /// Asks the system to read these bytes from the disk, without waiting for it.
    void will_need(size_t offset, size_t bytes) const;
    /// Whether a part of the file was gone when it was read.
    bool is_lost() const;

  private:
    uint8_t* data_ = nullptr;
    size_t bytes_;
    size_t place_;  // in the table that the handler looks in
};

}  // namespace vitrine

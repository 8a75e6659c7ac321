// POSIX files behind the packed cache: see mapping.h.

#include "data/mapping.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace vitrine {

FileDescriptor::FileDescriptor(const std::filesystem::path& path, int flags)
    : descriptor_(open(path.c_str(), flags | O_CLOEXEC, 0644)) {}

FileDescriptor::~FileDescriptor() {
    if (is_open()) close(descriptor_);
}

size_t FileDescriptor::bytes() const {
    struct stat state {};
    return fstat(descriptor_, &state) == 0 ? static_cast<size_t>(state.st_size) : 0;
}

bool FileDescriptor::is_at(const std::filesystem::path& path) const {
    struct stat here {
    }, there{};
    return fstat(descriptor_, &here) == 0 && stat(path.c_str(), &there) == 0 && here.st_dev == there.st_dev &&
           here.st_ino == there.st_ino;
}

Mapping::Mapping(const FileDescriptor& file, size_t bytes, Access access) : bytes_(bytes) {
    const int protection = access == Access::write ? PROT_READ | PROT_WRITE : PROT_READ;
    void* address = mmap(nullptr, bytes, protection, MAP_SHARED, file.get(), 0);
    // MAP_FAILED is a cast in the old style, which the warnings forbid to spell out.
    if (reinterpret_cast<intptr_t>(address) != -1) data_ = static_cast<uint8_t*>(address);
}

Mapping::~Mapping() {
    if (is_mapped()) munmap(data_, bytes_);
}

void flush_folder(const std::filesystem::path& folder) {
    const FileDescriptor descriptor(folder, O_RDONLY | O_DIRECTORY);
    if (descriptor.is_open()) fsync(descriptor.get());
}

}  // namespace vitrine

// A file that grows at its end: see growing_file.h.

#include "tools/common/growing_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/atomic_file.h"
#include "engine/input_file.h"

namespace vitrine::tools {
namespace {

namespace fs = std::filesystem;

class Descriptor {
  public:
    /// Negative where it cannot be had: a link, a FIFO that nobody reads.
    explicit Descriptor(const fs::path& path)
        : number_(::open(path.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666)) {}
    ~Descriptor() {
        if (number_ >= 0) ::close(number_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int number() const { return number_; }

    bool is_ours_alone() const {
        struct stat status {};
        return number_ >= 0 && ::fstat(number_, &status) == 0 && S_ISREG(status.st_mode) &&
               status.st_nlink == 1;
    }

  private:
    int number_;
};

/// Whether cutting the file is all it takes. A full disk cannot prevent that.
bool begins_with(const fs::path& path, std::string_view content) {
    std::error_code failure;
    if (!fs::is_regular_file(fs::symlink_status(path, failure)) ||
        fs::file_size(path, failure) < content.size())
        return false;
    InputFile file(path, Links::refuse);
    std::string start(content.size(), '\0');
    return file.read(start) == content.size() && start == content;
}

}  // namespace

void GrowingFile::set(std::string_view content) {
    written_ = static_cast<int64_t>(content.size());
    pending_.clear();
    std::error_code failure;
    if (content.empty() && !fs::exists(fs::symlink_status(path_, failure))) return;
    if (begins_with(path_, content)) {
        const Descriptor file(path_);
        if (file.is_ours_alone() && ::ftruncate(file.number(), written_) == 0) return;
    }
    write_atomically(path_, {content}, Links::refuse);
}

bool GrowingFile::append(std::string_view more) {
    pending_ += more;
    return write_pending(Sync::no);
}

bool GrowingFile::flush() { return (written_ == 0 && pending_.empty()) || write_pending(Sync::yes); }

bool GrowingFile::write_pending(Sync sync) {
    const Descriptor file(path_);
    if (!file.is_ours_alone()) return false;
    size_t done = 0;
    while (done < pending_.size()) {
        const ssize_t count =
            ::pwrite(file.number(), pending_.data() + done, pending_.size() - done, written_);
        if (count <= 0) break;
        written_ += count;
        done += static_cast<size_t>(count);
    }
    pending_.erase(0, done);
    return pending_.empty() && (sync == Sync::no || ::fsync(file.number()) == 0);
}

}  // namespace vitrine::tools

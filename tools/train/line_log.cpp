// A text file that grows by lines: see line_log.h.

#include "tools/train/line_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "engine/error.h"

namespace vitrine::train {
namespace {

class Descriptor {
  public:
    explicit Descriptor(const std::filesystem::path& path)
        : number_(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644)) {}
    ~Descriptor() {
        if (number_ >= 0) ::close(number_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int number() const { return number_; }

  private:
    int number_;
};

}  // namespace

void LineLog::cut(int64_t bytes) {
    std::error_code failure;
    const bool exists = std::filesystem::exists(path_, failure);
    if (bytes > 0 && (!exists || static_cast<int64_t>(std::filesystem::file_size(path_, failure)) < bytes))
        throw Error(
            fmt::format("{} is shorter than the {} bytes it had at the checkpoint: lines were removed",
                        path_.string(), bytes));
    if (exists) std::filesystem::resize_file(path_, static_cast<uintmax_t>(bytes), failure);
    if (failure) throw Error(fmt::format("cannot cut {}: {}", path_.string(), failure.message()));
    written_ = bytes;
    pending_.clear();
}

bool LineLog::append(const std::string& line) {
    pending_ += line + '\n';
    return write_pending(Sync::no);
}

bool LineLog::flush() { return bytes() == 0 || write_pending(Sync::yes); }

bool LineLog::write_pending(Sync sync) {
    const Descriptor file(path_);
    if (file.number() < 0) return false;
    while (!pending_.empty()) {
        const ssize_t count = ::pwrite(file.number(), pending_.data(), pending_.size(), written_);
        if (count <= 0) break;
        written_ += count;
        pending_.erase(0, static_cast<size_t>(count));
    }
    return pending_.empty() && (sync == Sync::no || ::fsync(file.number()) == 0);
}

}  // namespace vitrine::train

// Reading image files in pieces: see byte_source.h.

#include "data/byte_source.h"

#include <fmt/format.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

namespace vitrine {
namespace {

constexpr size_t piece_bytes = 64 << 10;
/// Thumbnails, colour profiles, comments: photographs have some 100 KB of them.
constexpr uint64_t metadata_bytes = uint64_t{64} << 20;

std::string unreadable(const std::string& reason) {
    return fmt::format("the file cannot be read ({})", reason);
}

using HashState = std::unique_ptr<XXH3_state_s, void (*)(XXH3_state_s*)>;

HashState no_hash() {
    return {nullptr, [](XXH3_state_s*) {}};
}

HashState new_hash() {
    HashState state(XXH3_createState(), [](XXH3_state_s* old) { XXH3_freeState(old); });
    if (state == nullptr) throw std::bad_alloc();
    XXH3_64bits_reset(state.get());
    return state;
}

}  // namespace

ByteSource::ByteSource(std::span<const uint8_t> bytes, std::string path)
    : path_(std::move(path)),
      size_(bytes.size()),
      memory_(bytes),
      ready_(bytes),
      taken_(bytes.size()),
      limit_(metadata_bytes),
      hash_(no_hash()) {}

ByteSource::ByteSource(const std::filesystem::path& file) : ByteSource(FileRange{file, file.string()}) {}

ByteSource::ByteSource(const FileRange& range)
    : path_(range.name),
      start_(range.offset),
      is_part_(range.bytes.has_value()),
      limit_(metadata_bytes),
      hash_(new_hash()) {
    try {
        file_.emplace(range.file);
    } catch (const FileError& error) {
        throw ImageError(path_, unreadable(error.reason));
    }
    if (start_ > 0 && lseek(file_->descriptor(), static_cast<off_t>(start_), SEEK_SET) < 0)
        throw ImageError(path_, unreadable(std::strerror(errno)));
    size_ = range.bytes.value_or(file_->bytes() - std::min(start_, file_->bytes()));
    buffer_.resize(piece_bytes);
}

std::span<const uint8_t> ByteSource::look() noexcept {
    if (ready_.size() < piece_bytes) fill();
    return ready_;
}

void ByteSource::consume(size_t count) noexcept { ready_ = ready_.subspan(std::min(count, ready_.size())); }

size_t ByteSource::read(uint8_t* target, size_t count) noexcept {
    return take(count, [&target](std::span<const uint8_t> some) {
        std::memcpy(target, some.data(), some.size());
        target += some.size();
    });
}

size_t ByteSource::skip(size_t count) noexcept {
    return take(count, [](std::span<const uint8_t>) {});
}

void ByteSource::allow_pixels(int64_t pixels, int64_t bytes_each) noexcept {
    limit_ = metadata_bytes + static_cast<uint64_t>(pixels * bytes_each);
}

size_t ByteSource::read_at(uint64_t offset, uint8_t* target, size_t count) noexcept {
    if (offset >= size_) return 0;
    const auto allowed = static_cast<size_t>(
        std::min({uint64_t{count}, size_ - offset, limit_ - std::min(limit_, taken_anywhere_)}));
    size_t got = allowed;
    if (file_) {
        got = read_file_at(offset, target, allowed);
    } else {
        std::memcpy(target, memory_.data() + offset, allowed);
    }
    taken_anywhere_ += got;
    furthest_ = std::max(furthest_, offset + got);
    return got;
}

size_t ByteSource::read_file_at(uint64_t offset, uint8_t* target, size_t count) noexcept {
    size_t done = 0;
    while (done < count && error_.empty()) {
        const ssize_t got = pread(file_->descriptor(), target + done, count - done,
                                  static_cast<off_t>(start_ + offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) error_ = std::strerror(errno);
        if (got <= 0) break;
        done += static_cast<size_t>(got);
    }
    return done;
}

ContentHash ByteSource::hash_up_to(uint64_t bytes) const {
    const HashState hash = new_hash();
    std::vector<uint8_t> piece(piece_bytes);
    uint64_t done = 0;
    while (done < bytes) {
        const auto wanted = static_cast<size_t>(std::min<uint64_t>(piece.size(), bytes - done));
        const ssize_t got =
            pread(file_->descriptor(), piece.data(), wanted, static_cast<off_t>(start_ + done));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        XXH3_64bits_update(hash.get(), piece.data(), static_cast<size_t>(got));
        done += static_cast<uint64_t>(got);
    }
    return {done, XXH3_64bits_digest(hash.get())};
}

ContentHash ByteSource::content_read() const {
    const uint64_t furthest = std::min(furthest_, limit_);
    if (file_ && furthest > taken_) return hash_up_to(furthest);
    return {taken_, hash_ != nullptr ? XXH3_64bits_digest(hash_.get()) : 0};
}

std::optional<std::string> ByteSource::failure() const {
    if (!error_.empty()) return unreadable(error_);
    if ((file_ && taken_ >= limit_ && taken_ < size_) || taken_anywhere_ >= limit_) {
        return fmt::format("the image does not end within {} bytes, more than one of its size could need",
                           limit_);
    }
    return std::nullopt;
}

template <typename Action>
size_t ByteSource::take(size_t count, const Action& action) noexcept {
    size_t done = 0;
    while (done < count) {
        if (ready_.empty()) fill();
        if (ready_.empty()) break;
        const std::span<const uint8_t> some = ready_.first(std::min(count - done, ready_.size()));
        action(some);
        consume(some.size());
        done += some.size();
    }
    return done;
}

/// Moves what is ready to the front of the buffer and reads as much as there is room for.
void ByteSource::fill() noexcept {
    if (!file_ || !error_.empty()) return;
    std::copy(ready_.begin(), ready_.end(), buffer_.begin());
    const size_t kept = ready_.size();
    const uint64_t end = is_part_ ? std::min(limit_, size_) : limit_;
    const auto room = static_cast<size_t>(std::min<uint64_t>(buffer_.size() - kept, end - taken_));
    size_t got = 0;
    try {
        got = file_->read({reinterpret_cast<char*>(buffer_.data()) + kept, room});
    } catch (const FileError& error) {
        error_ = error.reason;
    }
    XXH3_64bits_update(hash_.get(), buffer_.data() + kept, got);
    taken_ += got;
    ready_ = {buffer_.data(), kept + got};
}

}  // namespace vitrine

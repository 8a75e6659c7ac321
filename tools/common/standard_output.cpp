// The standard output of a program: see standard_output.h.

#include "tools/common/standard_output.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iostream>
#include <streambuf>
#include <string_view>
#include <utility>

namespace vitrine::tools {
namespace {

bool throws = true;  // until go_on_without_output()

/// Of one write: 0, or errno.
int write_whole(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t count = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
        if (count >= 0) {
            bytes.remove_prefix(static_cast<size_t>(count));
        } else if (errno == EAGAIN) {  // another program has made the pipe or terminal that we share so
            pollfd until_there_is_room{STDOUT_FILENO, POLLOUT, 0};
            ::poll(&until_there_is_room, 1, -1);
        } else if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

}  // namespace

class StandardOutput::Buffer : public std::streambuf {
  public:
    void drain() {
        const std::string bytes = std::exchange(pending_, {});
        if (failure_.empty() && !bytes.empty())
            if (const int code = write_whole(bytes)) failure_ = std::strerror(code);
    }
    const std::string& failure() const { return failure_; }

  protected:
    std::streamsize xsputn(const char* bytes, std::streamsize count) override {
        const std::string_view added(bytes, static_cast<size_t>(count));
        pending_ += added;
        const bool line_ended = is_terminal_ && added.find('\n') != added.npos;
        if (line_ended || pending_.size() >= largest) sync();
        return count;
    }
    int_type overflow(int_type character) override {
        if (traits_type::eq_int_type(character, traits_type::eof())) return traits_type::not_eof(character);
        const char byte = traits_type::to_char_type(character);
        xsputn(&byte, 1);
        return character;
    }
    int sync() override {
        drain();
        if (!failure_.empty() && throws) throw OutputError(failure_);
        return 0;
    }

  private:
    static constexpr size_t largest = size_t{1} << 16;
    const bool is_terminal_ = ::isatty(STDOUT_FILENO) == 1;
    std::string pending_;
    std::string failure_;
};

StandardOutput::StandardOutput()
    : buffer_(std::make_unique<Buffer>()), before_(std::cout.rdbuf(buffer_.get())) {
    throws = true;
    std::cout.exceptions(std::ios::badbit);  // hands on what the buffer throws
}

StandardOutput::~StandardOutput() {
    finish();
    std::cout.rdbuf(before_);
}

std::string StandardOutput::finish() noexcept {
    throws = false;
    std::cout.exceptions(std::ios::goodbit);
    std::cout.clear();
    buffer_->drain();
    return buffer_->failure();
}

void go_on_without_output() { throws = false; }

}  // namespace vitrine::tools

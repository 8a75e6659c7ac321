// Programs on a terminal: see terminal.h.

#include "tests/tools/terminal.h"

#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <stdexcept>

#include "tests/folders.h"

namespace vitrine::tests {
namespace {

winsize size_of(int columns) {
    winsize size{};
    size.ws_row = 24;
    size.ws_col = static_cast<unsigned short>(columns);
    return size;
}

}  // namespace

Terminal::Terminal(const std::string& name, std::vector<std::string> arguments, int columns,
                   const std::map<std::string, std::string>& environment) {
    const std::string executable = built_programs() / name, cache = folder_ / "cache";
    arguments.insert(arguments.begin(), executable);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    const winsize size = size_of(columns);
    process_ = ::forkpty(&master_, nullptr, nullptr, &size);
    if (process_ < 0) throw std::runtime_error("no pseudo-terminal");
    if (process_ > 0) return;
    ::setenv("XDG_CACHE_HOME", cache.c_str(), 1);
    ::setenv("TERM", "xterm", 1);
    ::unsetenv("COLUMNS");
    for (const auto& [key, value] : environment) ::setenv(key.c_str(), value.c_str(), 1);
    ::execv(executable.c_str(), argv.data());
    ::_exit(127);
}

Terminal::~Terminal() {
    if (process_ > 0) {
        ::kill(process_, SIGKILL);
        ::waitpid(process_, nullptr, 0);
    }
    ::close(master_);
}

void Terminal::resize(int columns) const {
    const winsize size = size_of(columns);
    ::ioctl(master_, TIOCSWINSZ, &size);
}

void Terminal::send(int signal) const { ::kill(process_, signal); }

bool Terminal::read_more() {
    std::array<char, 4096> bytes{};
    const ssize_t count = ::read(master_, bytes.data(), bytes.size());  // EIO where nobody has it open
    if (count > 0) printed_.append(bytes.data(), static_cast<size_t>(count));
    return count > 0;
}

bool Terminal::read_until(const std::function<bool(const std::string&)>& enough) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!enough(printed_)) {
        pollfd wanted{master_, POLLIN, 0};
        if (std::chrono::steady_clock::now() > deadline) return false;
        if (::poll(&wanted, 1, 1000) > 0 && !read_more()) return false;
    }
    return true;
}

const std::string& Terminal::read_all_there_is() {
    pollfd wanted{master_, POLLIN, 0};
    while (::poll(&wanted, 1, 200) > 0 && read_more()) {
    }
    return printed_;
}

Outcome Terminal::wait() {
    while (read_more()) {
    }
    int status = 0;
    ::waitpid(process_, &status, 0);
    process_ = -1;
    const int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return {code, printed_, ""};
}

std::vector<std::string> lines_shown(const std::string& printed) {
    constexpr std::string_view erase = "\x1b[K";
    std::vector<std::string> lines(1);
    for (size_t i = 0; i < printed.size(); ++i) {
        if (printed.compare(i, erase.size(), erase) == 0) {
            lines.back().clear();
            i += erase.size() - 1;
        } else if (printed[i] == '\n' || printed[i] == '\r') {
            lines.emplace_back();
        } else {
            lines.back() += printed[i];
        }
    }
    std::erase(lines, "");
    return lines;
}

}  // namespace vitrine::tests

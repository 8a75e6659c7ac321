// Running the built programs from tests: see program.h.

#include "tests/tools/program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "engine/random.h"
#include "tests/folders.h"

namespace vitrine::tests {
namespace {

namespace fs = std::filesystem;

void redirect(int descriptor, const std::string& file) {
    const int to = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    ::dup2(to, descriptor);
    ::close(to);
}

void write_image(const fs::path& file, const std::array<int, 3>& colour, uint32_t number) {
    constexpr int side = 16;
    std::ofstream stream(file, std::ios::binary);
    stream << fmt::format("P6\n{} {}\n255\n", side, side);
    for (uint64_t i = 0; i < side * side * 3; ++i) {
        const uint64_t noise =
            random_below({.seed = 7, .purpose = RandomPurpose::test, .sample = number}, i, 120);
        stream.put(static_cast<char>(static_cast<uint64_t>(colour[i % 3]) + noise));
    }
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "vitrine-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
    std::error_code failure;
    fs::remove_all(path_, failure);
}

std::vector<std::string> Outcome::lines() const {
    std::vector<std::string> all;
    std::istringstream stream(out);
    for (std::string line; std::getline(stream, line);) all.push_back(line);
    return all;
}

std::string Outcome::last_line() const { return out.empty() ? "" : lines().back(); }

Program::Program(const std::string& name, std::vector<std::string> arguments,
                 const fs::path& working_folder) {
    const std::string executable = built_programs() / name;  // an absolute name stays what it is
    arguments.insert(arguments.begin(), executable);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    const std::string out = folder_ / "out", err = folder_ / "err", cache = folder_ / "cache";
    process_ = ::fork();
    if (process_ < 0) throw std::runtime_error("cannot fork");
    if (process_ > 0) return;
    redirect(STDOUT_FILENO, out);
    redirect(STDERR_FILENO, err);
    ::setenv("XDG_CACHE_HOME", cache.c_str(), 1);
    if (!working_folder.empty() && ::chdir(working_folder.c_str()) != 0) ::_exit(127);
    ::execv(executable.c_str(), argv.data());
    ::_exit(127);
}

Program::~Program() {
    if (!running()) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, &status_, 0);
}

void Program::send(int signal) const { ::kill(process_, signal); }

bool Program::running() {
    if (!ended_) ended_ = ::waitpid(process_, &status_, WNOHANG) == process_;
    return !ended_;
}

bool Program::wait_for_output(const std::string& text) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (std::chrono::steady_clock::now() < deadline) {
        if (output().find(text) != std::string::npos) return true;
        if (!running()) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
}

std::string Program::output() const { return content_of(folder_ / "out"); }

Outcome Program::wait() {
    if (!ended_) ::waitpid(process_, &status_, 0);
    ended_ = true;
    const int code = WIFSIGNALED(status_) ? 128 + WTERMSIG(status_) : WEXITSTATUS(status_);
    return {code, content_of(folder_ / "out"), content_of(folder_ / "err")};
}

Outcome run(const std::string& name, std::vector<std::string> arguments) {
    return Program(name, std::move(arguments)).wait();
}

Outcome run_script(const std::string& script) {
    return run("/bin/bash", {"-c", fmt::format("PATH='{}':$PATH\n{}", built_programs().string(), script)});
}

void write_colours(const fs::path& folder) {
    struct Class {
        const char* name;
        std::array<int, 3> colour;
    };
    constexpr std::array classes{Class{"fire", {110, 60, 60}}, Class{"sea, \"deep\"", {60, 60, 110}},
                                 Class{"wood", {60, 110, 60}}};
    uint32_t number = 0;
    for (const auto& [part, count] : {std::pair{"train", 40}, std::pair{"val", 12}}) {
        for (const Class& each : classes) {
            const fs::path place = folder / part / each.name;
            fs::create_directories(place);
            for (int i = 0; i < count; ++i, ++number)
                write_image(place / fmt::format("{}-{:02}.ppm", part, number % 100), each.colour, number);
        }
    }
}

std::string content_of(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    std::ostringstream content;
    content << stream.rdbuf();
    return content.str();
}

}  // namespace vitrine::tests

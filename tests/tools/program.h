// Running the built programs from tests, as a user would.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace vitrine::tests {

/// A new folder that disappears with its owner.
class TemporaryFolder {
  public:
    TemporaryFolder();
    ~TemporaryFolder();
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    const std::filesystem::path& path() const { return path_; }
    std::string operator/(const std::string& name) const { return (path_ / name).string(); }

  private:
    std::filesystem::path path_;
};

struct Outcome {
    int code = 0;  // exit code; 128 + the number of the signal that killed it
    std::string out, err;

    /// The last line of `out`.
    std::string last_line() const;
    std::vector<std::string> lines() const;
};

/// A running program of build/<preset>/bin. Decoded images are cached in a folder of its own.
class Program {
  public:
    /// It works in `working_folder`, or in this program's where that is empty.
    Program(const std::string& name, std::vector<std::string> arguments,
            const std::filesystem::path& working_folder = {});
    ~Program();
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;

    void send(int signal) const;
    /// Waits until the standard output holds this text; false if the program ends or a minute passes before.
    bool wait_for_output(const std::string& text);
    /// What it has printed so far.
    std::string output() const;
    Outcome wait();
    pid_t process() const { return process_; }

  private:
    bool running();

    TemporaryFolder folder_;
    pid_t process_ = -1;
    int status_ = 0;
    bool ended_ = false;
};

Outcome run(const std::string& name, std::vector<std::string> arguments);

/// A shell script with the programs on its PATH, for redirections, pipes and limits.
Outcome run_script(const std::string& script);

/// A folder of tiny images that are easy to learn: three classes that differ in colour under noise, `train`
/// with 40 and `val` with 12 images of 16×16 each. The second class is called `sea, "deep"`.
void write_colours(const std::filesystem::path& folder);

std::string content_of(const std::filesystem::path& file);

}  // namespace vitrine::tests

// The standard output of a program: what is written to std::cout arrives, or the program learns that it did
// not.
//
// A stream remembers a failure and no more: a full disk or a pipe that nobody reads would pass for success.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>

namespace vitrine::tools {

/// Thrown by whoever writes to std::cout, so that a program does not work on for nobody.
struct OutputError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// While it lives, std::cout is buffered here: written line by line to a terminal, else when it is flushed or
/// a buffer is full. A program has one (run_program).
class StandardOutput {
  public:
    StandardOutput();
    ~StandardOutput();
    StandardOutput(const StandardOutput&) = delete;
    StandardOutput& operator=(const StandardOutput&) = delete;

    /// Writes what is left; nothing is thrown from here on. Empty where everything has arrived, else why not.
    std::string finish() noexcept;

  private:
    class Buffer;
    std::unique_ptr<Buffer> buffer_;
    std::streambuf* before_;
};

/// For a program whose files are what it is run for: from now on no OutputError is thrown, and what cannot be
/// printed is dropped. run_program still ends with a sentence and code 1.
void go_on_without_output();

}  // namespace vitrine::tools

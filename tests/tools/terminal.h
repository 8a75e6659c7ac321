// Programs on a terminal, as a user sees them.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/tools/program.h"

namespace vitrine::tests {

/// A program of build/<preset>/bin with a pseudo-terminal for its standard output and error. TERM is xterm
/// and COLUMNS is not set, unless `environment` says otherwise.
class Terminal {
  public:
    Terminal(const std::string& name, std::vector<std::string> arguments, int columns,
             const std::map<std::string, std::string>& environment = {});
    ~Terminal();
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;

    /// What a window does whose edge is moved.
    void resize(int columns) const;
    void send(int signal) const;
    /// Reads on until what was printed is enough; false where the program ends or a minute passes before.
    bool read_until(const std::function<bool(const std::string& printed)>& enough);
    /// Reads until nothing has come for a fifth of a second; returns all that was printed so far.
    const std::string& read_all_there_is();
    /// Reads to the program's end. All that was printed is in `out`.
    Outcome wait();

  private:
    /// False at the end.
    bool read_more();

    TemporaryFolder folder_;
    int master_ = -1;
    pid_t process_ = -1;
    std::string printed_;
};

/// Every line that stood on the terminal, those that were written over among them.
std::vector<std::string> lines_shown(const std::string& printed);

}  // namespace vitrine::tests

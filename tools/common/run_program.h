// The frame of every program: what ends it, with which code, and what is said then.
#pragma once

#include <functional>
#include <stdexcept>
#include <string>

namespace vitrine::tools {

/// The work was begun and failed, as one sentence says: exit code 1.
struct Failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// How a program ends, and what it says then.
struct ProgramEnding {
    int code = 0;
    std::string sentence{};  // empty: nothing
};

/// What the exception that is being handled means to the user.
ProgramEnding ending_of_exception();

/// Runs a program and returns its exit code: what `body` returns, and 0 for --help.
///
/// 2, after one sentence behind the program's name, for what a user can put right: an Error, a mistake on the
/// command line, too little memory, too few threads or processes, a folder that has gone. 1 after a Failure
/// or a DeviceFault, where the results did not arrive at the standard output (standard_output.h), and, as an
/// "internal error", for whatever else is thrown.
///
/// A pipe that nobody reads and a file that grows beyond its limit (ulimit -f) are errors like a full disk
/// here, not signals. A standard stream that was closed stays unusable, so that no file takes its number.
int run_program(const char* name, const std::function<int()>& body);

/// Tells the user a sentence, on the standard error: "NAME: SENTENCE". What a terminal would obey in it is
/// escaped, and the middle of an endless one is left out (engine/escape.h).
void tell(const char* name, const std::string& sentence);

}  // namespace vitrine::tools

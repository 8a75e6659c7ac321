// The frame of every program: see run_program.h.

#include "tools/common/run_program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <exception>
#include <filesystem>
#include <iostream>
#include <new>
#include <optional>
#include <stdexcept>
#include <system_error>

#include "engine/error.h"
#include "engine/escape.h"
#include "kernels/device_fault.h"
#include "tools/common/standard_output.h"

namespace vitrine::tools {
namespace {

constexpr int done = 0, failed = 1, to_be_put_right = 2;

const char* program = "";  // for the handler below, which is given nothing

/// Opened the wrong way round, so that whatever uses it fails as it would with a closed one.
void keep_standard_streams_taken() {
    for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        if (::fcntl(stream, F_GETFD) >= 0) continue;
        const int wrong_way = stream == STDIN_FILENO ? O_WRONLY : O_RDONLY;
        [[maybe_unused]] const int taken = ::open("/dev/null", wrong_way);  // the lowest number that is free
    }
}

std::string describe(const std::filesystem::filesystem_error& error) {
    std::error_code gone;
    if (std::filesystem::current_path(gone).empty())
        return "the working folder does not exist any more: change to one that does";
    return fmt::format("{}: {}", error.path1().string(), error.code().message());
}

/// Where an exception has nowhere to go, as on a thread of a kernel: too little memory there is no crash.
[[noreturn]] void end_at_once() {
    if (std::current_exception()) {
        const ProgramEnding ending = ending_of_exception();
        tell(program, ending.sentence);
        if (ending.code == to_be_put_right) ::_exit(ending.code);
    }
    std::abort();
}

ProgramEnding ending_of(const std::function<int()>& body) {
    try {
        return {body(), ""};
    } catch (const std::exception&) {
        return ending_of_exception();
    }
}

}  // namespace

ProgramEnding ending_of_exception() {
    try {
        throw;
    } catch (const CLI::CallForHelp&) {
        return {done, ""};
    } catch (const OutputError&) {
        return {failed, ""};  // said below, with everything else that was not written
    } catch (const CLI::ParseError& error) {
        return {to_be_put_right, fmt::format("{} (see {} --help)", error.what(), program)};
    } catch (const Error& error) {
        return {to_be_put_right, error.what()};
    } catch (const Failure& failure) {
        return {failed, failure.what()};
    } catch (const DeviceFault& fault) {
        return {failed, fault.what()};
    } catch (const std::bad_alloc&) {
        return {to_be_put_right, "there is not enough memory for this"};
    } catch (const std::length_error&) {
        return {to_be_put_right, "this would need more memory than any machine has"};
    } catch (const std::filesystem::filesystem_error& error) {
        return {to_be_put_right, describe(error)};
    } catch (const std::system_error& error) {
        return {to_be_put_right,
                fmt::format("the system refuses what is needed: {}", error.code().message())};
    } catch (const std::exception& error) {
        return {failed, fmt::format("internal error: {}", error.what())};
    }
}

int run_program(const char* name, const std::function<int()>& body) {
    program = name;
    keep_standard_streams_taken();
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);
    std::set_terminate(end_at_once);
    StandardOutput output;
    ProgramEnding ending = ending_of(body);
    const std::string lost = output.finish();
    if (!ending.sentence.empty()) tell(name, ending.sentence);
    if (!lost.empty()) {
        tell(name, fmt::format("not everything could be written to the standard output: {}", lost));
        if (ending.code == done) ending.code = failed;
    }
    return ending.code;
}

void tell(const char* name, const std::string& sentence) {
    std::cerr << name << ": " << printable(sentence) << std::endl;
}

}  // namespace vitrine::tools

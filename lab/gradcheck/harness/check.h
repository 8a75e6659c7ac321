// Checks the kernels of one table against differences and against another table, problem by problem.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/kernels.h"
#include "lab/gradcheck/harness/device_checks.h"
#include "lab/gradcheck/harness/line.h"
#include "lab/gradcheck/harness/problem.h"

namespace vitrine::gradcheck {

/// What is asked of every kernel.
namespace tolerance {
/// Relative error of an f64 gradient against central differences.
inline constexpr double differences = 1e-6;
/// Normalised mean-square error against the reference, whose sums are in double: 1e-12 and 1e-5 in root mean
/// square.
inline constexpr double mean_square_f64 = 1e-24;
inline constexpr double mean_square_f32 = 1e-10;
/// Largest error of a single element over the root mean square, so that one bad tail does not drown in a
/// large tensor.
inline constexpr double largest_f64 = 1e-10;
inline constexpr double largest_f32 = 1e-4;
/// In a 16-bit type, of sums that are kept in f32 beside it too: how many roundings of that type an element may be off, and all
/// of them in root mean square.
inline constexpr double largest_roundings = 4;
inline constexpr double mean_roundings = 1;
}  // namespace tolerance

/// oneDNN cuts its sums by the number of threads and cannot be told otherwise, so that it repeats its bits
/// only with the same number. It is checked for that much, and it must never be the first choice for any
/// arguments: the project's rule of the same bits with any number of threads holds for whatever runs unless it
/// is forced.
inline constexpr std::string_view bits_follow_threads[]{"onednn"};

/// An op's problems, made when they are needed.
struct Suite {
    std::string op;  // "linear": the kernels' names without _forward and _backward
    std::function<std::vector<Problem>()> problems;
    std::function<std::vector<Problem>()> layers{};  // at shapes of real models: for the report
};

/// Which kernels and implementations are checked.
struct Selection {
    std::function<bool(std::string_view kernel)> kernel = [](std::string_view) { return true; };
    std::function<bool(std::string_view kernel, std::string_view implementation)> implementation =
        [](std::string_view, std::string_view) { return true; };
    /// Of the problem. Where a shape is left out, nobody asks whether every implementation took a problem.
    std::function<bool(std::string_view shape)> shape = [](std::string_view) { return true; };
    Effort effort = Effort::usual;
    /// How many other processes share the problems; 0: they are checked in this one. A device that fails ends
    /// the process that it fails in, and another goes on.
    int processes = 0;
};

struct Totals {
    int passed = 0;
    int failed = 0;
};

/// Checks `tested` with `oracle` (the reference) over all suites. Beside the problems' lines these are
/// failures: a kernel without a problem, arguments that no implementation takes, an implementation of ours
/// that takes no problem. What this machine lacks, a GPU's library or a processor's instructions, is told as refused. With other processes the device
/// is not used in this one, and `tested` may be listed_kernels(). Throws UnusableDevice where the device
/// cannot be used; without other processes, DeviceFault after it has failed.
Totals check(const std::vector<Suite>& suites, const KernelTable& tested, const KernelTable& oracle,
             const Selection& selection, const Sink& sink);

}  // namespace vitrine::gradcheck

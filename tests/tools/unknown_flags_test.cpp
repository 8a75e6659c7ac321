// Every program names what it does not know, and the name that was probably meant.

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/tools/program.h"

namespace vitrine::tests {
namespace {

/// Exit code 2, and one line that begins with the program's name and then says this.
void check_says(const std::string& program, const std::vector<std::string>& arguments,
                const std::string& sentence) {
    const Outcome outcome = run(program, arguments);
    CAPTURE(program);
    CAPTURE(outcome.err);
    CHECK(outcome.code == 2);
    CHECK(outcome.err == program + ": " + sentence + "\n");
}

}  // namespace

TEST_CASE("a flag that a program does not know is told with the one that is nearest") {
    check_says("train", {"--epoch", "5"}, "--epoch is not known; did you mean --epochs? (see train --help)");
    check_says("train", {"--batchsize=8"},
               "--batchsize is not known; did you mean --batch-size? (see train --help)");
    check_says("gradcheck", {"--opp", "add"},
               "--opp is not known; did you mean --op? (see gradcheck --help)");
    check_says("resources", {"--kernels", "x"},
               "--kernels is not known; did you mean --kernel? (see resources --help)");
    check_says("bench", {"step", "--batch_size", "8"},
               "--batch_size is not known; did you mean --batch-size? (see bench --help)");
    check_says("inspect", {"step", "--modell", "x"},
               "--modell is not known; did you mean --model? (see inspect --help)");
    // Nothing is near.
    check_says("train", {"--quux-corge-grault"}, "--quux-corge-grault is not known (see train --help)");
}

TEST_CASE("what a program does not know is told before what it misses") {
    check_says("report", {"--outt", "page.html"},
               "--outt is not known; did you mean --out? (see report --help)");
    check_says("predict", {"--csvv", "x"}, "--csvv is not known; did you mean --csv? (see predict --help)");
    check_says("export", {"--tto", "onnx"}, "--tto is not known; did you mean --to? (see export --help)");
    check_says("bench", {"op", "--devices", "cpu"},
               "--devices is not known; did you mean --device? (see bench --help)");
}

TEST_CASE("a word too many is told") {
    check_says("train", {"a.toml", "b.toml"}, "b.toml is more than is taken (see train --help)");
    check_says("bench", {"op", "add", "linear"}, "linear is more than is taken (see bench --help)");
}

}  // namespace vitrine::tests

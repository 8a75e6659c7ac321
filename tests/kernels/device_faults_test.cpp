// A device that fails in the middle of gradcheck: which pass it was is told, and the others are still
// checked.

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "kernels/device_fault.h"
#include "kernels/simt/planted_fault.h"
#include "lab/gradcheck/cases/list.h"
#include "tests/tools/program.h"

using namespace vitrine;
using gradcheck::Line;
using gradcheck::Status;

namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

/// A fault until the end of the scope, in this process and those that it starts.
class Planted {
  public:
    explicit Planted(const std::string& text) {
        if (!text.empty()) simt::plant_fault(simt::fault_from_text(text));
    }
    ~Planted() { simt::remove_fault(); }
    Planted(const Planted&) = delete;
    Planted& operator=(const Planted&) = delete;
};

std::string place_of(const Line& line) {
    return line.kernel + " " + line.implementation + " " + line.type + " " + line.shape;
}

std::vector<Line> lines_with(const std::string& fault, int processes) {
    const Planted planted(fault);
    gradcheck::Selection selection;
    selection.kernel = [](std::string_view name) {
        return name.starts_with("add_") || name.starts_with("activation_");
    };
    selection.shape = [](std::string_view shape) { return shape.find("33") != shape.npos; };
    selection.processes = processes;
    std::vector<Line> lines;
    gradcheck::check({{"add", gradcheck::add_problems}, {"activation", gradcheck::activation_problems}},
                     listed_kernels(Device::simt), kernels(Device::reference), selection,
                     [&](const Line& line) { lines.push_back(line); });
    return lines;
}

/// Lines as without a fault, but for those of add_forward's packs, which fail and say why.
void check_told(const std::vector<Line>& lines, const std::vector<Line>& usual) {
    REQUIRE(lines.size() == usual.size());
    int failed = 0;
    for (size_t i = 0; i < lines.size(); ++i) {
        const Line& line = lines[i];
        CHECK(place_of(line) == place_of(usual[i]));
        const bool packs = line.kernel == "add_forward" && line.implementation == "packs";
        if (!packs || usual[i].status == Status::refused) {
            CHECK(gradcheck::to_text(line) == gradcheck::to_text(usual[i]));
            continue;
        }
        ++failed;
        REQUIRE(line.status == Status::failed);
        const std::string& said = line.failures.front();
        CHECK_MESSAGE(contains(said, "an illegal memory access was encountered"), said);
        CHECK_MESSAGE(contains(said, "the kernel that went wrong is add_packs<"), said);
        CHECK_MESSAGE(contains(said, "add_forward packs"), said);
    }
    CHECK(failed == 3);  // of f64, f32 and a 16-bit type
}

}  // namespace

TEST_CASE(
    "gradcheck: a kernel that makes the device fail is named with its problem, and all others are checked") {
    const std::vector<Line> usual = lines_with("", 2);
    check_told(lines_with("cudaErrorIllegalAddress@add_packs:1", 2), usual);
    check_told(lines_with("cudaErrorIllegalAddress@add_packs:1", 1), usual);
    // Later, in the middle of the variants and repetitions, and with an error that shows before anybody
    // waits.
    check_told(lines_with("cudaErrorIllegalAddress@add_packs:3", 1), usual);
    check_told(lines_with("cudaErrorIllegalAddress@add_packs:2+0", 2), usual);
}

TEST_CASE("gradcheck: in one process alone, the pass is named and then the rest given up") {
    std::string said;
    try {
        lines_with("cudaErrorIllegalAddress@add_packs:1", 0);
    } catch (const DeviceFault& fault) {
        said = fault.what();
    }
    CHECK_MESSAGE(contains(said, "nothing more can be checked in this process"), said);
    CHECK_MESSAGE(contains(said, "add_packs<double>"), said);
}

TEST_CASE("gradcheck as a program: a fault is a failed line and exit code 1") {
    const std::string check = " gradcheck --device simt --op add --shape 33";
    const tests::Outcome late =
        tests::run_script("VITRINE_SIMT_FAULT=cudaErrorLaunchFailure@add_packs:2" + check);
    CHECK(late.code == 1);
    CHECK_MESSAGE(contains(late.out, "FAIL    add_forward  packs  f32  [33]"), late.out);
    CHECK_MESSAGE(contains(late.out,
                           "unspecified launch failure (cudaErrorLaunchFailure); the kernel that went "
                           "wrong is add_packs<float>"),
                  late.out);
    CHECK_MESSAGE(contains(late.out, "ok      add_backward  elements  f64"), late.out);
    CHECK(late.err == "");
    const tests::Outcome blocking = tests::run_script(
        "CUDA_LAUNCH_BLOCKING=1 VITRINE_SIMT_FAULT=cudaErrorLaunchFailure@add_packs:2" + check);
    CHECK(blocking.code == 1);
    CHECK_MESSAGE(contains(blocking.out, "launch of add_packs<float> with"), blocking.out);
}

TEST_CASE("a device that cannot be used is one sentence, which names what is missing once") {
    struct Case {
        const char* error;
        const char* says;
    };
    for (const Case& one :
         {Case{"cudaErrorInsufficientDriver", "there is no NVIDIA driver, or one older than"},
          Case{"cudaErrorNoDevice", "no CUDA-capable device is detected; see whether nvidia-smi"}}) {
        const tests::Outcome outcome = tests::run_script(std::string("VITRINE_SIMT_FAULT=") + one.error +
                                                         " gradcheck --device simt --op add --shape 33");
        CHECK(outcome.code == 2);
        CHECK_MESSAGE(contains(outcome.err, one.says), outcome.err);
        CHECK(outcome.err.find('\n') == outcome.err.size() - 1);
        const size_t driver = outcome.err.find("driver");
        CHECK_MESSAGE(
            (driver == std::string::npos || outcome.err.find("driver", driver + 1) == std::string::npos),
            outcome.err);
    }
    const tests::Outcome unknown =
        tests::run_script("VITRINE_SIMT_FAULT=gremlins gradcheck --device simt --op add");
    CHECK(unknown.code == 2);
    CHECK_MESSAGE(contains(unknown.err, "VITRINE_SIMT_FAULT: 'gremlins'"), unknown.err);
}

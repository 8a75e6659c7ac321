// Libraries that are missing, broken or cannot start, as gradcheck meets them: each is a refusal with its
// reason, and everything else goes on.

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/tools/program.h"

namespace vitrine::tests {
namespace {

namespace fs = std::filesystem;

bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// A folder that is searched for libraries before the stand-ins are found.
class Libraries {
  public:
    void add(const std::string& name, const std::string& stand_in) const {
        fs::create_symlink(fs::path(VITRINE_STAND_INS) / stand_in, folder_.path() / name);
    }
    void add_text(const std::string& name) const {
        std::ofstream(folder_.path() / name) << "This is no library.\n";
    }
    std::string environment() const {
        return "LD_LIBRARY_PATH=" + folder_.path().string() + ":" + VITRINE_STAND_INS;
    }

  private:
    TemporaryFolder folder_;
};

/// gradcheck over the libraries' implementations of an op, and ours.
Outcome check(const std::string& environment, const std::string& op) {
    return run_script(environment + " gradcheck_vendor --device simt --op " + op);
}

/// The library took no problem for this reason; our own kernels passed.
void check_refused(const Outcome& outcome, const std::string& library, const std::string& reason) {
    CHECK(outcome.code == 0);
    CHECK_MESSAGE(holds(outcome.out, "  " + library + ": every case"), outcome.out.substr(0, 2000));
    CHECK_MESSAGE(holds(outcome.out, reason), outcome.out.substr(0, 2000));
    CHECK(holds(outcome.out, ", 0 failed"));
    CHECK(!holds(outcome.out, "ok      global_average_pool_forward  " + library));
    CHECK(outcome.err.empty());
}

}  // namespace

TEST_CASE("a cuDNN without a usable driver refuses, and gradcheck goes on") {
    check_refused(check("VITRINE_STAND_IN_FAILS=cudnnCreate=1001", "global_average_pool"), "cudnn",
                  "it cannot start: CUDNN_STATUS_NOT_INITIALIZED");
}

TEST_CASE("a cuBLAS without a usable driver refuses, and gradcheck goes on") {
    check_refused(check("VITRINE_STAND_IN_FAILS=cublasCreate_v2=1", "linear_forward"), "cublas",
                  "it cannot start: CUBLAS_STATUS_NOT_INITIALIZED");
}

TEST_CASE("a cuDNN that cannot take the stream, or make a descriptor, refuses") {
    check_refused(check("VITRINE_STAND_IN_FAILS=cudnnSetStream=3009", "global_average_pool"), "cudnn",
                  "it cannot start: CUDNN_STATUS_NOT_SUPPORTED_SUBLIBRARY_UNAVAILABLE");
    check_refused(check("VITRINE_STAND_IN_FAILS=cudnnCreatePoolingDescriptor=3009", "global_average_pool"),
                  "cudnn",
                  "cuDNN does not take this shape: CUDNN_STATUS_NOT_SUPPORTED_SUBLIBRARY_UNAVAILABLE");
}

TEST_CASE("a cuDNN without one of its parts is not called, since it would end the process") {
    const Libraries libraries;
    libraries.add("libcudnn.so.9", "libcudnn.so.9");
    libraries.add_text("libcudnn_graph.so.9");
    check_refused(
        check(libraries.environment() + " VITRINE_STAND_IN_FAILS=cudnnCreate=abort", "global_average_pool"),
        "cudnn", "a part of it cannot be loaded: ");
}

TEST_CASE("a library that lacks a function is named with it") {
    const Libraries libraries;
    libraries.add("libcudnn.so.9", "libcudnn_ops.so.9");
    check_refused(check(libraries.environment(), "global_average_pool"), "cudnn",
                  "it has no function cudnnCreate");
    libraries.add("libcublas.so.13", "libcudnn_ops.so.9");
    check_refused(check(libraries.environment(), "linear_forward"), "cublas",
                  "it has no function cublasCreate_v2");
}

TEST_CASE("a library that is none says so") {
    const Libraries libraries;
    libraries.add_text("libcublas.so.13");
    check_refused(check(libraries.environment(), "linear_forward"), "cublas", "it cannot be loaded: ");
}

TEST_CASE("a library that is asked for by name and cannot be used is one sentence and exit code 2") {
    const Libraries libraries;
    libraries.add_text("libcudnn.so.9");
    const Outcome outcome =
        run_script(libraries.environment() + " gradcheck_vendor --device simt --impl cudnn --op add");
    CHECK(outcome.code == 2);
    CHECK(outcome.out.empty());
    CHECK(holds(outcome.err, "--impl cudnn: it cannot be used here: it cannot be loaded: "));
    const Outcome forced = run_script(
        "VITRINE_STAND_IN_FAILS=cublasCreate_v2=1 gradcheck_vendor --device simt --op linear_forward "
        "--impl linear_forward=cublas");
    CHECK(forced.code == 2);
    CHECK(holds(forced.err, "nothing was checked: everything that is selected refuses every problem"));
}

TEST_CASE("a call that fails is a failure that names it, and gradcheck goes on") {
    const Outcome outcome =
        check("VITRINE_STAND_IN_FAILS=cudnnPoolingForward=5000", "global_average_pool_forward");
    CHECK(outcome.code == 1);
    CHECK(holds(outcome.out, "FAIL    global_average_pool_forward  cudnn"));
    CHECK(holds(outcome.out, "it threw: cudnnPoolingForward at "));
    CHECK(holds(outcome.out, "failed: CUDNN_STATUS_EXECUTION_FAILED"));
    CHECK(holds(outcome.out, "ok      global_average_pool_forward  packs"));
}

}  // namespace vitrine::tests

// What gradcheck sees on the simt device and nowhere else: kernels whose results are right and which are
// wrong.

#include <doctest/doctest.h>
#include <signal.h>

#include <string>
#include <vector>

#include "lab/gradcheck/cases/list.h"
#include "tests/kernels/wrong_kernels.h"

using namespace vitrine;
using gradcheck::Line;
using gradcheck::Status;

namespace {

/// What is said against this addition, on problems of a shape. (One that ends its process needs another one.)
std::string said_against(void (*run)(const AddForward&, Context&), const std::string& shape = "",
                         int processes = 0) {
    const Implementation<AddForward> list[]{{"wrong", refuses_nothing, run}};
    const Kernel<AddForward> kernel{"add_forward", list};
    KernelTable table = kernels(Device::simt);
    table.add_forward.kernel = &kernel;
    gradcheck::Selection selection;
    selection.kernel = [](std::string_view name) { return name == "add_forward"; };
    selection.shape = [&](std::string_view text) { return text.find(shape) != text.npos; };
    selection.processes = processes;
    std::string said;
    gradcheck::check({{"add", gradcheck::add_problems}}, table, kernels(Device::reference), selection,
                     [&](const Line& line) {
                         if (line.status == Status::failed) said += gradcheck::to_text(line) + "\n";
                     });
    return said;
}

/// The host looks at the first element itself, and leaves it as it is.
void add_after_a_look(const AddForward& args, Context& context) {
    if (args.count > 0) static_cast<void>(*static_cast<const volatile unsigned char*>(args.a));
    test::add_rightly(args, context);
}

bool contains(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("gradcheck on simt passes a right addition") { CHECK(said_against(test::add_rightly) == ""); }

TEST_CASE("gradcheck on simt catches bits that depend on the order of threads") {
    const std::string said = said_against(test::add_by_order);
    CHECK_MESSAGE(contains(said, "gave other bits than 1 thread in ascending order"), said);
    CHECK_MESSAGE(!contains(said, "mean-square error"), said);
}

TEST_CASE("gradcheck on simt catches host code that looks into the device's memory") {
    struct sigaction of_the_frame {};  // which would tell the child's end as its own
    struct sigaction usual {};
    usual.sa_handler = SIG_DFL;
    sigaction(SIGSEGV, &usual, &of_the_frame);
    const std::string said = said_against(add_after_a_look, "33", 1);
    sigaction(SIGSEGV, &of_the_frame, nullptr);
    CHECK_MESSAGE(contains(said, "FAIL    add_forward  [33]"), said);
    CHECK_MESSAGE(contains(said, "the process was ended by signal 11"), said);
}

// With the address sanitizer nobody watches the kernels' accesses.
#ifndef __SANITIZE_ADDRESS__
TEST_CASE("gradcheck on simt catches a race that leaves the right values") {
    const std::string said = said_against(test::add_with_a_race);
    CHECK_MESSAGE(contains(said, "race in global memory"), said);
    CHECK_MESSAGE(contains(said, "wrong_kernels.cu:"), said);
}

TEST_CASE("gradcheck on simt catches a read behind a tensor that nothing depends on") {
    const std::string said = said_against(test::add_reading_too_far);
    CHECK_MESSAGE(contains(said, "add_and_look_behind"), said);
    CHECK_MESSAGE(contains(said, "out of bounds"), said);
}
#endif

// What is told of the steps before a bad end.

#include "tools/common/loss_history.h"

#include <doctest/doctest.h>

#include <limits>
#include <vector>

namespace vitrine::tests {
namespace {

using tools::LossHistory;

constexpr double unmeasured = 0.0;

LossHistory history_of(const std::vector<double>& losses, int64_t first_step = 1) {
    LossHistory history;
    for (const double loss : losses) {
        history.add_batch(loss);
        history.end_step(first_step++, unmeasured);
    }
    return history;
}

TEST_CASE("loss history: the last usual step, the first beyond, the middle and the last") {
    CHECK(history_of({2.3, 2.2, 2.4, 7.9, 55, 3.1e4, 9e9, 7e35}, 38).told() ==
          "Before that, the loss was 2.4 at step 40, 7.9 at 41, 3.1e+04 at 43 and 7e+35 at 45");
    // From the first step on: what is usual is one step's.
    CHECK(history_of({2.3, 50, 1e4, 1e9, 7e35}).told() ==
          "Before that, the loss was 2.3 at step 1, 50 at 2, 1e+04 at 3 and 7e+35 at 5");
    CHECK(history_of({2.3, 2.2, 50}).told() == "Before that, the loss was 2.2 at step 2 and 50 at 3");
    CHECK(history_of({2.3, 2.2, 50, 60}).told() ==
          "Before that, the loss was 2.2 at step 2, 50 at 3 and 60 at 4");
}

TEST_CASE("loss history: a step that fails out of the blue, and a run without any") {
    CHECK(history_of({2.3, 2.2, 2.6, 2.1}).told() == "Before that, the loss was 2.1 at step 4, as usual");
    CHECK(history_of({2.3}).told() == "Before that, the loss was 2.3 at step 1, as usual");
    CHECK(history_of({}).told().empty());
    // One outlier that was mastered does not begin the end.
    CHECK(history_of({2.3, 90, 2.2, 2.1, 2.0, 9, 80}).told() ==
          "Before that, the loss was 2 at step 5, 9 at 6 and 80 at 7");
}

TEST_CASE("loss history: a step's loss is the mean of its batches, and its gradient norm stands behind") {
    LossHistory history;
    history.add_batch(1);
    history.add_batch(3);
    history.end_step(7, 0.5);
    history.add_batch(90);
    history.end_step(8, std::numeric_limits<double>::infinity());
    history.add_batch(5);  // of a step that never ended
    CHECK(history.told() ==
          "Before that, the loss was 2 at step 7 (gradient norm 0.5) and 90 at 8 (gradient norm not finite)");
}

TEST_CASE("loss history: only the last thousand steps are kept") {
    std::vector<double> losses(5000, 2.0);
    losses.front() = 1e-9;
    losses.back() = 100;
    CHECK(history_of(losses).told() == "Before that, the loss was 2 at step 4999 and 100 at 5000");
    losses.assign(1001, 100);  // with the first, which they were far above, they would not be as usual
    losses.front() = 1;
    CHECK(history_of(losses).told() == "Before that, the loss was 100 at step 1001, as usual");
}

}  // namespace
}  // namespace vitrine::tests

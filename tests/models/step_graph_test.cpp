// Steps as graphs: the same bits as kernel by kernel, one launch a batch, a graph for each kind of batch, and what
// happens where there can be none.

#include "engine/step/step_graph.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "kernels/simt/launch.h"
#include "tests/models/graphed_course.h"

using namespace vitrine;
using tests::Course;
using tests::CourseResult;
using tests::take_course;

TEST_CASE("50 steps as graphs have the bits of 50 steps kernel by kernel") {
    const CourseResult plain = take_course({}, false), graphed = take_course({}, true);
    CHECK(graphed.problem == "");
    CHECK(graphed.losses == plain.losses);
    CHECK(graphed.norms == plain.norms);
    CHECK(graphed.numbers == plain.numbers);
    CHECK(plain.losses.size() == 100);
    CHECK(plain.losses[0] != plain.losses[98]);
    // Whole batches and an epoch's last, each of them plain or mixed, with more of either label.
    CHECK(graphed.counts.captured == 6);
    CHECK(graphed.counts.plain <= 14);
    CHECK(graphed.counts.plain + graphed.counts.captured + graphed.counts.replayed == 50);
    CHECK(graphed.counts.kernels > 20);
}

TEST_CASE("so have updates of three batches, and losses in which classes have weights") {
    const Course course{.steps = 50, .accumulate = 3, .class_weights = {1, 2, 0.5, 1, 1, 3, 1}};
    const CourseResult plain = take_course(course, false), graphed = take_course(course, true);
    CHECK(graphed.problem == "");
    CHECK(graphed.same_as(plain));
    CHECK(graphed.counts.replayed > 60);
}

TEST_CASE("so have 16 bits, and updates that are left out since f16 overflows") {
    for (const DType precision : {DType::bf16, DType::f16}) {
        CAPTURE(name_of(precision));
        const Course course{.precision = precision};
        const CourseResult plain = take_course(course, false), graphed = take_course(course, true);
        CHECK(graphed.problem == "");
        CHECK(graphed.same_as(plain));
        CHECK(graphed.counts.replayed > 20);
        const auto finite = [](double norm) { return std::isfinite(norm); };
        CHECK(std::ranges::any_of(plain.norms, finite));
        CHECK(std::ranges::all_of(plain.norms, finite) == (precision == DType::bf16));
    }
}

TEST_CASE("a batch that runs as a graph is a single launch, and nobody waits") {
    uint64_t launches = 0, waits = 0;
    int64_t replayed = 0, seen = 0;
    Course course;
    course.before = [&](uint32_t, TrainingStep&, StepGraph* graph) {
        // What the step before was: with it came the launches of its input, four or five.
        const LaunchLog& log = simt::launch_log();
        if (graph->counts().replayed > replayed) {
            ++seen;
            CHECK(log.count() - launches <= 3);
        }
        replayed = graph->counts().replayed;
        launches = log.count();
        waits = log.waits();
    };
    take_course(course, true);
    CHECK(seen > 25);
}

TEST_CASE(
    "what changes the steps to come is another graph: frozen parameters, weights, an average begun anew") {
    Course course{.steps = 40};
    course.before = [](uint32_t step, TrainingStep& training, StepGraph* graph) {
        if (step == 15) training.state().freeze([](size_t index) { return index == 0; });
        if (step == 25) training.weigh_classes(std::vector<double>{1, 2, 3, 4, 5, 6, 7});
        if (step == 30) training.average()->restart();
        if (step == 32) training.optimiser().reset_momentum();
        if (step == 34 && graph != nullptr) graph->forget();
    };
    const CourseResult plain = take_course(course, false), graphed = take_course(course, true);
    CHECK(graphed.problem == "");
    CHECK(graphed.same_as(plain));
    CHECK(graphed.counts.replayed > 5);
}

TEST_CASE("memory that others use between steps is not the graph's") {
    std::vector<Tensor> others;
    Course course{.steps = 30};
    course.before = [&](uint32_t step, TrainingStep& training, StepGraph*) {
        // Of sizes that a step has too, and full of what would show.
        for (const int64_t count : {1, 4, 28, 256, 432}) {
            Tensor tensor = Tensor::empty({count}, training.state().placement());
            tensor.assign(std::span<const double>(std::vector<double>(static_cast<size_t>(count), 1e9)));
            if (step % 3 != 0) others.push_back(tensor);
        }
        if (step % 7 == 0) others.clear();
        release_pooled_memory(Device::simt);
    };
    const CourseResult plain = take_course({.steps = 30}, false), graphed = take_course(course, true);
    CHECK(graphed.problem == "");
    CHECK(graphed.same_as(plain));
    for (const Tensor& other : others) {
        for (const double value : other.to_host<double>()) CHECK(value == 1e9);
    }
}

TEST_CASE("a device without graphs runs kernel by kernel, and says why") {
    for (const Device device : {Device::cpu, Device::reference}) {
        const Course course{.steps = 3};
        const CourseResult plain = take_course(course, false, device),
                           graphed = take_course(course, true, device);
        CHECK(graphed.same_as(plain));
        CHECK(graphed.problem.find("nothing is launched") != std::string::npos);
        CHECK(graphed.counts.replayed == 0);
    }
}

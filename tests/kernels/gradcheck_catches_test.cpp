// gradcheck must be able to fail: every kernel here breaks one promise, and must be caught for that one.
//
// Each wrong kernel is the reference's linear layer with something done before or after it.

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "kernels/threads.h"
#include "lab/gradcheck/cases/list.h"

namespace {

using namespace vitrine;
using gradcheck::Line;
using gradcheck::Status;
using gradcheck::Suite;

using Forward = LinearForward;
using Backward = LinearBackward;

void right_forward(const Forward& args, Context& context) {
    reference::linear_forward.implementations().front().run(args, context);
}

void right_backward(const Backward& args, Context& context) {
    reference::linear_backward.implementations().front().run(args, context);
}

/// Calls f(elements) with an output as its type has it.
template <class F>
void with(DType dtype, const void* data, F f) {
    dispatch_float(dtype, [&]<class T>() { f(static_cast<T*>(const_cast<void*>(data))); });
}

std::vector<Suite> small_linear_suite() {
    return {{"linear", [] {
                 std::vector<gradcheck::Problem> problems = gradcheck::linear_problems();
                 problems.erase(problems.begin() + 5, problems.end());
                 return problems;
             }}};
}

/// Everything that is said against the linear kernels of a table, and how many lines say it.
struct Verdict {
    std::string text;
    int failed = 0;

    bool says(const std::string& part) const { return text.find(part) != std::string::npos; }
};

Verdict judge(const KernelTable& table, const std::vector<Suite>& suites,
              gradcheck::Effort effort = gradcheck::Effort::usual) {
    Verdict verdict;
    gradcheck::Selection linear_only;
    linear_only.kernel = [](std::string_view kernel) { return kernel.starts_with("linear"); };
    linear_only.effort = effort;
    const auto collect = [&](const Line& line) {
        if (line.status == Status::failed) verdict.text += gradcheck::to_text(line) + "\n";
    };
    verdict.failed = gradcheck::check(suites, table, kernels(Device::reference), linear_only, collect).failed;
    return verdict;
}

Verdict judge_forward(void (*run)(const Forward&, Context&),
                      gradcheck::Effort effort = gradcheck::Effort::usual) {
    const Implementation<Forward> list[]{{"wrong", refuses_nothing, run}};
    const Kernel<Forward> kernel{"linear_forward", list};
    KernelTable table = kernels(Device::reference);
    table.linear_forward.kernel = &kernel;
    return judge(table, small_linear_suite(), effort);
}

Verdict judge_backward(void (*run)(const Backward&, Context&)) {
    const Implementation<Backward> list[]{{"wrong", refuses_nothing, run}};
    const Kernel<Backward> kernel{"linear_backward", list};
    KernelTable table = kernels(Device::reference);
    table.linear_backward.kernel = &kernel;
    return judge(table, small_linear_suite());
}

}  // namespace

TEST_CASE("gradcheck passes the right kernels, so that what follows means something") {
    const Verdict verdict = judge(kernels(Device::reference), small_linear_suite());
    CHECK_MESSAGE(verdict.failed == 0, verdict.text);
    CHECK(judge_forward(right_forward).failed == 0);
    CHECK(judge_backward(right_backward).failed == 0);
}

TEST_CASE("gradcheck catches a gradient with a wrong scale, by differences and by the reference") {
    const Verdict verdict = judge_backward([](const Backward& args, Context& context) {
        right_backward(args, context);
        if (!args.d_weight || args.d_weight.mode != GradMode::write) return;
        with(args.dtype, args.d_weight.data, [&](auto* d_weight) {
            using T = std::remove_pointer_t<decltype(d_weight)>;
            for (int64_t i = 0; i < args.out_features * args.in_features; ++i) d_weight[i] *= T(1.0001);
        });
    });
    CHECK(verdict.says("against central differences"));
    CHECK(verdict.says("mean-square error"));
    CHECK(verdict.says("d_weight"));
}

TEST_CASE("gradcheck catches a backward that agrees with the reference but not with its own forward") {
    const Verdict verdict = judge_forward([](const Forward& args, Context& context) {
        right_forward(args, context);
        with(args.dtype, args.y, [](auto* y) { y[0] += y[0]; });
    });
    CHECK(verdict.says("FAIL    linear_forward"));
    CHECK(verdict.says("FAIL    linear_backward"));
}

TEST_CASE("gradcheck catches a gradient that is written instead of accumulated") {
    const Verdict verdict = judge_backward([](const Backward& args, Context& context) {
        Backward wrong = args;
        wrong.d_x.mode = GradMode::write;
        right_backward(wrong, context);
    });
    CHECK(verdict.says("accumulated: mean-square error"));
    CHECK(!verdict.says("against central differences"));
}

TEST_CASE("gradcheck catches a gradient that is accumulated instead of written") {
    const Verdict verdict = judge_backward([](const Backward& args, Context& context) {
        Backward wrong = args;
        wrong.d_weight.mode = GradMode::accumulate;
        right_backward(wrong, context);
    });
    CHECK(verdict.says("nan, the reference has"));
}

TEST_CASE("gradcheck catches writes one element past the end and before the start") {
    CHECK(judge_forward([](const Forward& args, Context& context) {
              right_forward(args, context);
              with(args.dtype, args.y, [&](auto* y) { y[args.rows * args.out_features] = 0; });
          }).says("past its end were overwritten"));
    CHECK(judge_backward([](const Backward& args, Context& context) {
              right_backward(args, context);
              if (!args.d_x) return;
              with(args.dtype, args.d_x.data, [](auto* d_x) { d_x[-1] += 1; });
          }).says("before its start were overwritten"));
}

TEST_CASE("gradcheck catches a tail that is left out") {
    const Verdict verdict = judge_forward([](const Forward& args, Context& context) {
        with(args.dtype, args.y, [&](auto* y) {
            const int64_t last = args.rows * args.out_features - 1;
            const auto before = y[last];
            right_forward(args, context);
            y[last] = before;
        });
    });
    CHECK(verdict.says("nan, the reference has"));
}

TEST_CASE("gradcheck catches an output that is never written") {
    const Verdict verdict = judge_backward([](const Backward& args, Context& context) {
        Backward wrong = args;
        wrong.d_bias = {};
        right_backward(wrong, context);
    });
    CHECK(verdict.says("d_bias[0] is -nan"));
}

TEST_CASE("gradcheck catches a gradient that depends on another one being wanted") {
    const Verdict verdict = judge_backward([](const Backward& args, Context& context) {
        if (args.d_x) right_backward(args, context);
    });
    CHECK(verdict.says("only d_weight: "));
    CHECK(verdict.says("without d_x: "));
}

TEST_CASE("gradcheck catches a changed input") {
    const Verdict verdict = judge_backward([](const Backward& args, Context& context) {
        right_backward(args, context);
        with(args.dtype, args.weight, [](auto* weight) { weight[0] = -weight[0]; });
    });
    CHECK(verdict.says("an input was changed"));
}

TEST_CASE("gradcheck catches bits that depend on the number of threads") {
    const Verdict verdict = judge_forward([](const Forward& args, Context& context) {
        right_forward(args, context);
        with(args.dtype, args.y, [](auto* y) {
            if (threads() > 1) y[0] = std::nextafter(y[0], y[0] + 1);
        });
    });
    CHECK(verdict.says("2 threads gave other bits than 1 thread"));
    CHECK(!verdict.says("mean-square error"));
}

TEST_CASE("gradcheck catches bits that differ from run to run") {
    const Verdict verdict = judge_forward([](const Forward& args, Context& context) {
        static int run = 0;
        right_forward(args, context);
        with(args.dtype, args.y, [](auto* y) {
            if (++run % 2 == 0) y[0] = std::nextafter(y[0], y[0] + 1);
        });
    });
    CHECK(verdict.says("gave other bits"));
}

TEST_CASE("with every launch once gradcheck launches far less, and catches a wrong result as ever") {
    static int launches;
    const auto counted = [](const Forward& args, Context& context) {
        ++launches;
        right_forward(args, context);
    };
    launches = 0;
    CHECK(judge_forward(counted).failed == 0);
    const int usual = launches;
    launches = 0;
    CHECK(judge_forward(counted, gradcheck::Effort::once).failed == 0);
    CHECK(launches > 0);
    CHECK(10 * launches < usual);
    const auto wrong = [](const Forward& args, Context& context) {
        right_forward(args, context);
        with(args.dtype, args.y, [](auto* y) { y[0] += y[0]; });
    };
    CHECK(judge_forward(wrong, gradcheck::Effort::once).says("FAIL    linear_forward"));
}

TEST_CASE("gradcheck catches f64 that is computed in f32") {
    const Verdict verdict = judge_forward([](const Forward& args, Context& context) {
        right_forward(args, context);
        with(args.dtype, args.y, [&](auto* y) {
            for (int64_t i = 0; i < args.rows * args.out_features; ++i) y[i] = static_cast<float>(y[i]);
        });
    });
    CHECK(verdict.says("f64"));
    CHECK(!verdict.says("f32  ["));
}

TEST_CASE("gradcheck catches one bad element in a large tensor") {
    const Verdict verdict = judge_forward([](const Forward& args, Context& context) {
        right_forward(args, context);
        if (args.dtype != DType::f32) return;
        with(args.dtype, args.y, [&](auto* y) { y[0] *= 1.01f; });
    });
    CHECK(verdict.says("f32"));
}

TEST_CASE("gradcheck catches a kernel that throws") {
    const Verdict verdict =
        judge_forward([](const Forward&, Context&) { throw std::runtime_error("the kettle is empty"); });
    CHECK(verdict.says("it threw: the kettle is empty"));
}

TEST_CASE("gradcheck tells of a GPU's library that refuses everything, and does not fail") {
    const auto refuses = [](const Forward&) { return "it cannot start"; };
    const Implementation<Forward> list[]{{"loops", refuses_nothing, right_forward},
                                         {"cublas", refuses, right_forward}};
    const Kernel<Forward> kernel{"linear_forward", list};
    KernelTable table = kernels(Device::reference);
    table.linear_forward.kernel = &kernel;
    CHECK(judge(table, small_linear_suite()).failed == 0);
}

TEST_CASE("gradcheck catches a refusal that throws, and goes on") {
    const auto refuses = [](const Forward&) -> const char* {
        throw std::runtime_error("the handle is lost");
    };
    const Implementation<Forward> list[]{{"loops", refuses_nothing, right_forward},
                                         {"thrower", refuses, right_forward}};
    const Kernel<Forward> kernel{"linear_forward", list};
    KernelTable table = kernels(Device::reference);
    table.linear_forward.kernel = &kernel;
    CHECK(judge(table, small_linear_suite()).says("its refusal threw: the handle is lost"));
}

TEST_CASE("gradcheck catches a kernel without a case") {
    const Verdict verdict = judge(kernels(Device::reference), {});
    CHECK(verdict.says("linear_forward: no case"));
    CHECK(verdict.says("linear_backward: no case"));
    CHECK(verdict.failed == 2);
}

TEST_CASE("gradcheck catches implementations that refuse, and a library before a kernel of our own") {
    const auto refuses = [](const Forward&) { return "it is tired"; };
    const Implementation<Forward> list[]{{"onednn", refuses_nothing, right_forward},
                                         {"idle", refuses, right_forward}};
    const Kernel<Forward> kernel{"linear_forward", list};
    KernelTable table = kernels(Device::reference);
    table.linear_forward.kernel = &kernel;
    const Verdict verdict = judge(table, small_linear_suite());
    CHECK(verdict.says("linear_forward  idle: refuses every case"));
    CHECK(verdict.says("onednn takes it first, whose bits follow the number of threads"));

    const Implementation<Forward> none[]{{"idle", refuses, right_forward}};
    const Kernel<Forward> refusing{"linear_forward", none};
    table.linear_forward.kernel = &refusing;
    CHECK(judge(table, small_linear_suite()).says("no implementation takes it"));
}

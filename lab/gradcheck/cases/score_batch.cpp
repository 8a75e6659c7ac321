// What a batch came to: loss, top-1, top-5, and whether the step is still healthy.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "lab/gradcheck/cases/list.h"
#include "lab/gradcheck/harness/draw.h"

namespace vitrine::gradcheck {
namespace {

struct Options {
    int64_t batch;
    int64_t classes;
    std::vector<double> logits;
    double loss = 1.5;
};

/// How many classes come before the label, by sorting.
size_t rank_by_sorting(const double* logits, size_t classes, size_t label) {
    std::vector<size_t> order(classes);
    for (size_t k = 0; k < classes; ++k) order[k] = k;
    std::ranges::stable_sort(order, [&](size_t a, size_t b) { return logits[a] > logits[b]; });
    return static_cast<size_t>(std::ranges::find(order, label) - order.begin());
}

Values expected(const Options& o, const Values& inputs) {
    const std::vector<double>& logits = inputs.at("logits");
    const auto classes = static_cast<size_t>(o.classes);
    double top1 = 0, top5 = 0;
    for (size_t row = 0; row < static_cast<size_t>(o.batch); ++row) {
        const double* own = logits.data() + row * classes;
        if (!std::all_of(own, own + classes, [](double logit) { return std::isfinite(logit); })) continue;
        const size_t rank = rank_by_sorting(own, classes, static_cast<size_t>(inputs.at("labels")[row]));
        top1 += rank < 1;
        top5 += rank < 5;
    }
    std::vector<double> state = inputs.at("state");
    if (!std::isfinite(o.loss)) state[0] = 0;
    return {{"record", {inputs.at("loss")[0], top1, top5}}, {"state", state}};
}

Problem score_problem(const Options& o, const std::string& what = "") {
    Problem problem;
    problem.shape = fmt::format("{}x{}{}", o.batch, o.classes, what);
    problem.tensors = {{"logits", Role::input, o.batch * o.classes, o.logits},
                       {"labels", Role::input, o.batch, integers("labels", o.batch, o.classes), Element::i32},
                       {"loss", Role::input, 1, {o.loss}},
                       {"record", Role::output, 3},
                       {"state", Role::state, 5, {1, 2.5, 7, 1, 0}}};
    problem.half = HalfTypes{{"loss", "record", "state"}};
    problem.forward = pass(&KernelTable::score_batch, [o](DType dtype, const Bindings& b) {
        return ScoreBatch{
            dtype,     o.batch,     o.classes, b["logits"], static_cast<const int32_t*>(b["labels"]),
            b["loss"], b["record"], b["state"]};
    });
    problem.expected = [o](const Values& inputs) { return expected(o, inputs); };
    problem.differences = false;
    return problem;
}

}  // namespace

std::vector<Problem> score_batch_problems() {
    std::vector<Problem> problems;
    const std::vector<std::pair<int64_t, int64_t>> shapes{{1, 1},    {3, 2},    {7, 5},   {33, 200},
                                                          {130, 17}, {2, 1000}, {300, 10}};
    for (const auto& [batch, classes] : shapes)
        problems.push_back(score_problem({batch, classes, uniform("logits", batch * classes)}));
    problems.push_back(score_problem({200, 12, integers("logits", 200 * 12, 3)}, ", many equal"));
    std::vector<double> broken = uniform("logits", 60 * 7);
    const double infinity = std::numeric_limits<double>::infinity();
    broken[3] = std::numeric_limits<double>::quiet_NaN();
    broken[70] = infinity;
    broken[419] = -infinity;
    problems.push_back(score_problem({60, 7, broken}, ", three rows not finite"));
    for (const double loss : {infinity, -infinity, std::numeric_limits<double>::quiet_NaN()})
        problems.push_back(score_problem({2, 3, uniform("logits", 6), loss}, fmt::format(", loss {}", loss)));
    return problems;
}

std::vector<Problem> score_batch_layers() {
    return {score_problem({256, 1000, uniform("logits", int64_t{256} * 1000)})};
}

}  // namespace vitrine::gradcheck

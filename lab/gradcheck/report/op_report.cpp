// The report of ops: see op_report.h.

#include "lab/gradcheck/report/op_report.h"

#include "lab/gradcheck/report/counting.h"
#include "lab/gradcheck/report/runs.h"

namespace vitrine::gradcheck {

void report_problem(const Problem& problem, const Selection& selection, const ReportSink& sink) {
    visit_runs(problem, selection, [&](const PreparedRun& run) {
        const Counting counting;
        run.run();
        const std::string options = run.variant.label.empty() ? "" : ", " + run.variant.label;
        sink({run.pass.kernel, run.implementation.name, DType::f32, problem.shape + options, 1,
              run.launch.least(run.pass), counting.take()});
    });
}

void report_ops(const std::vector<Suite>& suites, const Selection& selection, const ReportSink& sink) {
    for (const Suite& suite : suites) {
        for (const Problem& problem : suite.layers()) {
            if (selection.shape(problem.shape)) report_problem(problem, selection, sink);
        }
    }
}

}  // namespace vitrine::gradcheck

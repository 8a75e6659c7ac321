// The report of ops: see op_report.h.

#include "lab/gradcheck/report/op_report.h"

#include <fmt/format.h>

#include "kernels/error.h"
#include "lab/gradcheck/harness/draw.h"
#include "lab/gradcheck/harness/variants.h"
#include "lab/gradcheck/report/counting.h"

namespace vitrine::gradcheck {
namespace {

constexpr DType dtype = DType::f32;

class ProblemReport {
  public:
    ProblemReport(const Problem& problem, const Selection& selection, const ReportSink& sink)
        : problem_(problem), selection_(selection), sink_(sink), table_(kernels(Device::simt)) {
        for (const Tensor& tensor : problem.tensors) saved_[tensor.name] = tensor.values;
    }

    void run() {
        const BoundPass forward = problem_.forward(table_);
        const Variant plain = forward_variants(problem_, dtype, saved_, saved_).front();
        if (selection_.kernel(forward.kernel)) report(forward, plain);
        if (!problem_.backward) return;
        const BoundPass backward = problem_.backward(table_);
        if (!selection_.kernel(backward.kernel)) return;
        save_outputs(forward, plain);
        for (const Variant& variant : backward_variants(problem_, dtype, saved_, zero_gradients())) {
            if (variant.label.empty() || variant.label.starts_with("only ")) report(backward, variant);
        }
    }

  private:
    void report(const BoundPass& pass, const Variant& variant) {
        Launch launch(Device::simt, dtype, variant.slots, Placement::aligned);
        for (const Callable& implementation : pass.implementations) {
            if (!selection_.implementation(pass.kernel, implementation.name)) continue;
            if (launch.refuses(implementation) != nullptr) continue;
            const Counting counting;
            run_cleanly(pass, implementation, launch);
            const std::string options = variant.label.empty() ? "" : ", " + variant.label;
            sink_({pass.kernel, implementation.name, dtype, problem_.shape + options, 1, launch.least(pass),
                   counting.take()});
        }
    }

    void run_cleanly(const BoundPass& pass, const Callable& implementation, Launch& launch) const {
        launch.run(implementation);
        for (const std::string& violation : launch.violations()) {
            throw Error(
                fmt::format("{} {} [{}]: {}", pass.kernel, implementation.name, problem_.shape, violation));
        }
    }

    /// What backward reads: the outputs that the device's own forward leaves, and upstream gradients.
    void save_outputs(const BoundPass& forward, const Variant& plain) {
        Launch launch(Device::simt, dtype, plain.slots, Placement::aligned);
        for (const Callable& implementation : forward.implementations) {
            if (launch.refuses(implementation) != nullptr) continue;
            run_cleanly(forward, implementation, launch);
            break;
        }
        for (const Tensor& tensor : problem_.tensors) {
            if (tensor.role != Role::output && tensor.role != Role::loss) continue;
            saved_[tensor.name] = launch.values(tensor.name);
            if (tensor.role == Role::loss)
                saved_["d_" + tensor.name] = uniform("d_" + tensor.name, tensor.count);
        }
    }

    Values zero_gradients() const {
        Values zeros;
        for (const Tensor& tensor : problem_.tensors) {
            if (tensor.role != Role::parameter) continue;
            zeros["d_" + tensor.name] = std::vector<double>(static_cast<size_t>(tensor.count));
        }
        return zeros;
    }

    const Problem& problem_;
    const Selection& selection_;
    const ReportSink& sink_;
    const KernelTable& table_;
    Values saved_;
};

}  // namespace

void report_problem(const Problem& problem, const Selection& selection, const ReportSink& sink) {
    ProblemReport(problem, selection, sink).run();
}

void report_ops(const std::vector<Suite>& suites, const Selection& selection, const ReportSink& sink) {
    for (const Suite& suite : suites) {
        for (const Problem& problem : suite.layers()) {
            if (selection.shape(problem.shape)) report_problem(problem, selection, sink);
        }
    }
}

}  // namespace vitrine::gradcheck

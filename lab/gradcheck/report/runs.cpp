// The runs of a problem's passes: see runs.h.

#include "lab/gradcheck/report/runs.h"

#include <fmt/format.h>

#include "kernels/error.h"
#include "lab/gradcheck/harness/draw.h"

namespace vitrine::gradcheck {
namespace {

constexpr DType dtype = DType::f32;

class RunsOfProblem {
  public:
    RunsOfProblem(const Problem& problem, const Selection& selection, const RunVisitor& visit,
                  const KernelTable& table)
        : problem_(problem), selection_(selection), visit_(visit), table_(table) {
        for (const Tensor& tensor : problem.tensors) saved_[tensor.name] = tensor.values;
    }

    void visit_all() {
        const BoundPass forward = problem_.forward(table_);
        const Variant plain = forward_variants(problem_, dtype, saved_, saved_).front();
        if (selection_.kernel(forward.kernel)) visit(forward, plain);
        if (!problem_.backward) return;
        const BoundPass backward = problem_.backward(table_);
        if (!selection_.kernel(backward.kernel)) return;
        save_outputs(forward, plain);
        for (const Variant& variant : backward_variants(problem_, dtype, saved_, zero_gradients())) {
            if (variant.label.empty() || variant.label.starts_with("only ")) visit(backward, variant);
        }
    }

  private:
    void visit(const BoundPass& pass, const Variant& variant) {
        Launch launch(Device::simt, dtype, variant.slots, Placement::aligned);
        for (const Callable& implementation : pass.implementations) {
            if (!selection_.implementation(pass.kernel, implementation.name)) continue;
            if (launch.refuses(implementation) != nullptr) continue;
            visit_({problem_, pass, implementation, variant, launch});
        }
    }

    /// What backward reads: the outputs that the device's own forward leaves, and upstream gradients.
    void save_outputs(const BoundPass& forward, const Variant& plain) {
        Launch launch(Device::simt, dtype, plain.slots, Placement::aligned);
        for (const Callable& implementation : forward.implementations) {
            if (launch.refuses(implementation) != nullptr) continue;
            PreparedRun{problem_, forward, implementation, plain, launch}.run();
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
    const RunVisitor& visit_;
    const KernelTable& table_;
    Values saved_;
};

}  // namespace

void PreparedRun::run() const {
    launch.run(implementation);
    for (const std::string& violation : launch.violations()) {
        throw Error(
            fmt::format("{} {} [{}]: {}", pass.kernel, implementation.name, problem.shape, violation));
    }
}

void visit_runs(const Problem& problem, const Selection& selection, const RunVisitor& visit,
                const KernelTable& table) {
    RunsOfProblem(problem, selection, visit, table).visit_all();
}

}  // namespace vitrine::gradcheck

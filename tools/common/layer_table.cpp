// The layer table of a model: see layer_table.h.

#include "tools/common/layer_table.h"

#include <fmt/format.h>

#include <map>
#include <utility>

#include "engine/trace.h"
#include "kernels/call_observer.h"

namespace vitrine::tools {
namespace {

constexpr int64_t images = 2;

Shape without_batch(const Shape& shape) {
    return Shape(std::vector<int64_t>(shape.extents().begin() + 1, shape.extents().end()));
}

int64_t trained_parameters(nn::Module& module) {
    int64_t count = 0;
    for (const nn::Parameter& parameter : module.own_parameters()) {
        if (parameter.role == nn::Role::trained) count += parameter.value.count();
    }
    return count;
}

bool is_view(const OpEvent& event) {
    return event.inputs.front().defined() && event.inputs.front().data() == event.output().data();
}

LayerRow row_of(const OpEvent& event, const std::map<std::string, nn::Module*>& modules, double flops) {
    LayerRow row{event.module, event.op, without_batch(event.output().shape())};
    nn::Module& module = *modules.at(event.module);
    if (module.children().empty()) {
        row.kind = module.kind();
        row.window = module.window();
        row.parameters = trained_parameters(module);
    }
    row.macs = static_cast<int64_t>(flops) / 2 / images;
    if (!is_view(event)) row.activation_bytes = static_cast<int64_t>(event.output().bytes()) / images;
    return row;
}

}  // namespace

std::string layer_text(const LayerRow& row) {
    if (!row.window) return row.kind;
    const auto [convolution, kernel, stride] = *row.window;
    const std::string name = *convolution == '\0' ? row.kind : convolution;
    return fmt::format("{0} {1}×{1} /{2}", name, kernel, stride);
}

LayerTable layer_table(nn::Module& model, int64_t image_size, Placement placement) {
    std::map<std::string, nn::Module*> modules;
    model.for_each_module(
        [&](const std::string& path, nn::Module& module) { modules.emplace(path, &module); });

    LayerTable table;
    double flops = 0.0;  // of the kernels of the op that is running
    const CallObserver observer([&](const KernelCall& call) { flops += call.least.flops; });
    const Trace trace([&](const OpEvent& event) {
        table.rows.push_back(row_of(event, modules, std::exchange(flops, 0.0)));
        table.parameters += table.rows.back().parameters;
        table.macs += table.rows.back().macs;
        table.activation_bytes += table.rows.back().activation_bytes;
    });
    model.set_training(true);
    model.set_fused(false);
    model(Tensor::zeros({images, image_size, image_size, 3}, placement));
    return table;
}

}  // namespace vitrine::tools

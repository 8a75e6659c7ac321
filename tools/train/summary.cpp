// train --summary: the layer table, for people or as JSON.

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <iostream>

#include "engine/error.h"
#include "models/models.h"
#include "tools/common/layer_table.h"
#include "tools/common/units.h"
#include "tools/train/metrics.h"
#include "tools/train/run.h"
#include "tools/train/setup.h"

namespace vitrine::train {
namespace {

std::string shape_text(const Shape& shape) {
    std::string text;
    for (const int64_t extent : shape.extents()) text += fmt::format("{}{}", text.empty() ? "" : "×", extent);
    return text;
}

std::string count_text(int64_t count) { return count == 0 ? "-" : tools::grouped(count); }

void print_text(const tools::LayerTable& table, const tools::ModelDescription& model) {
    size_t path_width = 6;
    for (const tools::LayerRow& row : table.rows) path_width = std::max(path_width, row.path.size());
    std::cout << fmt::format("{} for {}×{} images and {} classes; costs are for one image\n\n", model.model,
                             model.image_size, model.image_size, model.classes.size());
    const auto line = [&](const auto&... columns) {
        std::cout << fmt::format("{:<{}}  {:<19}  {:<13}  {:>12}  {:>13}  {:>16}\n", columns...);
    };
    line("module", path_width, "kind", "output", "parameters", "MACs", "activation bytes");
    for (const tools::LayerRow& row : table.rows) {
        line(row.path, path_width, row.kind, shape_text(row.output), count_text(row.parameters),
             count_text(row.macs), count_text(row.activation_bytes));
    }
    std::cout << fmt::format(
        "\nparameters        {} ({})\nMACs              {} ({})\nactivation bytes  {} ({})\n",
        tools::grouped(table.parameters), tools::metric(static_cast<double>(table.parameters)),
        tools::grouped(table.macs), tools::metric(static_cast<double>(table.macs)),
        tools::grouped(table.activation_bytes), tools::bytes_text(table.activation_bytes));
}

void print_json(const tools::LayerTable& table, const tools::ModelDescription& model) {
    for (const tools::LayerRow& row : table.rows) {
        std::cout << Json{{"event", "layer"},
                          {"module", row.path},
                          {"kind", row.kind},
                          {"output", row.output.extents()},
                          {"parameters", row.parameters},
                          {"macs", row.macs},
                          {"activation_bytes", row.activation_bytes}}
                         .dump()
                  << '\n';
    }
    std::cout << Json{{"event", "total"},
                      {"model", model.model},
                      {"image_size", model.image_size},
                      {"classes", model.classes.size()},
                      {"parameters", table.parameters},
                      {"macs", table.macs},
                      {"activation_bytes", table.activation_bytes}}
                     .dump()
              << '\n';
}

}  // namespace

int print_summary(const Options& options) {
    tools::ModelDescription description;
    description.model = options.recipe.model.name;
    description.classes.resize(static_cast<size_t>(options.classes));
    const int64_t wanted = options.recipe.data.image_size;
    description.image_size = wanted != 0 ? wanted : models::model_from_name(description.model).image_size;
    description.width_mult = options.recipe.model.width_mult;
    description.dropout = options.recipe.model.dropout;

    const Placement placement{DType::f32, set_up_machine(options).device};
    const std::shared_ptr<nn::Module> model = tools::build_model(description, placement, options.recipe.seed);
    const tools::LayerTable table = tools::layer_table(*model, description.image_size, placement);
    options.json ? print_json(table, description) : print_text(table, description);
    return 0;
}

}  // namespace vitrine::train

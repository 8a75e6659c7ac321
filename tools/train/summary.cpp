// train --summary: the layer table, for people or as JSON.

#include <fmt/format.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <iostream>
#include <tuple>
#include <vector>

#include "engine/error.h"
#include "models/models.h"
#include "tools/common/layer_table.h"
#include "tools/common/terminal.h"
#include "tools/common/text_layout.h"
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

using Line = std::array<std::string, 6>;

constexpr size_t left_aligned = 3;  // columns

/// Either to the last digit, or short.
Line line_of(const tools::LayerRow& row, bool exact) {
    const auto count = [&](int64_t value) {
        if (value == 0) return std::string("-");
        return exact ? tools::grouped(value) : tools::short_metric(static_cast<double>(value));
    };
    return {row.path,        tools::layer_text(row),     shape_text(row.output), count(row.parameters),
            count(row.macs), count(row.activation_bytes)};
}

/// Two spaces between columns as wide as they need to be.
std::vector<std::string> layout(const std::vector<Line>& lines) {
    std::array<size_t, std::tuple_size_v<Line>> widths{};
    for (const Line& line : lines)
        for (size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], tools::columns_of(line[i]));
    std::vector<std::string> texts;
    for (const Line& line : lines) {
        std::string text;
        for (size_t i = 0; i < line.size(); ++i) {
            const std::string padding(widths[i] - tools::columns_of(line[i]), ' ');
            text += i == 0 ? "" : "  ";
            text += i < left_aligned ? line[i] + padding : padding + line[i];
        }
        texts.push_back(text);
    }
    return texts;
}

std::vector<std::string> lines_of(const tools::LayerTable& table, bool exact) {
    std::vector<Line> lines{exact
                                ? Line{"module", "layer", "output", "parameters", "MACs", "activation bytes"}
                                : Line{"module", "layer", "output", "params", "MACs", "bytes"}};
    for (const tools::LayerRow& row : table.rows) lines.push_back(line_of(row, exact));
    return layout(lines);
}

void print_text(const tools::LayerTable& table, const tools::ModelDescription& model) {
    const size_t columns = tools::terminal_columns(STDOUT_FILENO).value_or(SIZE_MAX);
    const std::string title =
        fmt::format("{0} for {1}×{1} images and {2} classes; costs are for one image, bytes those of outputs",
                    model.model, model.image_size, model.classes.size());
    for (const std::string& text : {title, std::string("3×3 /2: a kernel of 3×3 with a stride of 2")}) {
        for (const std::string& line : tools::wrapped_words(text, columns, tools::LongWords::whole))
            std::cout << line << '\n';
    }
    std::vector<std::string> lines = lines_of(table, true);
    if (tools::columns_of(lines.front()) > columns) lines = lines_of(table, false);
    std::cout << '\n' << fmt::format("{}\n", fmt::join(lines, "\n"));
    std::cout << fmt::format(
        "\nparameters        {} ({})\nMACs              {} ({})\nactivation bytes  {} ({})\n",
        tools::grouped(table.parameters), tools::metric(static_cast<double>(table.parameters)),
        tools::grouped(table.macs), tools::metric(static_cast<double>(table.macs)),
        tools::grouped(table.activation_bytes), tools::bytes_text(table.activation_bytes));
}

Json json_of(const tools::LayerRow& row) {
    Json json{{"event", "layer"},
              {"module", row.path},
              {"kind", row.kind},
              {"output", row.output.extents()},
              {"parameters", row.parameters},
              {"macs", row.macs},
              {"activation_bytes", row.activation_bytes}};
    if (!row.window) return json;
    if (*row.window->convolution != '\0') json["convolution"] = row.window->convolution;
    json["kernel"] = row.window->kernel;
    json["stride"] = row.window->stride;
    return json;
}

void print_json(const tools::LayerTable& table, const tools::ModelDescription& model) {
    for (const tools::LayerRow& row : table.rows) std::cout << json_of(row).dump() << '\n';
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
    description.variant = options.recipe.model.variant;

    const Placement placement{DType::f32, set_up_machine(options).device};
    const std::shared_ptr<nn::Module> model = tools::build_model(description, placement, options.recipe.seed);
    const tools::LayerTable table = tools::layer_table(*model, description.image_size, placement);
    options.json ? print_json(table, description) : print_text(table, description);
    return 0;
}

}  // namespace vitrine::train

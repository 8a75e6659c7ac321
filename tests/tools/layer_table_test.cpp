// The layer table against the known costs of the models, and train --summary.

#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "models/models.h"
#include "tests/tools/program.h"
#include "tests/tools/terminal.h"
#include "tools/common/layer_table.h"
#include "tools/common/text_layout.h"

namespace vitrine::tests {
namespace {

tools::LayerTable table_of(const char* name, const models::ModelOptions& options) {
    const Placement placement;
    return tools::layer_table(*models::make_model(name, options, placement, 0), options.image_size,
                              placement);
}

TEST_CASE(
    "mobilenet_v2 at 224: 3,504,872 parameters, 300.77 M multiply-adds, 6.68 M outputs of convolutions") {
    const tools::LayerTable table = table_of("mobilenet_v2", {.classes = 1000, .image_size = 224});
    CHECK(table.parameters == 3'504'872);
    CHECK(table.macs == 300'774'272);
    int64_t convolutions = 0, outputs = 0;
    for (const tools::LayerRow& row : table.rows) {
        if (row.kind != "Conv2d") continue;
        ++convolutions;
        outputs += row.output.count();
        CHECK(row.activation_bytes == 4 * row.output.count());
    }
    CHECK(convolutions == 52);
    CHECK(static_cast<double>(outputs) == doctest::Approx(6.68e6).epsilon(1e-3));
    CHECK(std::ranges::count(table.rows, "add", &tools::LayerRow::kind) == 10);
    CHECK(table.rows.front().path == "features.0.0");
    CHECK(table.rows.front().output == Shape{112, 112, 32});
    CHECK(table.rows.back().path == "classifier.1");
}

TEST_CASE("basic_block_net at 32: 15,530 parameters, and its flattening costs no memory") {
    const tools::LayerTable table = table_of("basic_block_net", {.classes = 10, .image_size = 32});
    CHECK(table.parameters == 15'530);
    // 3×3 3→32, 3×3 32→32 and 1×1 3→32 on 32×32 pixels, linear 512→10
    CHECK(table.macs == 1024 * (27 * 32 + 288 * 32 + 3 * 32) + 5120);
    const auto view = std::ranges::find(table.rows, "reshape", &tools::LayerRow::kind);
    REQUIRE(view != table.rows.end());
    CHECK(view->activation_bytes == 0);
}

TEST_CASE("the layer table says what a convolution or a pool moves over its image") {
    const tools::LayerTable table = table_of("mobilenet_v2", {.classes = 10, .image_size = 32});
    const auto text_of = [&](const std::string& path) {
        const auto row = std::ranges::find(table.rows, path, &tools::LayerRow::path);
        return row == table.rows.end() ? "" : tools::layer_text(*row);
    };
    CHECK(text_of("features.0.0") == "dense 3×3 /2");
    CHECK(text_of("features.0.1") == "BatchNorm2d");
    CHECK(text_of("features.1.conv.0.0") == "depthwise 3×3 /1");
    CHECK(text_of("features.1.conv.1") == "pointwise 1×1 /1");
    CHECK(text_of("features.2.conv.1.0") == "depthwise 3×3 /2");
    CHECK(text_of("classifier.1") == "Linear");
    const tools::LayerTable small = table_of("basic_block_net", {.classes = 10, .image_size = 32});
    const auto pool = std::ranges::find(small.rows, "AvgPool2d", &tools::LayerRow::kind);
    REQUIRE(pool != small.rows.end());
    CHECK(tools::layer_text(*pool) == "AvgPool2d 8×8 /8");
}

TEST_CASE("train --summary fits a terminal of 80 columns with short numbers, and 120 with exact ones") {
    const auto shown = [](const char* model, int columns) {
        const Outcome outcome =
            Terminal("train", {"--model", model, "--summary", "--classes", "1000"}, columns).wait();
        CHECK(outcome.code == 0);
        for (const std::string& line : lines_shown(outcome.out)) {
            CAPTURE(line);
            CHECK(tools::columns_of(line) <= static_cast<size_t>(columns));
        }
        return outcome.out;
    };
    const std::string narrow = shown("mobilenet_v2", 80);
    CHECK(narrow.find("depthwise 3×3 /2") != std::string::npos);
    CHECK(narrow.find("10.8 M") != std::string::npos);  // 27 · 32 · 112²
    CHECK(shown("mobilenet_v2", 120).find("10,838,016") != std::string::npos);
    CHECK(shown("basic_block_net", 80).find("AvgPool2d 8×8 /8") != std::string::npos);
}

TEST_CASE("train --summary prints the table and the exact totals") {
    const Outcome text = run("train", {"--model", "mobilenet_v2", "--summary", "--image-size", "32"});
    CAPTURE(text.err);
    CHECK(text.code == 0);
    CHECK(text.out.find("features.18.0") != std::string::npos);
    CHECK(text.out.find("2,236,682 (2.24 M)") != std::string::npos);
    const Outcome json = run("train", {"--model", "mobilenet_v2", "--summary", "--image-size", "32",
                                       "--classes", "200", "--json"});
    CHECK(nlohmann::json::parse(json.last_line())["parameters"] == 2'480'072);
    const nlohmann::json first = nlohmann::json::parse(json.lines().front());
    CHECK(first["convolution"] == "dense");
    CHECK(first["kernel"] == 3);
    CHECK(first["stride"] == 2);
}

}  // namespace
}  // namespace vitrine::tests

// export: a model as a file for other programs.

#include <fmt/format.h>

#include <filesystem>
#include <iostream>

#include "engine/atomic_file.h"
#include "engine/checkpoint.h"
#include "tools/common/output_file.h"
#include "tools/common/run_program.h"
#include "tools/common/standard_output.h"
#include "tools/export/fold_norms.h"
#include "tools/export/graph.h"
#include "tools/export/onnx_file.h"
#include "tools/export/optimizer_state.h"
#include "tools/export/options.h"
#include "tools/export/source.h"
#include "tools/export/torch_file.h"

namespace vitrine::exporting {
namespace {

void write_torch(const Options& options, const Source& source) {
    TorchDict object = state_dict(model_state(*source.model).tensors);
    if (options.optimizer) {
        TorchDict both;
        both.items.push_back({{std::string("model")}, {std::move(object)}});
        both.items.push_back(
            {{std::string("optimizer")}, {optimizer_state(source.file, *source.model, options.file)}});
        object = std::move(both);
    }
    write_atomically(options.output, {torch_file({std::move(object)})});
}

void write_onnx(const Options& options, const Source& source) {
    Graph graph = record_graph(*source.model, source.description.image_size);
    if (options.fold_norms.value_or(true)) fold_norms(graph);
    OnnxOptions onnx{.normalize = {}, .metadata = source.metadata};
    onnx.metadata.erase("data");  // what the images were; of no use without the program that knows them
    if (options.input == OnnxInput::pixels) {
        onnx.normalize = source.description.preparation.normalize;
        onnx.metadata["input"] = "pixels: RGB, u8 [N, H, W, 3]";
    } else {
        onnx.metadata["input"] = "normalized: RGB, f32 [N, 3, H, W], (pixel / 255 - mean) / deviation";
    }
    write_atomically(options.output, {onnx_file(graph, onnx)});
}

int run(const Options& options) {
    const Source source = read_source(options);
    const std::filesystem::path input = options.file;
    tools::check_output_file("--output", options.output);
    tools::refuse_input_as_output("--output", options.output, {&input, 1});
    tools::go_on_without_output();
    switch (options.format) {
        case Format::onnx:
            write_onnx(options, source);
            break;
        case Format::pth:
            write_torch(options, source);
            break;
        case Format::safetensors:
            save_model(options.output, *source.model, source.metadata);
            break;
    }
    std::cout << options.output << '\n';
    return 0;
}

}  // namespace
}  // namespace vitrine::exporting

int main(int argc, char** argv) {
    return vitrine::tools::run_program(
        "export", [&] { return vitrine::exporting::run(vitrine::exporting::parse_options(argc, argv)); });
}

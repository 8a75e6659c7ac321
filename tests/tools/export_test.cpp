// export as a user runs it: which weights, in which file, and what is refused.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "engine/checkpoint.h"
#include "engine/safetensors.h"
#include "engine/torch_file.h"
#include "tests/folders.h"
#include "tests/tools/program.h"
#include "tools/common/model_file.h"

namespace vitrine::tests {
namespace {

namespace fs = std::filesystem;

/// A file as train writes them, of a model with its first values.
void write_model(const std::string& path, const std::string& model, int64_t image_size, double width_mult) {
    tools::ModelDescription description{.model = model,
                                        .classes = {"sand", "sea, \"deep\"", "ø"},
                                        .image_size = image_size,
                                        .source = {ImageShape::square, image_size},
                                        .preparation = {},
                                        .variant = {.width_mult = width_mult}};
    description.preparation.normalize = tools::imagenet_normalization;
    save_model(path, *tools::build_model(description, {}, /*seed=*/5), tools::to_metadata(description));
}

Outcome read_with_python(const std::string& torch_file, const std::string& safetensors) {
    const std::string script = (repository() / "tests/tools/read_torch_file.py").string();
    return run("/usr/bin/env", {"python3", script, torch_file, safetensors});
}

TEST_CASE("export --to pth: Python's pickle and zip find the same numbers under the same names") {
    const TemporaryFolder folder;
    write_model(folder / "block.safetensors", "basic_block_net", 24, 1.0);
    write_model(folder / "mobile.safetensors", "mobilenet_v2", 33, 0.3);
    for (const auto& [name, tensors] : {std::pair{"block", 18}, {"mobile", 314}}) {
        const std::string file = folder / fmt::format("{}.safetensors", name);
        const Outcome outcome = run("export", {file, "--to", "pth"});
        CAPTURE(outcome.err);
        REQUIRE(outcome.code == 0);
        const std::string written = folder / fmt::format("{}.pth", name);
        CHECK(outcome.out == written + "\n");
        const Outcome read = read_with_python(written, file);
        CAPTURE(read.err);
        CHECK(read.out == fmt::format("{} tensors are equal\n", tensors));
        // And train --init would.
        const SafeTensors back = parse_torch_file(content_of(written), written).state;
        for (const SafeTensor& tensor : read_safetensors(file).tensors)
            CHECK(back.at(tensor.name).bytes == tensor.bytes);
    }
    // Neither the time nor the place is in the file.
    REQUIRE(
        run("export", {folder / "block.safetensors", "--to", "pth", "--output", folder / "again.bin"}).code ==
        0);
    CHECK(content_of(folder / "again.bin") == content_of(folder / "block.pth"));
}

TEST_CASE("export --to safetensors: what predict needs is in the file, of one without it too") {
    const TemporaryFolder folder;
    write_model(folder / "model.safetensors", "mobilenet_v2", 32, 0.25);
    SafeTensors file = read_safetensors(folder / "model.safetensors");
    const auto described = file.metadata;
    REQUIRE(run("export", {folder / "model.safetensors", "--to", "safetensors", "--output", folder / "same"})
                .code == 0);
    CHECK(content_of(folder / "same") == content_of(folder / "model.safetensors"));

    file.metadata.clear();
    write_safetensors(folder / "plain.safetensors", file);
    const Outcome outcome =
        run("export", {folder / "plain.safetensors", "--to", "safetensors", "--output", folder / "described",
                       "--model", "mobilenet_v2", "--width-mult", "0.25", "--image-size", "32"});
    CAPTURE(outcome.err);
    REQUIRE(outcome.code == 0);
    auto metadata = read_safetensors(folder / "described").metadata;
    CHECK(metadata["classes"] == R"(["0","1","2"])");
    metadata["classes"] = described.at("classes");
    CHECK(metadata == described);
}

TEST_CASE("export --to onnx: written, or refused naming the packages where the build has no ONNX") {
    const TemporaryFolder folder;
    write_model(folder / "model.safetensors", "basic_block_net", 16, 1.0);
    const Outcome outcome =
        run("export", {folder / "model.safetensors", "--to", "onnx", "--input", "pixels"});
    CAPTURE(outcome.err);
    if (outcome.code == 2) {
        CHECK(outcome.err.find("install libonnx-dev and libprotobuf-dev") != std::string::npos);
        CHECK_FALSE(fs::exists(folder / "model.onnx"));
        return;
    }
    REQUIRE(outcome.code == 0);
    const std::string normalized = folder / "normalized.onnx";
    REQUIRE(run("export", {folder / "model.safetensors", "--to", "onnx", "--output", normalized}).code == 0);
    for (const char* told : {R"(["sand","sea, \"deep\"","ø"])", "[0.485,0.456,0.406]", "basic_block_net"}) {
        CHECK(content_of(folder / "model.onnx").find(told) != std::string::npos);
        CHECK(content_of(normalized).find(told) != std::string::npos);
    }
    CHECK(content_of(folder / "model.onnx").find("pixels: RGB, u8 [N, H, W, 3]") != std::string::npos);
    CHECK(content_of(normalized).find("normalized: RGB, f32 [N, 3, H, W]") != std::string::npos);
}

TEST_CASE("export: of a run's checkpoint the averaged weights, or the plain ones") {
    const TemporaryFolder folder;
    write_colours(folder.path() / "data");
    REQUIRE(run("train", {"--data", folder / "data", "--image-size", "16", "--epochs", "1", "--batch-size",
                          "20", "--set", "training.ema_decay=0.5", "--out", folder / "run", "--quiet"})
                .code == 0);
    const std::string checkpoint = folder / "run/checkpoints/step-000000006.safetensors";
    const auto weights_as = [&](const std::vector<std::string>& choice) {
        std::vector<std::string> arguments{checkpoint, "--to", "safetensors", "--output", folder / "out"};
        arguments.insert(arguments.end(), choice.begin(), choice.end());
        const Outcome outcome = run("export", arguments);
        CAPTURE(outcome.err);
        REQUIRE(outcome.code == 0);
        return read_safetensors(folder / "out");
    };
    const SafeTensors last = read_safetensors(folder / "run/last.safetensors");
    const SafeTensors averaged = weights_as({});
    const SafeTensors plain = weights_as({"--weights", "plain"});
    CHECK(averaged.metadata.at("weights") == "averaged");
    CHECK(plain.metadata.at("weights") == "plain");
    const SafeTensors whole = read_safetensors(checkpoint);
    for (const SafeTensor& tensor : last.tensors) {
        CAPTURE(tensor.name);
        CHECK(averaged.at(tensor.name).bytes == tensor.bytes);
        CHECK(plain.at(tensor.name).bytes == whole.at("model." + tensor.name).bytes);
    }
    CHECK(plain.at("layer_1.0.weight").bytes != averaged.at("layer_1.0.weight").bytes);
    CHECK(run("predict", {folder / "out", folder / "data/val"}).code == 0);
}

TEST_CASE("export --optimizer: momentum and settings of the next step, in the groups that the run has") {
    const TemporaryFolder folder;
    write_colours(folder.path() / "data");
    std::vector<std::string> train{"--data",       folder / "data",
                                   "--image-size", "16",
                                   "--epochs",     "1",
                                   "--batch-size", "20",
                                   "--lr",         "0.25",
                                   "--set",        "training.ema_decay=0.5",
                                   "--set",        "phase.scheduler={kind=\"constant\"}",
                                   "--quiet",      "--out"};
    const auto trained = [&](const char* name, const std::vector<std::string>& more) {
        std::vector<std::string> arguments = train;
        arguments.push_back(folder / name);
        arguments.insert(arguments.end(), more.begin(), more.end());
        const Outcome outcome = run("train", arguments);
        CAPTURE(outcome.err);
        REQUIRE(outcome.code == 0);
        return folder / (std::string(name) + "/checkpoints/step-000000006.safetensors");
    };
    const auto groups_of = [&](const std::string& checkpoint) {
        const std::string file = folder / "optimizer.pth";
        const Outcome outcome = run("export", {checkpoint, "--to", "pth", "--optimizer", "--output", file});
        CAPTURE(outcome.err);
        REQUIRE(outcome.code == 0);
        const Outcome read = read_with_python(file, checkpoint);
        CAPTURE(read.err);
        REQUIRE(read.code == 0);
        CHECK(read.last_line() == "18 tensors are equal");
        std::vector<std::string> lines = read.lines();
        lines.pop_back();
        return lines;
    };
    const auto settings = [](const char* lr, const char* weight_decay, const char* nesterov) {
        return fmt::format(
            R"({{"lr": {}, "momentum": 0.9, "dampening": 0.0, "weight_decay": {}, "nesterov": {}, )"
            R"("maximize": false, "foreach": null, "differentiable": false}} )",
            lr, weight_decay, nesterov);
    };
    const std::string plain = trained("plain", {});
    CHECK(
        groups_of(plain) ==
        std::vector{
            settings("0.25", "0.0001", "false") +
            "layer_1.0.weight layer_1.0.bias layer_1.1.weight layer_1.1.bias layer_1.3.weight layer_1.3.bias "
            "layer_1.4.weight layer_1.4.bias layer_2.weight layer_2.bias layer_5.weight layer_5.bias"});
    const std::string split = trained("split", {"--head-lr", "0.5", "--set", "phase.nesterov=true", "--set",
                                                "phase.decay_norms_and_biases=false"});
    CHECK(groups_of(split) ==
          std::vector{settings("0.25", "0.0001", "true") + "layer_1.0.weight layer_1.3.weight layer_2.weight",
                      settings("0.5", "0.0001", "true") + "layer_5.weight",
                      settings("0.25", "0.0", "true") +
                          "layer_1.0.bias layer_1.1.weight layer_1.1.bias layer_1.3.bias layer_1.4.weight "
                          "layer_1.4.bias layer_2.bias",
                      settings("0.5", "0.0", "true") + "layer_5.bias"});

    for (const auto& [arguments, sentence] : std::vector<std::pair<std::vector<std::string>, std::string>>{
             {{folder / "plain/best.safetensors", "--to", "pth"}, "holds weights alone"},
             {{plain, "--to", "safetensors"}, "--optimizer is of --to pth alone"},
             {{plain, "--to", "pth", "--weights", "averaged"}, "belongs to the plain weights"}}) {
        std::vector<std::string> all = arguments;
        all.insert(all.end(), {"--optimizer", "--output", folder / "none"});
        const Outcome refused = run("export", all);
        CAPTURE(refused.err);
        CHECK(refused.code == 2);
        CHECK(refused.err.find(sentence) != std::string::npos);
        CHECK_FALSE(fs::exists(folder / "none"));
    }
}

TEST_CASE("export: what it cannot do is one sentence and code 2, and leaves everything as it was") {
    const TemporaryFolder folder;
    const std::string model = folder / "model.safetensors";
    write_model(model, "basic_block_net", 16, 1.0);
    std::ofstream(folder / "text.safetensors") << "no model";
    std::ofstream(folder / "model.pth") << "mine";
    SafeTensors plain = read_safetensors(model);
    plain.metadata.clear();
    write_safetensors(folder / "plain.safetensors", plain);
    const std::string before = content_of(model);

    struct Case {
        std::vector<std::string> arguments;
        std::string sentence;
    };
    const Case cases[] = {
        {{model}, "--to is required"},
        {{model, "--to", "tflite"}, "--to tflite: choose one of onnx, pth, safetensors"},
        {{folder / "none.safetensors", "--to", "pth"}, "none.safetensors: No such file"},
        {{folder / "text.safetensors", "--to", "pth"}, "text.safetensors"},
        {{folder / "plain.safetensors", "--to", "pth"}, "name it with --model"},
        {{model, "--to", "pth", "--model", "resnet18", "--output", folder / "x"}, "leave --model"},
        {{model, "--to", "pth"}, "model.pth is there already: name it with --output to replace it"},
        {{model, "--to", "safetensors"}, "would be written over itself"},
        {{model, "--to", "pth", "--output", model}, "which is read: name another file"},
        {{model, "--to", "pth", "--output", folder / "none/x.pth"}, "there is no folder"},
        {{model, "--to", "pth", "--output", folder.path().string()}, "this is a folder"},
        {{model, "--to", "pth", "--output", ""}, "not an empty text"},
        {{model, "--to", "pth", "--output", folder / "x", "--input", "pixels"},
         "--input is of --to onnx alone"},
        {{model, "--to", "pth", "--output", folder / "x", "--weights", "plain"}, "holds one set of weights"},
    };
    for (const Case& wrong : cases) {
        const Outcome outcome = run("export", wrong.arguments);
        CAPTURE(wrong.sentence);
        CAPTURE(outcome.err);
        CHECK(outcome.code == 2);
        CHECK(outcome.err.starts_with("export: "));
        CHECK(std::ranges::count(outcome.err, '\n') == 1);
        CHECK(outcome.err.find(wrong.sentence) != std::string::npos);
    }
    CHECK(content_of(model) == before);
    CHECK(content_of(folder / "model.pth") == "mine");
    CHECK(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()) == 4);
}

}  // namespace
}  // namespace vitrine::tests

// predict with weights from elsewhere: what PyTorch saved, and the names of its classes.

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "engine/safetensors.h"
#include "tests/folders.h"
#include "tests/tools/colour_run.h"

namespace vitrine::tests {
namespace {

namespace fs = std::filesystem;

/// The class of the first line.
std::string class_in(const Outcome& outcome) {
    const std::string line = outcome.lines().at(0);
    const size_t begin = line.find('\t') + 1;
    return line.substr(begin, line.find('\t', begin) - begin);
}

TEST_CASE(
    "predict: classes of weights from elsewhere are named by a file, a folder, or what lies beside them") {
    const ColourRuns runs;
    const TemporaryFolder& folder = runs.folder;
    REQUIRE(runs.train("run", {"--epochs", "1"}).code == 0);
    const std::string model = folder / "run/best.safetensors";
    SafeTensors plain = read_safetensors(model);
    plain.metadata.clear();
    // As old versions of PyTorch wrote it, without counters, and as wrappers name it.
    std::erase_if(plain.tensors,
                  [](const SafeTensor& tensor) { return tensor.name.ends_with("num_batches_tracked"); });
    for (SafeTensor& tensor : plain.tensors) tensor.name.insert(0, "module.");
    fs::create_directory(folder / "elsewhere");
    const std::string path = folder / "elsewhere/plain.safetensors";
    write_safetensors(path, plain);
    const auto first_class = [&](std::vector<std::string> more) {
        more.insert(more.begin(),
                    {path, folder / "data/val", "--model", "basic_block_net", "--image-size", "16"});
        const Outcome outcome = run("predict", more);
        return outcome.code == 0 ? class_in(outcome) : outcome.err;
    };
    const int number = std::stoi(first_class({}));
    const auto write = [](const std::string& file, const std::string& text) { std::ofstream(file) << text; };
    write(folder / "names", "tench\r\ngreat white shark\r\ncrane\r\n\r\n");
    const std::vector<std::string> names{"tench", "great white shark", "crane"};
    CHECK(first_class({"--classes", folder / "names"}) == names[static_cast<size_t>(number)]);
    write(folder / "twice", "crane\ncrane\ncrane");
    CHECK(first_class({"--classes", folder / "twice"}) == "crane (" + std::to_string(number) + ")");
    CHECK(first_class({"--classes", folder / "data/train"}) ==
          std::vector<std::string>{"fire", "sea, \"deep\"", "wood"}[static_cast<size_t>(number)]);
    write(folder / "elsewhere/classes.txt", "a\nb\nc\n");
    CHECK(first_class({}) == std::string(1, static_cast<char>('a' + number)));
    write(folder / "elsewhere/classes.txt", "a\nb\n");
    CHECK(first_class({}).find("classes.txt has 2 names of classes, but the model has 3 classes") !=
          std::string::npos);
    write(folder / "gap", "a\n\nb\n");
    CHECK(first_class({"--classes", folder / "gap"}).find("line 2 is empty") != std::string::npos);
    CHECK(first_class({"--classes", folder / "absent"}).find("No such file") != std::string::npos);
    CHECK(run("predict", {model, folder / "data/val", "--classes", folder / "names"}).code == 2);
}

TEST_CASE("predict: a state_dict of torch.save is read as any other weights") {
    const ColourRuns runs;
    const std::string weights = (repository() / "tests/golden/torch_files/mobilenet_v2_narrow.pth").string();
    const std::vector<std::string> model{"--model", "mobilenet_v2", "--width-mult",
                                         "0.01",    "--image-size", "32"};
    std::vector<std::string> arguments{weights, runs.folder / "data/val"};
    arguments.insert(arguments.end(), model.begin(), model.end());
    const Outcome outcome = run("predict", arguments);
    CHECK_MESSAGE(outcome.code == 0, outcome.err);
    CHECK(outcome.lines().size() == 36);
    const Outcome measured = run("train", {"--eval-only", weights, "--data", runs.folder / "data", "--model",
                                           "mobilenet_v2", "--width-mult", "0.01", "--image-size", "32"});
    CHECK_MESSAGE(measured.code == 0, measured.err);
    std::vector<std::string> exported{weights, "--to", "safetensors", "--output",
                                      runs.folder / "out.safetensors"};
    exported.insert(exported.end(), model.begin(), model.end());
    const Outcome written = run("export", exported);
    CHECK_MESSAGE(written.code == 0, written.err);
    arguments = {runs.folder / "out.safetensors", runs.folder / "data/val"};
    CHECK(run("predict", arguments).out == outcome.out);
}

}  // namespace
}  // namespace vitrine::tests

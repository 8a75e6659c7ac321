// A run that begins with weights from a file: train --init.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "engine/safetensors.h"
#include "tests/error_of.h"
#include "tests/folders.h"
#include "tests/tools/colour_run.h"
#include "tools/common/model_file.h"
#include "tools/common/weights_file.h"

namespace vitrine::tests {
namespace {

namespace fs = std::filesystem;

/// So little that no single-precision weight moves: what a run ends with is what it began with.
const std::vector<std::string> standing_still{"--lr", "1e-30", "--max-steps", "1", "--schedule", "constant"};

std::vector<std::string> with_init(const std::string& file, std::vector<std::string> more = standing_still) {
    more.insert(more.end(), {"--init", file});
    return more;
}

SafeTensors weights_of(const ColourRuns& runs, const std::string& name) {
    return read_safetensors(runs.path(name, "last.safetensors"));
}

fs::path golden(const std::string& file) { return fs::path(repository()) / "tests/golden" / file; }

TEST_CASE("a run begins with the weights of another: its head too where the classes are the same") {
    const ColourRuns runs;
    REQUIRE(runs.train("first", {"--epochs", "1", "--max-steps", "1"}).code == 0);
    const std::string first = runs.path("first", "last.safetensors").string();
    const Outcome second = runs.train("second", with_init(first));
    REQUIRE_MESSAGE(second.code == 0, second.err);
    const SafeTensors before = weights_of(runs, "first"), after = weights_of(runs, "second");
    for (const char* name : {"layer_1.0.weight", "layer_1.1.bias", "layer_5.weight", "layer_5.bias"})
        CHECK(after.at(name).bytes == before.at(name).bytes);
    // The counter goes on from the file's.
    CHECK(after.at("layer_1.1.num_batches_tracked").values()[0] ==
          before.at("layer_1.1.num_batches_tracked").values()[0] + 1.0);

    fs::rename(runs.folder.path() / "data/train/fire", runs.folder.path() / "data/train/blaze");
    fs::rename(runs.folder.path() / "data/val/fire", runs.folder.path() / "data/val/blaze");
    const Outcome other = runs.train("other", with_init(first));
    REQUIRE_MESSAGE(other.code == 0, other.err);
    CHECK(contains(second.err + other.err, "but for a new head: that one is of other classes"));
    CHECK(weights_of(runs, "other").at("layer_1.0.weight").bytes == before.at("layer_1.0.weight").bytes);
    CHECK(weights_of(runs, "other").at("layer_5.weight").bytes != before.at("layer_5.weight").bytes);

    // And from what a run goes on from.
    const std::string checkpoint = runs.path("first", "checkpoints/step-000000001.safetensors").string();
    const Outcome third = runs.train("third", with_init(checkpoint));
    REQUIRE_MESSAGE(third.code == 0, third.err);
    CAPTURE(third.err);
    CHECK(contains(third.err, "is a run's checkpoint: only its weights are used"));
}

TEST_CASE("a head of another size is made anew as the seed draws it, the rest is the file's") {
    const ColourRuns runs;
    const fs::path file = golden("models/basic_block_net.safetensors");  // ten classes, 32 pixels
    const Outcome outcome = runs.train("run", with_init(file.string()));
    REQUIRE_MESSAGE(outcome.code == 0, outcome.err);
    CHECK(contains(outcome.err,
                   "but for a new head: layer_5.weight has another shape there ([10, 512] in the file, [3, "
                   "128] in the model)"));
    REQUIRE(runs.train("fresh", standing_still).code == 0);
    const SafeTensors of_file = read_safetensors(file), run = weights_of(runs, "run"),
                      fresh = weights_of(runs, "fresh");
    CHECK(run.at("layer_1.0.weight").bytes == of_file.at("layer_1.0.weight").bytes);
    CHECK(run.at("layer_5.weight").bytes == fresh.at("layer_5.weight").bytes);
    CHECK(run.at("layer_1.0.weight").bytes != fresh.at("layer_1.0.weight").bytes);
}

TEST_CASE("a run with --init goes on to the same bits when the file is gone") {
    const ColourRuns runs;
    const fs::path file = runs.folder.path() / "init.safetensors";
    fs::copy(golden("models/basic_block_net.safetensors"), file);
    const std::vector<std::string> two_epochs{"--epochs", "2", "--batch-size", "20", "--init", file.string()};
    REQUIRE(runs.train("whole", two_epochs).code == 0);
    std::vector<std::string> stopped = two_epochs;
    stopped.insert(stopped.end(), {"--max-steps", "7"});
    REQUIRE(runs.train("stopped", stopped).code == 0);
    fs::remove(file);
    const Outcome outcome = runs.train("stopped", two_epochs);
    REQUIRE_MESSAGE(outcome.code == 0, outcome.err);
    CHECK(runs.file("stopped", "last.safetensors") == runs.file("whole", "last.safetensors"));
    CHECK(runs.file("stopped", "metrics.jsonl") == runs.file("whole", "metrics.jsonl"));
    const Outcome changed = runs.train(
        "stopped", {"--epochs", "2", "--batch-size", "20", "--init", "other.pth", "--allow-changes"});
    CHECK(changed.code == 2);
    CHECK(contains(changed.err, "but it is what the run began with"));
}

TEST_CASE("weights that do not fit are refused with a table, and nothing is left behind") {
    const ColourRuns runs;
    const auto refused = [&](const std::string& file, std::vector<std::string> more = {}) {
        const Outcome outcome = runs.train("refused", with_init(file, std::move(more)));
        CHECK(outcome.code == 2);
        CHECK(!fs::exists(runs.folder.path() / "refused"));
        return outcome.err;
    };
    const std::string sound = golden("models/basic_block_net.safetensors").string();
    const std::string table = refused(sound, {"--model", "mobilenet_v2"});
    CHECK(contains(table, "is missing         features.0.0.weight"));
    CHECK(contains(table, "is left over       layer_1.0.bias"));
    CHECK(contains(table, "[32] in the file"));
    CHECK(contains(table, "does not fit mobilenet_v2"));
    CHECK(contains(refused((runs.folder.path() / "absent.pth").string()), "No such file"));
    CHECK(contains(refused(golden("torch_files/2.15.0/legacy.pth").string()), "format of before 1.6"));
    CHECK(contains(refused(golden("torch_files/2.15.0/calls.pth").string()),
                   "only tensors and containers are read"));
    CHECK(contains(refused(golden("README.md").string()), "neither"));
    CHECK(contains(refused(""), "--init: the name of a file or folder is needed"));

    const auto damaged = [&](const auto& change) {
        SafeTensors file = read_safetensors(sound);
        change(file, *std::ranges::find(file.tensors, "layer_1.0.weight", &SafeTensor::name));
        const fs::path path = runs.folder.path() / "damaged.safetensors";
        write_safetensors(path, file);
        return refused(path.string());
    };
    CHECK(contains(
        damaged([](SafeTensors&, SafeTensor& tensor) { tensor.bytes.replace(0, 4, "\xff\xff\xff\x7f"); }),
        "nan"));
    CHECK(contains(damaged([](SafeTensors&, SafeTensor& tensor) { tensor.shape = {tensor.shape.count()}; }),
                   "has another shape"));
    CHECK(contains(damaged([](SafeTensors& file, SafeTensor&) { file.metadata["model"] = "resnet18"; }),
                   "holds a resnet18"));
}

TEST_CASE("counters that are not there are 0, and wrappers' prefixes are taken off and said") {
    const ColourRuns runs;
    SafeTensors file = read_safetensors(golden("models/basic_block_net.safetensors"));
    std::erase_if(file.tensors,
                  [](const SafeTensor& tensor) { return tensor.name.ends_with("num_batches_tracked"); });
    for (SafeTensor& tensor : file.tensors) tensor.name.insert(0, "module._orig_mod.");
    const fs::path path = runs.folder.path() / "wrapped.safetensors";
    write_safetensors(path, file);
    const Outcome outcome = runs.train("run", with_init(path.string()));
    REQUIRE_MESSAGE(outcome.code == 0, outcome.err);
    CHECK(contains(outcome.err, "the prefix module._orig_mod. is taken off all names"));
    CHECK(weights_of(runs, "run").at("layer_1.1.num_batches_tracked").values()[0] == 1.0);
}

TEST_CASE("torchvision's mobilenet_v2 from torch.save gives torchvision's logits") {
    const tools::WeightsFile file = tools::read_weights(golden("torch_files/mobilenet_v2_narrow.pth"));
    tools::ModelDescription given;
    given.model = "mobilenet_v2";
    given.variant.width_mult = 0.01;
    const tools::ModelDescription description = tools::description_of_plain(file.state, "file", given);
    REQUIRE(description.classes.size() == 3);
    const Placement placement{DType::f64, Device::cpu};
    const auto model = tools::build_model(description, placement, file.state, "file");
    std::vector<double> image(2 * 64 * 64 * 3);
    for (size_t i = 0; i < image.size(); ++i) image[i] = static_cast<double>(i * 7919 % 1009) / 504.5 - 1.0;
    model->set_training(false);
    const std::vector<double> logits =
        (*model)(Tensor::from_host(image, {2, 64, 64, 3}, placement)).to_host<double>();
    const auto expected =
        nlohmann::json::parse(std::ifstream(golden("torch_files/mobilenet_v2_narrow.json")))["logits"];
    for (size_t i = 0; i < logits.size(); ++i)
        CHECK(logits[i] == doctest::Approx(expected[i / 3][i % 3].get<double>()).epsilon(1e-6));
}

}  // namespace
}  // namespace vitrine::tests

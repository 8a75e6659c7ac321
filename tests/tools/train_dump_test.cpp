// What the network was fed, as files for another program: train --dump-batches; and a run in double precision.

#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "engine/safetensors.h"
#include "tests/tools/colour_run.h"

namespace vitrine::tests {
namespace {

namespace fs = std::filesystem;

std::string batch_file(int number) {
    return "batches/batch-00000000" + std::to_string(number) + ".safetensors";
}

TEST_CASE(
    "--dump-batches writes the weights before and the next batches, and counts on where a run goes on") {
    const ColourRuns runs;
    const auto train = [&](const char* steps, const char* count) {
        return runs.train("run", {"--epochs", "2", "--max-steps", steps, "--dump-batches", count});
    };
    REQUIRE(train("1", "1").code == 0);
    const SafeTensors begun = read_safetensors(runs.path("run", "checkpoints/step-000000000.safetensors"));
    const SafeTensors weights = read_safetensors(runs.path("run", "batches/weights.safetensors"));
    for (const SafeTensor& tensor : weights.tensors)
        CHECK(tensor.bytes == begun.at("model." + tensor.name).bytes);

    const SafeTensors first = read_safetensors(runs.path("run", batch_file(1)));
    const int64_t images = first.at("images").shape[0];
    CHECK(first.at("images").dtype == "F32");
    CHECK(first.at("images").shape[1] == 3);
    CHECK(first.at("images").shape[2] == first.at("images").shape[3]);
    CHECK(first.at("labels").shape == Shape{images});
    CHECK(first.at("samples").shape == Shape{images});
    CHECK(first.find("labels_b") == nullptr);

    REQUIRE(train("3", "1").code == 0);
    CHECK(fs::exists(runs.path("run", batch_file(2))));
    CHECK_FALSE(fs::exists(runs.path("run", batch_file(3))));
    const SafeTensors then = read_safetensors(runs.path("run", "batches/weights.safetensors"));
    CHECK(then.at("layer_1.0.weight").bytes != weights.at("layer_1.0.weight").bytes);
}

TEST_CASE("what was mixed is told with its share, and a new run takes the old one's batches away") {
    const ColourRuns runs;
    const std::vector<std::string> mixed{
        "--epochs",       "2", "--max-steps", "2",
        "--dump-batches", "2", "--set",       "transforms.batch={ mixup = 0.4 }"};
    REQUIRE(runs.train("run", mixed).code == 0);
    const SafeTensors batch = read_safetensors(runs.path("run", batch_file(2)));
    CHECK(batch.at("labels_b").shape == batch.at("labels").shape);
    const double share = batch.at("lambda").values()[0];
    CHECK(share >= 0.0);
    CHECK(share <= 1.0);
    REQUIRE(runs.train("run", {"--epochs", "1", "--max-steps", "1", "--overwrite"}).code == 0);
    CHECK_FALSE(fs::exists(runs.path("run", batch_file(1))));
}

TEST_CASE("batches go to the run's own folder and nowhere else") {
    const ColourRuns runs;
    fs::create_directories(runs.path("run", ""));
    fs::create_directory_symlink("/tmp", runs.path("run", "batches"));
    const Outcome run = runs.train("run", {"--epochs", "1", "--max-steps", "1", "--dump-batches", "1"});
    CHECK(run.code == 2);
    CHECK(run.err.find("batches is a symbolic link, but a run needs a folder of its own there") !=
          std::string::npos);
}

TEST_CASE("a run in double precision keeps its weights so, and goes on to the same bits") {
    const ColourRuns runs;
    const std::vector<std::string> doubled{"--epochs", "3", "--precision", "f64", "--max-steps"};
    const auto train = [&](const std::string& name, const char* steps) {
        std::vector<std::string> arguments = doubled;
        arguments.emplace_back(steps);
        return runs.train(name, arguments);
    };
    REQUIRE(train("whole", "3").code == 0);
    REQUIRE(train("parts", "1").code == 0);
    REQUIRE(train("parts", "3").code == 0);
    const SafeTensors whole = read_safetensors(runs.path("whole", "last.safetensors"));
    const SafeTensors parts = read_safetensors(runs.path("parts", "last.safetensors"));
    CHECK(whole.at("layer_1.0.weight").dtype == "F64");
    for (const SafeTensor& tensor : whole.tensors) CHECK(tensor.bytes == parts.at(tensor.name).bytes);

    const Outcome other = runs.train("parts", {"--epochs", "3", "--max-steps", "4"});
    CHECK(other.code == 2);
    CHECK(other.err.find("precision") != std::string::npos);
}

}  // namespace
}  // namespace vitrine::tests

// predict on images, folders and files that are none.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "data/image_format.h"
#include "engine/safetensors.h"
#include "tests/folders.h"
#include "tests/tools/program.h"

namespace vitrine::tests {
namespace {

using Json = nlohmann::json;

std::vector<std::string> split(const std::string& line, char separator) {
    std::vector<std::string> parts;
    std::istringstream stream(line);
    for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
    return parts;
}

struct Trained {
    Trained() {
        write_colours(folder.path() / "data");
        REQUIRE(run("train", {"--data", folder / "data", "--image-size", "16", "--epochs", "3",
                              "--batch-size", "20", "--out", folder / "run", "--quiet"})
                    .code == 0);
    }

    TemporaryFolder folder;
    std::string model = folder / "run/best.safetensors";
};

TEST_CASE_FIXTURE(Trained, "predict: classes and probabilities, sorted, and the CSV of a competition") {
    const Outcome outcome = run("predict", {model, folder / "data/val", "--top", "3", "--csv",
                                            folder / "out.csv", "--batch-size", "7"});
    CAPTURE(outcome.err);
    REQUIRE(outcome.code == 0);
    const std::vector<std::string> lines = outcome.lines();
    REQUIRE(lines.size() == 36);
    CHECK(std::ranges::is_sorted(lines, {}, [](const std::string& line) { return split(line, '\t')[0]; }));
    int right = 0;
    for (const std::string& line : lines) {
        const std::vector<std::string> fields = split(line, '\t');
        REQUIRE(fields.size() == 7);  // path, then three classes with probabilities
        right += fields[0].find(fields[1]) != std::string::npos;
        const double sum = std::stod(fields[2]) + std::stod(fields[4]) + std::stod(fields[6]);
        CHECK(sum == doctest::Approx(1.0).epsilon(2e-4));
        CHECK(std::stod(fields[2]) >= std::stod(fields[4]));
    }
    CHECK(right >= 33);

    const std::vector<std::string> rows = split(content_of(folder / "out.csv"), '\n');
    REQUIRE(rows.size() == 37);
    CHECK(rows[0] == "Id,Category");
    const auto in_sea = std::ranges::count_if(
        rows, [](const std::string& row) { return row.ends_with(".ppm,\"sea, \"\"deep\"\"\""); });
    CHECK(in_sea >= 11);
}

TEST_CASE_FIXTURE(
    Trained, "predict --logits: the numbers that the probabilities are made of, of each image and class") {
    const std::string table = folder / "logits.csv";
    const Outcome outcome = run("predict", {model, folder / "data/val", "--top", "3", "--logits", table});
    CAPTURE(outcome.err);
    REQUIRE(outcome.code == 0);
    const std::vector<std::string> rows = split(content_of(table), '\n'), lines = outcome.lines();
    REQUIRE(rows.size() == lines.size() + 1);
    CHECK(rows[0] == R"(image,fire,"sea, ""deep""",wood)");
    for (size_t i = 0; i < lines.size(); ++i) {
        const std::vector<std::string> row = split(rows[i + 1], ','), line = split(lines[i], '\t');
        REQUIRE(row.size() >= 4);  // a path may have commas of its own
        CHECK(rows[i + 1].find(std::filesystem::path(line[0]).filename().string()) != std::string::npos);
        const auto power = [&](size_t from_the_end) {
            return std::exp(std::stod(row[row.size() - from_the_end]));
        };
        const double sum = power(3) + power(2) + power(1);
        for (const auto& [from_the_end, name] : {std::pair{3, "fire"}, {2, "sea, \"deep\""}, {1, "wood"}}) {
            const auto place = std::ranges::find(line, name);
            REQUIRE(place != line.end());
            CHECK(power(static_cast<size_t>(from_the_end)) / sum ==
                  doctest::Approx(std::stod(*(place + 1))).epsilon(1e-4).scale(1.0));
        }
    }
    const Outcome refused = run("predict", {model, folder / "data/val", "--logits", model});
    CHECK(refused.code == 2);
    CHECK(refused.err.find("--logits") != std::string::npos);
}

TEST_CASE_FIXTURE(Trained, "predict: a PBM that is named is read, as Pillow reads it") {
    std::ofstream(folder / "bits.pbm") << "P1\n2 2\n1 0 0 1\n";
    std::ofstream(folder / "same.ppm") << "P3\n2 2\n1\n0 0 0 1 1 1 1 1 1 0 0 0\n";
    const auto fields_of = [&](const std::string& name) {
        const Outcome outcome = run("predict", {model, folder / name, "--top", "3"});
        CAPTURE(outcome.err);
        REQUIRE(outcome.code == 0);
        return outcome.out.substr(outcome.out.find('\t'));
    };
    CHECK(fields_of("bits.pbm") == fields_of("same.ppm"));
}

/// The mean of -log of the probability of the class that an image's folder is named after.
double mean_loss(const Outcome& outcome) {
    double sum = 0.0;
    for (const std::string& line : outcome.lines()) {
        const std::vector<std::string> fields = split(line, '\t');
        const std::string label = std::filesystem::path(fields[0]).parent_path().filename();
        for (size_t i = 1; i < fields.size(); i += 2) {
            if (fields[i] == label) sum -= std::log(std::stod(fields[i + 1]));
        }
    }
    return sum / static_cast<double>(outcome.lines().size());
}

TEST_CASE("predict and --eval-only: images are prepared as in the run's validation") {
    const TemporaryFolder folder;
    write_colours(folder.path() / "data");
    REQUIRE(run("train", {"--data", folder / "data", "--image-size", "13", "--set", "transforms.resize=16",
                          "--set", "transforms.validation={ resize = 19, center_crop = 16 }", "--epochs", "1",
                          "--batch-size", "20", "--out", folder / "run", "--quiet"})
                .code == 0);
    const std::string model = folder / "run/best.safetensors";
    const Json metrics = Json::parse(content_of(folder / "run/metrics.jsonl"));
    const double loss = metrics["val_loss"].get<double>();

    const Outcome measured =
        run("train", {"--data", folder / "data", "--eval-only", model, "--json", "--batch-size", "20"});
    CAPTURE(measured.err);
    REQUIRE(measured.code == 0);
    CHECK(Json::parse(measured.last_line())["val_loss"].get<double>() == loss);

    const std::vector<std::string> arguments{model, folder / "data/val", "--top", "3"};
    const Outcome predicted = run("predict", arguments);
    CHECK(mean_loss(predicted) == doctest::Approx(loss).epsilon(1e-3));

    SafeTensors other = read_safetensors(model);
    other.metadata["source_size"] = "16";
    other.metadata["resize"] = other.metadata["center_crop"] = "0";
    write_safetensors(model, other);
    CHECK(mean_loss(run("predict", arguments)) != doctest::Approx(loss).epsilon(1e-3));

    other.metadata["resize"] = "20";
    write_safetensors(model, other);
    const Outcome contradiction = run("predict", arguments);
    CHECK(contradiction.code == 2);
    CHECK(contradiction.err.find("images of 16 pixels become 20, but image_size is 16") != std::string::npos);
}

TEST_CASE_FIXTURE(Trained,
                  "predict: a GIF that it is handed is read, one in a folder is left out as in training") {
    const std::string golden = (repository() / "tests/golden/formats/89a.gif").string();
    if (!image_format(first_bytes(golden)).is_read()) {
        MESSAGE("skipped: this build reads no GIF");
        return;
    }
    const Outcome handed = run("predict", {model, golden});
    CAPTURE(handed.err);
    CHECK(handed.code == 0);
    CHECK(handed.lines().size() == 1);
    std::filesystem::copy(golden, folder / "data/val/fire/a.gif");
    const Outcome in_folder = run("predict", {model, folder / "data/val/fire"});
    CHECK(in_folder.code == 1);
    CHECK(in_folder.err.find(
              "a.gif: a GIF file, left out as torchvision's ImageFolder leaves out names that end in "
              ".gif\n") != std::string::npos);
}

TEST_CASE_FIXTURE(Trained, "predict: a damaged image is reported and skipped, or an error with --strict") {
    std::ofstream(folder / "damaged.jpg") << "no image";
    const std::string good = folder / "data/val/fire/val-20.ppm";
    REQUIRE(std::filesystem::exists(good));
    const Outcome skipped = run("predict", {model, folder / "damaged.jpg", good});
    CHECK(skipped.code == 1);
    CHECK(skipped.lines().size() == 1);
    CHECK(skipped.err.find("damaged.jpg") != std::string::npos);
    const Outcome strict = run("predict", {model, folder / "damaged.jpg", good, "--strict"});
    CHECK(strict.code == 2);
    CHECK(strict.out.empty());
}

TEST_CASE_FIXTURE(Trained, "predict: bad arguments have exit code 2 and one sentence") {
    const auto refuses = [&](const std::vector<std::string>& arguments, const std::string& part) {
        const Outcome outcome = run("predict", arguments);
        CAPTURE(outcome.err);
        CHECK(outcome.code == 2);
        CHECK(outcome.err.starts_with("predict: "));
        CHECK(outcome.err.find(part) != std::string::npos);
        CHECK(std::ranges::count(outcome.err, '\n') == 1);
    };
    const std::string images = folder / "data/val";
    std::filesystem::create_directory(folder / "empty");
    refuses({}, "CHECKPOINT");
    refuses({model}, "IMAGE|FOLDER");
    refuses({model, folder / "missing"}, "missing");
    refuses({model, folder / "empty"}, "no image in the folder");
    refuses({folder / "missing.safetensors", images}, "missing.safetensors");
    refuses({model, images, "--top", "0"}, "--top 0");
    refuses({model, images, "--model", "mobilenet_v2"}, "says what it holds");
    refuses({model, images, "--csv", folder / "missing/out.csv"}, "missing/out.csv");
}

TEST_CASE_FIXTURE(Trained, "predict and --eval-only: weights that are no numbers, or whose logits are none") {
    const auto with = [&](const std::string& name, double value) {
        SafeTensors file = read_safetensors(model);
        for (SafeTensor& tensor : file.tensors) {
            if (tensor.name != name) continue;
            const std::vector<double> values(static_cast<size_t>(tensor.shape.count()), value);
            tensor = SafeTensor::f32(name, tensor.shape, values);
        }
        write_safetensors(folder / "changed.safetensors", file);
    };
    const auto both = [&](int code, const std::string& part) {
        const std::vector<std::string> predicted{folder / "changed.safetensors", folder / "data/val"};
        const std::vector<std::string> measured{"--data", folder / "data", "--eval-only",
                                                folder / "changed.safetensors"};
        for (const Outcome& outcome : {run("predict", predicted), run("train", measured)}) {
            CAPTURE(outcome.err);
            CHECK(outcome.code == code);
            CHECK(outcome.out.find("val_top5") == std::string::npos);
            CHECK(outcome.out.find("nan") == std::string::npos);
            CHECK(outcome.err.find(part) != std::string::npos);
            CHECK(outcome.err.find("internal") == std::string::npos);
        }
    };
    with("layer_1.0.weight", std::nan(""));
    both(2, "tensor layer_1.0.weight holds nan");
    with("layer_5.bias", -INFINITY);
    both(2, "tensor layer_5.bias holds -inf");
    with("layer_1.1.running_var", -1.0);
    both(2, "tensor layer_1.1.running_var holds -1, but cannot be below 0");
    with("layer_5.weight", 3e38);
    both(1, "overflow");
}

TEST_CASE_FIXTURE(Trained, "predict: a file without metadata works when the model is named") {
    SafeTensors plain = read_safetensors(model);
    plain.metadata.clear();
    const std::string path = folder / "plain.safetensors";
    write_safetensors(path, plain);
    CHECK(run("predict", {path, folder / "data/val"}).code == 2);
    const Outcome outcome =
        run("predict", {path, folder / "data/val", "--model", "basic_block_net", "--image-size", "16"});
    CAPTURE(outcome.err);
    CHECK(outcome.code == 0);
    CHECK(outcome.lines().size() == 36);
    CHECK(std::stoi(split(outcome.lines()[0], '\t')[1]) < 3);
}

}  // namespace
}  // namespace vitrine::tests

// Whole runs of train on a tiny folder of images.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>
#include <tuple>

#include "engine/safetensors.h"
#include "tests/tools/program.h"

namespace vitrine::tests {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

struct Fixture {
    Fixture() { write_colours(folder.path() / "data"); }

    /// Arguments of a short run into DIR/NAME.
    std::vector<std::string> arguments(const std::string& name, std::vector<std::string> more = {}) const {
        std::vector<std::string> all{"--data", folder / "data", "--image-size", "16",     "--epochs",
                                     "3",      "--batch-size",  "20",           "--seed", "5",
                                     "--out",  folder / name};
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }
    std::vector<Json> metrics(const std::string& name) const {
        std::vector<Json> lines;
        std::istringstream stream(content_of(folder.path() / name / "metrics.jsonl"));
        for (std::string line; std::getline(stream, line);) lines.push_back(Json::parse(line));
        return lines;
    }

    TemporaryFolder folder;
};

TEST_CASE_FIXTURE(Fixture, "train: a run learns, records itself and can be measured again") {
    const Outcome outcome = run("train", arguments("run"));
    CAPTURE(outcome.err);
    REQUIRE(outcome.code == 0);
    CHECK(std::regex_match(outcome.last_line(),
                           std::regex("best val_accuracy [01]\\.[0-9]{4} at epoch [123]")));

    const std::vector<Json> epochs = metrics("run");
    REQUIRE(epochs.size() == 3);
    const std::vector<std::string> keys{"epoch",
                                        "phase",
                                        "step",
                                        "learning_rate",
                                        "momentum",
                                        "train_loss",
                                        "train_accuracy",
                                        "val_loss",
                                        "val_accuracy",
                                        "val_top5",
                                        "val_balanced_accuracy",
                                        "class_precision",
                                        "class_recall"};
    std::vector<std::string> found;
    for (const auto& [key, value] : epochs[0].items()) found.push_back(key);
    CHECK(found == keys);
    CHECK(epochs[2]["epoch"] == 3);
    CHECK(epochs[2]["step"] == 18);  // 120 images in batches of 20
    CHECK(epochs[2]["train_loss"].get<double>() < 0.5 * epochs[0]["train_loss"].get<double>());
    CHECK(epochs[2]["val_accuracy"].get<double>() > 0.9);
    CHECK(epochs[2]["val_top5"] == 1.0);  // of three classes

    // The same batches as in training's validation, or the means would be rounded in another way.
    const Outcome again = run("train", {"--data", folder / "data", "--json", "--batch-size", "20",
                                        "--eval-only", folder / "run/last.safetensors"});
    CAPTURE(again.err);
    REQUIRE(again.code == 0);
    const Json evaluated = Json::parse(again.last_line());
    CHECK(evaluated["val_accuracy"] == epochs[2]["val_accuracy"]);
    CHECK(evaluated["val_loss"] == epochs[2]["val_loss"]);
    CHECK(evaluated["images"] == 36);

    const SafeTensors best = read_safetensors(folder / "run/best.safetensors");
    CHECK(best.metadata.at("model") == "basic_block_net");
    CHECK(Json::parse(best.metadata.at("classes")) == Json{"fire", "sea, \"deep\"", "wood"});
    const auto best_epoch = std::stoul(best.metadata.at("epoch"));
    CHECK(outcome.last_line().ends_with("epoch " + best.metadata.at("epoch")));
    CHECK(std::stod(best.metadata.at("val_accuracy")) ==
          epochs[best_epoch - 1]["val_accuracy"].get<double>());

    const Json settings = Json::parse(content_of(folder / "run/run.json"));
    CHECK(settings["seed"] == 5);
    CHECK(settings["parameters"] == 10'787);
}

TEST_CASE_FIXTURE(Fixture, "train: the same seed gives the same bytes, on one thread and on two") {
    REQUIRE(run("train", arguments("one", {"--threads", "1"})).code == 0);
    REQUIRE(run("train", arguments("two", {"--threads", "2"})).code == 0);
    REQUIRE(run("train", arguments("again", {"--threads", "2"})).code == 0);
    REQUIRE(run("train", arguments("other", {"--seed", "6"})).code == 2);  // given twice
    const std::string bytes = content_of(folder / "one/last.safetensors");
    CHECK(bytes == content_of(folder / "two/last.safetensors"));
    CHECK(bytes == content_of(folder / "again/last.safetensors"));
    CHECK(content_of(folder / "one/best.safetensors") == content_of(folder / "two/best.safetensors"));
}

TEST_CASE_FIXTURE(Fixture, "train: mobilenet_v2 trains too, and --json speaks in objects") {
    const Outcome outcome = run("train", arguments("run", {"--model", "mobilenet_v2", "--width-mult", "0.25",
                                                           "--max-steps", "4", "--json"}));
    CAPTURE(outcome.err);
    REQUIRE(outcome.code == 0);
    for (const std::string& line : outcome.lines()) CHECK(Json::parse(line).contains("event"));
    const Json last = Json::parse(outcome.last_line());
    CHECK(last["event"] == "end");
    CHECK(last["best_epoch"] == nullptr);  // no epoch was finished
    CHECK(metrics("run").empty());
    CHECK(outcome.out.find("\"event\":\"evaluated\"") != std::string::npos);
    CHECK(read_safetensors(folder / "run/last.safetensors").metadata.at("width_mult") == "0.25");
    CHECK(run("train", {"--data", folder / "data", "--eval-only", folder / "run/last.safetensors"}).code ==
          0);
}

TEST_CASE_FIXTURE(
    Fixture, "train: basic_block_net takes the data's own size, rounded up to whole windows of its pool") {
    // Gray images of 12×12 pixels in the format of MNIST, four for each part.
    for (const std::string part : {"train", "t10k"}) {
        const auto header = [](unsigned char kind, std::initializer_list<char> extents) {
            std::string bytes{'\0', '\0', '\x08', static_cast<char>(kind)};
            for (const char extent : extents) bytes += std::string(3, '\0') + extent;
            return bytes;
        };
        fs::create_directory(folder.path() / "idx");
        std::ofstream(folder / ("idx/" + part + "-images-idx3-ubyte"), std::ios::binary)
            << header(3, {4, 12, 12}) + std::string(4 * 12 * 12, '\x55');
        std::ofstream(folder / ("idx/" + part + "-labels-idx1-ubyte"), std::ios::binary)
            << header(1, {4}) + std::string("\0\1\2\3", 4);
    }
    const std::vector<std::string> common{"--data", folder / "idx", "--quiet", "--max-steps", "1", "--out"};
    const auto image_size = [&](const std::string& out, const std::vector<std::string>& more) {
        std::vector<std::string> all = common;
        all.push_back(folder / out);
        all.insert(all.end(), more.begin(), more.end());
        REQUIRE(run("train", all).code == 0);
        return Json::parse(content_of(folder.path() / out / "run.json"))["image_size"].get<int>();
    };
    CHECK(image_size("block", {}) == 16);
    CHECK(image_size("given", {"--image-size", "12"}) == 12);
    CHECK(image_size("mobile", {"--model", "mobilenet_v2", "--width-mult", "0.25"}) == 12);
}

TEST_CASE_FIXTURE(Fixture, "train: an earlier run goes on, or is replaced where that is asked for") {
    const std::vector<std::string> quick{"--max-steps", "1", "--quiet"};
    REQUIRE(run("train", arguments("run", quick)).code == 0);
    const std::string weights = content_of(folder / "run/last.safetensors");
    const Outcome further = run("train", arguments("run", {"--max-steps", "7", "--quiet"}));
    CHECK(further.code == 0);
    CHECK(further.err.find("going on after step 1") != std::string::npos);
    CHECK(metrics("run").size() == 1);  // of the first epoch's 6 steps
    CHECK(content_of(folder / "run/last.safetensors") != weights);

    const Outcome replaced = run("train", arguments("run", {"--max-steps", "1", "--quiet", "--overwrite"}));
    CHECK(replaced.code == 0);
    CHECK(replaced.lines().size() == 2);  // what was measured at the stop, and that no epoch was finished
    CHECK(metrics("run").empty());
    CHECK(content_of(folder / "run/last.safetensors") == weights);

    fs::remove(folder / "run/recipe.toml");
    const Outcome refused = run("train", arguments("run", quick));
    CHECK(refused.code == 2);
    CHECK(refused.err.find("--overwrite") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "train: --overfit-one-batch learns a batch by heart, or says that it does not") {
    const Outcome outcome = run("train", arguments("run", {"--overfit-one-batch"}));
    CAPTURE(outcome.err);
    CHECK(outcome.code == 0);
    CHECK(outcome.err.find("learnt by heart") != std::string::npos);
    CHECK_FALSE(fs::exists(folder / "run"));
    const Outcome failed =
        run("train", arguments("run", {"--overfit-one-batch", "--lr", "1e-9", "--max-steps", "3"}));
    CHECK(failed.code == 1);
    CHECK(failed.err.find("not learnt by heart") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "train: steps with unusual gradients are left out where that is asked for") {
    // After the first step nothing is usual enough for so small a factor.
    REQUIRE(
        run("train", arguments("run", {"--max-steps", "4", "--set", "training.skip_outliers=1e-9"})).code ==
        0);
    const SafeTensors checkpoint = read_safetensors(folder / "run/checkpoints/step-000000004.safetensors");
    CHECK(Json::parse(checkpoint.metadata.at("progress"))["skipped_steps"] == 3);
}

TEST_CASE_FIXTURE(Fixture,
                  "train: each logged step has the norm of its gradients, which changes no bit of the run") {
    REQUIRE(run("train", arguments("plain", {"--set", "training.accumulate=2"})).code == 0);
    // So large a limit clips nothing, but the norm decides about the update.
    REQUIRE(run("train",
                arguments("clipped", {"--set", "training.accumulate=2", "--set", "training.clip_norm=1e9"}))
                .code == 0);
    const std::string steps = content_of(folder / "plain/steps.jsonl");
    CHECK(steps == content_of(folder / "clipped/steps.jsonl"));
    CHECK(content_of(folder / "plain/last.safetensors") == content_of(folder / "clipped/last.safetensors"));
    std::istringstream lines(steps);
    int64_t count = 0;
    for (std::string line; std::getline(lines, line); ++count)
        CHECK(Json::parse(line)["gradient_norm"].get<double>() > 0.0);
    CHECK(count == 9);
    // A moving average of norms is of the runs that ask for it alone.
    const auto progress = [&](const char* name) {
        const std::string file = fmt::format("{}/checkpoints/step-000000009.safetensors", name);
        return Json::parse(read_safetensors(folder / file).metadata.at("progress"));
    };
    CHECK(progress("plain")["usual_norm"] == 0.0);
    CHECK(progress("clipped")["usual_norm"].get<double>() > 0.0);
}

TEST_CASE_FIXTURE(Fixture, "train: every place says whether it speaks of the averaged weights") {
    for (const auto& [decay, name, judged] :
         {std::tuple{"0", "plain", "val_accuracy"}, std::tuple{"0.5", "averaged", "ema_val_accuracy"}}) {
        CAPTURE(std::string(name));
        const Outcome outcome =
            run("train", arguments(name, {"--set", fmt::format("training.ema_decay={}", decay), "--json",
                                          "--max-steps", "14"}));
        REQUIRE(outcome.code == 0);
        const fs::path folder_of_run = folder.path() / name;
        CHECK(Json::parse(content_of(folder_of_run / "run.json"))["weights"] == name);
        const Json validation = Json::parse(content_of(folder_of_run / "validation.json"));
        CHECK(validation["weights"] == name);
        // The confusions are of those very weights: they say how many images were right.
        int64_t right = 0;
        for (size_t i = 0; i < 3; ++i) right += validation["confusion"]["counts"][i][i].get<int64_t>();
        const std::vector<Json> epochs = metrics(name);
        CHECK(static_cast<double>(right) / 36 ==
              doctest::Approx(epochs.at(validation["epoch"].get<size_t>() - 1)[judged].get<double>()));
        double best = 0.0;
        for (const Json& epoch : epochs) best = std::max(best, epoch[judged].get<double>());
        const Json last = Json::parse(outcome.last_line());
        CHECK(last["best_val_accuracy"] == best);
        CHECK(last["weights"] == name);
        CHECK(last["weights_file"] == (folder_of_run / "best.safetensors").string());
        const SafeTensors kept = read_safetensors(folder_of_run / "best.safetensors");
        CHECK(kept.metadata.at("weights") == name);
        CHECK(std::stod(kept.metadata.at("val_accuracy")) == best);
        for (const std::string& line : outcome.lines()) {
            const Json event = Json::parse(line);
            if (event["event"] == "epoch") CHECK(event["judged"] == name);
            if (event["event"] == "evaluated") CHECK(event["weights"] == name);
        }
        const Outcome measured = run("train", {"--data", folder / "data", "--eval-only",
                                               (folder_of_run / "best.safetensors").string()});
        CHECK((measured.out.find("averaged weights") != std::string::npos) ==
              (std::string(name) == "averaged"));
    }
}

TEST_CASE_FIXTURE(Fixture, "train: of a mixed image the label with the larger share counts") {
    // Shares of 0 or 1, but for rounding: each batch is either its own images or their neighbours.
    const Outcome outcome = run("train", arguments("mixed", {"--set", "transforms.batch={ mixup = 0.001 }"}));
    CAPTURE(outcome.err);
    REQUIRE(outcome.code == 0);
    CHECK(metrics("mixed").back()["train_accuracy"].get<double>() > 0.9);
    const std::string note = "train_accuracy counts the stronger label of mixed images";
    CHECK(outcome.out.find(note) != std::string::npos);
    CHECK(run("train", arguments("plain", {"--max-steps", "1"})).out.find(note) == std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "train: --max-minutes stops after the step that is too much") {
    const Outcome outcome = run("train", arguments("run", {"--max-minutes", "1e-9"}));
    CHECK(outcome.code == 0);
    CHECK(outcome.err.find("run again with --out") != std::string::npos);
    CHECK(fs::exists(folder / "run/last.safetensors"));
    CHECK(run("train", arguments("run")).code == 0);
    CHECK(metrics("run").size() == 3);
}

TEST_CASE_FIXTURE(Fixture, "train: early stopping ends a phase, and the best epoch stays") {
    const Outcome outcome =
        run("train", arguments("run", {"--set", "training.early_stopping=1", "--set", "phase.1.epochs=50",
                                       "--set", "training.ema_decay=0.9", "--tensorboard"}));
    CAPTURE(outcome.err);
    CHECK(outcome.code == 0);
    CHECK(outcome.err.find("brought no better accuracy") != std::string::npos);
    const std::vector<Json> epochs = metrics("run");
    CHECK(epochs.size() < 50);
    CHECK(epochs.back().contains("ema_val_accuracy"));
    CHECK(epochs.back().value("ends_run", false));
    CHECK_FALSE(epochs.front().contains("ends_run"));
    CHECK(outcome.last_line().find(fmt::format("at epoch {}", epochs.size() - 1)) != std::string::npos);
    const auto is_event_file = [](const fs::directory_entry& entry) {
        return entry.path().filename().string().starts_with("events.out.tfevents.");
    };
    CHECK(std::ranges::any_of(fs::directory_iterator(folder.path() / "run"), is_event_file));
}

TEST_CASE_FIXTURE(Fixture, "train: too few images, other classes and foreign checkpoints are clear errors") {
    const auto refuses = [&](const std::vector<std::string>& all, const std::string& part) {
        const Outcome outcome = run("train", all);
        CAPTURE(outcome.err);
        CHECK(outcome.code == 2);
        CHECK(outcome.err.find(part) != std::string::npos);
    };
    REQUIRE(run("train", arguments("run", {"--max-steps", "1"})).code == 0);
    const std::string checkpoint = folder / "run/last.safetensors";
    refuses({"--data", folder / "data", "--eval-only", checkpoint, "--model", "mobilenet_v2"}, "contradicts");

    for (const char* part : {"train", "val"})
        fs::rename(folder.path() / "data" / part / "fire", folder.path() / "data" / part / "ember");
    refuses({"--data", folder / "data", "--eval-only", checkpoint}, "class 0 is 'fire'");

    SafeTensors plain = read_safetensors(checkpoint);
    plain.metadata.clear();
    write_safetensors(folder.path() / "plain.safetensors", plain);
    const std::vector<std::string> measure{"--data", folder / "data", "--eval-only",
                                           folder / "plain.safetensors"};
    refuses(measure, "name it with --model");
    std::vector<std::string> named = measure;
    named.insert(named.end(), {"--model", "basic_block_net", "--image-size", "16"});
    const Outcome outcome = run("train", named);
    CHECK(outcome.code == 0);
    CHECK(outcome.err.find("does not say how to normalise") != std::string::npos);
}

}  // namespace
}  // namespace vitrine::tests

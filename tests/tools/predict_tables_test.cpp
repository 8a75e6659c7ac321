// predict --csv in the format of the data's own tables, and models that were trained on tables.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "tests/tools/program.h"

namespace vitrine::tests {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> colours = {"red", "sea, \"deep\"", "-green"};

/// An image of 16 × 16 pixels whose colour says its class.
void write_colour(const fs::path& file, int number) {
    fs::create_directories(file.parent_path());
    std::ofstream stream(file, std::ios::binary);
    stream << "P6\n16 16\n255\n";
    for (int i = 0; i < 256; ++i) {
        for (int channel : {0, 2, 1})
            stream.put(static_cast<char>((number % 3 == channel ? 180 : 60) + (i * 7 + number * 13) % 40));
    }
}

std::string quoted(const std::string& text) {
    if (text.find(',') == std::string::npos) return text;
    return "\"sea, \"\"deep\"\"\"";
}

void write(const fs::path& file, const std::string& text) { std::ofstream(file) << text; }

/// set/train.csv of 60 images in set/train, and 6 images in set/test, the classes of which are in turn.
struct Trained {
    Trained() {
        std::string train = "Id,Category\n";
        for (int i = 0; i < 60; ++i) {
            write_colour(folder.path() / fmt::format("set/train/{:03}.ppm", i), i);
            train += fmt::format("{:03},{}\n", i, quoted(colours[static_cast<size_t>(i) % 3]));
        }
        for (int i = 0; i < 6; ++i) write_colour(folder.path() / fmt::format("set/test/{:03}.ppm", i), i);
        write(folder / "set/train.csv", train);
        const Outcome outcome = run("train", {"--data", folder / "set", "--image-size", "16", "--epochs", "4",
                                              "--batch-size", "12", "--out", folder / "run"});
        said = outcome.out + outcome.err;
        CAPTURE(said);
        REQUIRE(outcome.code == 0);
    }

    std::string predicted(const std::string& input, const std::vector<std::string>& more = {}) {
        std::vector<std::string> words{folder / "run/best.safetensors", folder / input, "--csv",
                                       folder / "out.csv"};
        words.insert(words.end(), more.begin(), more.end());
        const Outcome outcome = run("predict", words);
        error = outcome.err;
        code = outcome.code;
        if (code == 2) return "";
        const std::string text = content_of(folder / "out.csv");
        fs::remove(folder / "out.csv");
        return text;
    }

    static std::string category(int image) { return quoted(colours[static_cast<size_t>(image) % 3]); }

    TemporaryFolder folder;
    std::string said, error;
    int code = 0;
};

TEST_CASE_FIXTURE(Trained, "predict --csv: in the format of the tables that are beside the images") {
    CHECK(said.find("the classes are the column 'Category' of 'train.csv'") != std::string::npos);
    CHECK(said.find("image_table, 48 training and 12 validation images") != std::string::npos);
    const nlohmann::json settings = nlohmann::json::parse(content_of(folder / "run/run.json"));
    CHECK(settings["dataset"] == "image_table");

    // The training table's names and ids; no formula, since the ids are the files' own.
    std::string expected = "Id,Category\n";
    for (int i = 0; i < 6; ++i)
        expected += fmt::format("{:03},{}{}\n", i, i % 3 == 2 ? "'" : "", category(i));
    CHECK(predicted("set/test") == expected);
    CHECK(code == 0);

    // test.csv: its order, its name of the ids, the training table's of the classes.
    write(folder / "set/test.csv", "Id,width\n004,16\n001,16\n");
    CHECK(predicted("set/test") == fmt::format("Id,Category\n004,{}\n001,{}\n", category(4), category(1)));
    CHECK(error.find("the images are those of the table '" + folder / "set/test.csv" + "', in its order") !=
          std::string::npos);
    CHECK(error.find("4 images without a row in it are left out") != std::string::npos);

    // A sample submission comes first, and its ids stay as they are.
    write(folder / "set/sample_submission.csv", "image;label\n002.ppm;red\ntest/000.ppm;red\n001.ppm;red\n");
    CHECK(predicted("set/test") == fmt::format("image;label\n002.ppm;{}\ntest/000.ppm;{}\n001.ppm;{}\n",
                                               category(2), category(0), category(1)));
    CHECK(predicted("set") == predicted("set/test/"));
    // What is named is what is meant.
    CHECK(predicted("set/test.csv") ==
          fmt::format("Id,Category\n004,{}\n001,{}\n", category(4), category(1)));
    const Outcome shown = run("predict", {folder / "run/best.safetensors", folder / "set/test.csv"});
    CHECK(shown.code == 0);
    REQUIRE(shown.lines().size() == 2);
    CHECK(shown.lines()[0].find("set/test/004.ppm\t" + colours[1]) != std::string::npos);

    // Another folder has nothing to do with them.
    write_colour(folder.path() / "elsewhere/x.ppm", 0);
    CHECK(predicted("elsewhere") == "Id,Category\nx.ppm,red\n");
}

TEST_CASE_FIXTURE(Trained, "predict --csv: a column of probabilities for each class") {
    write(folder / "set/sample_submission.csv",
          "id,red,\"sea, \"\"deep\"\"\",-green,note\n001,0.3,0.3,0.3,a\n000,0.3,0.3,0.3,b\n");
    const std::string text = predicted("set/test");
    CAPTURE(text);
    const std::string header = "id,red,\"sea, \"\"deep\"\"\",-green,note\n001,";
    REQUIRE(text.starts_with(header));
    const double red = std::stod(text.substr(header.size()));
    CHECK(red < 0.5);
    const size_t second = text.find("\n000,");
    REQUIRE(second != std::string::npos);
    CHECK(std::stod(text.substr(second + 5)) > 0.5);
    CHECK(text.ends_with(",b\n"));
}

TEST_CASE_FIXTURE(Trained, "predict --csv: tables and images that do not meet") {
    write(folder / "set/sample_submission.csv", "Id,Category\n001,red\n017,red\n");
    predicted("set/test");
    CHECK(code == 2);
    CHECK(error.find("1 row of the table '" + folder / "set/sample_submission.csv" +
                     "' names images that are not in") != std::string::npos);
    CHECK(error.find("'017' (line 3)") != std::string::npos);

    CHECK(error.find("not in '" + folder / "set/test" + "'") != std::string::npos);

    write(folder / "set/sample_submission.csv", "Id,a,b\n001,red,red\n");
    predicted("set/test");
    CHECK(code == 2);
    CHECK(error.find("say it with --label-column") != std::string::npos);
    CHECK(predicted("set/test", {"--label-column", "b"}) == fmt::format("Id,a,b\n001,red,{}\n", category(1)));

    const Outcome same = run("predict", {folder / "run/best.safetensors", folder / "set/test", "--csv",
                                         folder / "set/sample_submission.csv", "--label-column", "b"});
    CHECK(same.code == 2);
    CHECK(content_of(folder / "set/sample_submission.csv") == "Id,a,b\n001,red,red\n");

    write(folder / "set/sample_submission.csv", "Id,Category\n001,red\n000,red\n");
    write(folder / "set/test/001.ppm", "no image");
    CHECK(predicted("set/test") == fmt::format("Id,Category\n000,{}\n", category(0)));
    CHECK(code == 1);
}

TEST_CASE_FIXTURE(Trained, "a run on a table knows when a class in it was changed") {
    std::string table = content_of(folder / "set/train.csv");
    table.replace(table.find("000,red"), 7, "000,-green");
    write(folder / "set/train.csv", table);
    const std::vector<std::string> more{
        "--data",       folder / "set", "--image-size", "16",           "--epochs",       "5",
        "--batch-size", "12",           "--out",        folder / "run", "--allow-changes"};
    const Outcome outcome = run("train", more);
    CAPTURE(outcome.err);
    CHECK(outcome.code == 0);
    CHECK((outcome.out + outcome.err)
              .find("1 image was moved from class 'red' to '-green' ('train/000.ppm')") != std::string::npos);
    const Outcome measured =
        run("train", {"--data", folder / "set/train.csv", "--eval-only", folder / "run/best.safetensors"});
    CHECK(measured.code == 0);
    CHECK(measured.out.find("on 12 images") != std::string::npos);
    for (const char* out : {"set", "set/train/run"}) {
        const Outcome among = run("train", {"--data", folder / "set/train.csv", "--out", folder / out});
        CHECK(among.code == 2);
        CHECK(among.err.find("holds the images to train on") != std::string::npos);
    }
    const Outcome wrong = run("train", {"--data", folder / "set", "--label-column", "dx"});
    CHECK(wrong.code == 2);
    CHECK(wrong.err.find("--label-column 'dx': there is no such column") != std::string::npos);
}

TEST_CASE_FIXTURE(Trained, "a set in tar archives trains as its files do, to the same bits") {
    std::string script = "cd " + folder / "set" + " && mkdir classes shards && cd train && ";
    for (int i = 0; i < 60; ++i)
        script += fmt::format("printf %s '{}' > {:03}.cls; ", colours[static_cast<size_t>(i) % 3], i);
    script += "tar cf ../shards/data-0.tar 0[0-2]* && tar --format=pax -cf ../shards/data-1.tar 0[345]*";
    REQUIRE(run_script(script).code == 0);
    const Outcome outcome = run("train", {"--data", folder / "set/shards", "--image-size", "16", "--epochs",
                                          "4", "--batch-size", "12", "--out", folder / "shards_run"});
    CAPTURE(outcome.err);
    REQUIRE(outcome.code == 0);
    CHECK(outcome.out.find("tar_shards, 48 training and 12 validation images") != std::string::npos);
    CHECK(content_of(folder / "shards_run/metrics.jsonl") == content_of(folder / "run/metrics.jsonl"));
    const Outcome measured = run("train", {"--data", folder / "set/shards/data-0.tar", "--eval-only",
                                           folder / "run/best.safetensors", "--split", "all"});
    CHECK(measured.code == 0);
    CHECK(measured.out.find("on 30 images") != std::string::npos);
    CHECK(run("report", {folder / "shards_run"}).code == 0);
}

}  // namespace
}  // namespace vitrine::tests

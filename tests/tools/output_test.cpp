// What the programs do where their results cannot be written, and that inputs are never outputs.

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "tests/folders.h"
#include "tests/tools/program.h"

namespace vitrine::tests {
namespace {

namespace fs = std::filesystem;

constexpr const char* lost = ": not everything could be written to the standard output: ";

/// A trained model, the same for all tests here, and a folder of each test's own.
struct Fixture {
    struct Shared {
        Shared() {
            write_colours(folder.path() / "data");
            const Outcome outcome = run("train", {"--data", folder / "data", "--image-size", "16", "--epochs",
                                                  "1", "--threads", "1", "--out", folder / "run", "--quiet"});
            REQUIRE_MESSAGE(outcome.code == 0, outcome.err);
        }
        TemporaryFolder folder;
    };
    static const Shared& shared() {
        static const Shared once;
        return once;
    }

    std::string data = shared().folder / "data";
    std::string finished = shared().folder / "run";
    std::string model = finished + "/best.safetensors";
    TemporaryFolder folder;
};

std::set<std::string> names_in(const fs::path& folder) {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder)) names.insert(entry.path().filename().string());
    return names;
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "results that do not arrive end every program with code 1 and a sentence") {
    const std::vector<std::pair<std::string, std::string>> programs{
        {"predict", fmt::format("predict {} {}/val/fire", model, data)},
        {"predict", "predict --help"},
        {"train", "train --help"},
        {"train", "train --model mobilenet_v2 --summary"},
        {"train", "train --model mobilenet_v2 --summary --json"},
        {"train", "train --show-recipe"},
        {"train", fmt::format("train --data {} --image-size 16 --show-schedule", data)},
        {"train", fmt::format("train --data {} --eval-only {}", data, model)},
        {"train", fmt::format("train --data {} --eval-only {} --json", data, model)},
        {"report", fmt::format("report {}", finished)},
        {"report", "report --help"},
        {"bench", "bench --help"},
        {"gradcheck", "gradcheck --list"},
        {"gradcheck", "gradcheck --help"},
        {"gradcheck", "gradcheck --op add_forward"},
    };
    for (const auto& [name, command] : programs) {
        CAPTURE(command);
        const Outcome full = run_script(command + " > /dev/full");
        CHECK(full.code == 1);
        CHECK(full.err.ends_with(name + lost + "No space left on device\n"));
        const Outcome closed = run_script(command + " >&-");
        CHECK(closed.code == 1);
        CHECK(closed.err.ends_with(name + lost + "Bad file descriptor\n"));
        const Outcome pipe = run_script(fmt::format("({}; echo $? >&2) | true", command));
        if (pipe.err != "0\n") CHECK(pipe.err.ends_with(name + lost + "Broken pipe\n1\n"));
    }
}

TEST_CASE_FIXTURE(Fixture, "a pipe that is closed early ends predict, once it is noticed") {
    const Outcome outcome = run_script(fmt::format(
        "(for i in $(seq 200); do echo {0}/val; done) | xargs predict {1} --batch-size 36 | head -1; "
        "echo ${{PIPESTATUS[1]}}",
        data, model));
    CHECK(outcome.lines().size() == 2);
    CHECK(outcome.last_line() == "123");  // what xargs makes of 1
    CHECK(outcome.err == std::string("predict") + lost + "Broken pipe\n");
}

TEST_CASE_FIXTURE(Fixture,
                  "a training run goes on without a reader, and says at its end that nobody read it") {
    const Outcome outcome = run_script(fmt::format(
        "train --data {} --image-size 16 --epochs 1 --threads 1 --out {} > /dev/full", data, folder / "run"));
    CHECK(outcome.code == 1);
    CHECK(outcome.err.ends_with(std::string("train") + lost + "No space left on device\n"));
    CHECK(content_of(folder / "run/metrics.jsonl") == content_of(finished + "/metrics.jsonl"));
    CHECK(content_of(folder / "run/last.safetensors") == content_of(finished + "/last.safetensors"));
}

TEST_CASE_FIXTURE(Fixture, "with --csv the file is written whole though nobody reads the lines") {
    const Outcome outcome =
        run_script(fmt::format("predict {} {}/val --csv {} > /dev/full", model, data, folder / "out.csv"));
    CHECK(outcome.code == 1);
    const std::string csv = content_of(folder / "out.csv");
    CHECK(std::count(csv.begin(), csv.end(), '\n') == 37);
}

TEST_CASE_FIXTURE(Fixture, "--csv writes into what is no file, and through a link") {
    REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
    const Outcome fifo = run_script(fmt::format("cat {0} & predict {1} {2}/val/fire --csv {0} > {3}; wait",
                                                folder / "fifo", model, data, folder / "lines"));
    CHECK(fifo.code == 0);
    CHECK(fifo.out.starts_with("Id,Category\nval-"));
    CHECK(fs::is_fifo(folder.path() / "fifo"));

    fs::create_symlink("target.csv", folder.path() / "link.csv");
    CHECK(run("predict", {model, data + "/val/fire", "--csv", folder / "link.csv"}).code == 0);
    CHECK(fs::is_symlink(folder.path() / "link.csv"));
    CHECK(content_of(folder / "target.csv") == fifo.out);

    const Outcome printed = run("predict", {model, data + "/val/fire", "--csv", "/proc/self/fd/1"});
    CHECK(printed.code == 0);
    CHECK(printed.out == content_of(folder / "lines") + fifo.out);
}

TEST_CASE_FIXTURE(Fixture, "--csv that cannot be written is refused before anything is computed") {
    for (const std::string& path :
         {folder.path().string(), folder / "new/", folder / "no/such.csv", std::string()}) {
        CAPTURE(path);
        const Outcome outcome = run("predict", {model, data + "/val", "--csv", path});
        CHECK(outcome.code == 2);
        CHECK(outcome.out.empty());
        CHECK(outcome.err.starts_with("predict: --csv"));
    }
    CHECK(names_in(folder.path()).empty());
}

TEST_CASE_FIXTURE(Fixture, "no input is ever an output, whatever it is called") {
    const std::string image = folder / "photos/a.ppm", weights = folder / "model.safetensors";
    fs::create_directory(folder.path() / "photos");
    fs::copy_file(data + "/val/fire/" + *names_in(data + "/val/fire").begin(), image);
    fs::copy_file(model, weights);
    fs::create_symlink("photos/a.ppm", folder.path() / "link");
    fs::create_hard_link(weights, folder.path() / "other");
    for (const std::string& path :
         {image, weights, folder / "link", folder / "other", folder / "photos/../photos/./a.ppm"}) {
        CAPTURE(path);
        const Outcome outcome = run("predict", {weights, folder / "photos", "--csv", path});
        CHECK(outcome.code == 2);
        CHECK(outcome.out.empty());
        CHECK(outcome.err.find("which is read: name another file") != std::string::npos);
    }
    CHECK(content_of(weights) == content_of(model));
    CHECK(content_of(image).starts_with("P6"));
}

TEST_CASE_FIXTURE(Fixture, "where files may not grow, a sentence says so and nothing half-written stays") {
    const std::string csv = folder / "out.csv";
    std::ofstream(csv) << "old";
    const Outcome outcome =
        run_script(fmt::format("predict {} {}/val > /dev/null; ulimit -f 0; predict {} {}/val --csv {}",
                               model, data, model, data, csv));
    CHECK(outcome.code == 2);
    CHECK(content_of(csv) == "old");
    CHECK(names_in(folder.path()) == std::set<std::string>{"out.csv"});
}

TEST_CASE_FIXTURE(Fixture, "predict prints one line an image whatever the names are") {
    const std::string name = "a\tforged\t1.0000\nb\x1b[2J\xe9.ppm";
    fs::copy_file(data + "/val/fire/" + *names_in(data + "/val/fire").begin(), folder / name);
    const Outcome outcome = run("predict", {model, folder.path().string()});
    CHECK(outcome.code == 0);
    REQUIRE(outcome.lines().size() == 1);
    CHECK(outcome.out.starts_with(folder / "a\\x09forged\\x091.0000\\x0ab\\x1b[2J\\xe9.ppm\t"));
    CHECK(std::count(outcome.out.begin(), outcome.out.end(), '\t') == 2);
}

TEST_CASE("an error names what is wrong without its escape sequences and megabytes") {
    const Outcome escapes = run("predict", {"\x1b]0;title\x07\n", "x"});
    CHECK(escapes.code == 2);
    CHECK(escapes.err.find('\x1b') == std::string::npos);
    CHECK(std::count(escapes.err.begin(), escapes.err.end(), '\n') == 1);
    const Outcome endless = run("train", {"--set", std::string(100'000, 'x')});
    CHECK(endless.code == 2);
    CHECK(endless.err.size() < 3000);
}

TEST_CASE_FIXTURE(Fixture, "report: no file of a run is overwritten by its page") {
    const std::string copy = folder / "run", victim = folder / "victim";
    fs::copy(finished, copy, fs::copy_options::recursive);
    std::ofstream(victim) << "old";
    for (const char* name : {"metrics.jsonl", "best.safetensors", "recipe.toml"}) {
        CAPTURE(name);
        const std::string before = content_of(copy + "/" + name);
        const Outcome outcome = run("report", {copy, "--out", copy + "/" + name});
        CHECK(outcome.code == 2);
        CHECK(outcome.err.find("which is read: name another file") != std::string::npos);
        CHECK(content_of(copy + "/" + name) == before);
    }
    for (const std::string& path : {folder.path().string(), folder / "no/such.html", std::string()})
        CHECK(run("report", {copy, "--out", path}).code == 2);
}

TEST_CASE_FIXTURE(Fixture, "train: a run's files never lie among the images") {
    const TemporaryFolder place;
    const std::string photos = place / "photos";
    fs::copy(data, photos, fs::copy_options::recursive);
    fs::create_symlink(photos + "/train/fire", place.path() / "link");
    for (const std::string& out : {photos, photos + "/", photos + "/train", photos + "/train/fire",
                                   photos + "/val/wood/new/deep", place / "link", place / "link/run"}) {
        CAPTURE(out);
        const Outcome outcome =
            run("train", {"--data", photos, "--image-size", "16", "--max-steps", "1", "--out", out});
        CHECK(outcome.code == 2);
        CHECK(outcome.err.find("holds the images to train on") != std::string::npos);
    }
    CHECK(names_in(photos) == names_in(data));
    CHECK(names_in(photos + "/train/fire") == names_in(data + "/train/fire"));
    CHECK(names_in(photos + "/train") == names_in(data + "/train"));
    for (const std::string& out : {photos + "/runs/1", place.path().string(), place / "photos2"}) {
        CAPTURE(out);
        for (int again = 0; again < 2; ++again)  // its own preview.png is no image of the data
            CHECK(run("train", {"--data", photos, "--image-size", "16", "--max-steps", "1", "--out", out})
                      .code == 0);
    }
}

TEST_CASE_FIXTURE(Fixture, "a FIFO in the place of a file is refused at once") {
    const std::string fifo = folder / "fifo";
    REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
    for (const std::string& command :
         {fmt::format("predict {} {}/val", fifo, data), fmt::format("predict {} {}", model, fifo),
          fmt::format("train {} --show-recipe", fifo),
          fmt::format("train --data {} --eval-only {}", data, fifo)}) {
        CAPTURE(command);
        const Outcome outcome = run_script("timeout 30 " + command);
        CHECK((outcome.code == 1 || outcome.code == 2));
        CHECK(outcome.err.find("it is a FIFO") != std::string::npos);
    }
}

TEST_CASE_FIXTURE(Fixture, "make_image_folder.py writes all or nothing, and says what was wrong") {
    const std::string program = fmt::format("python3 {}/tools/make_image_folder.py", repository().string());
    if (run_script(program + " --help").code != 0) {
        MESSAGE("skipped: no python3 with Pillow and numpy is here");
        return;
    }
    const std::string small = " --classes 1 --train 1 --val 1 --size 16";
    for (const std::string& arguments :
         {folder.path().string(), folder / "no/such", folder / "new --classes 0", folder / "new --train -1",
          folder / "new --size 1e3"}) {
        CAPTURE(arguments);
        const Outcome outcome = run_script(program + " " + arguments);
        CHECK(outcome.code == 2);
        CHECK(outcome.err.find("make_image_folder.py: error: ") != std::string::npos);
    }
    for (const std::string& call : {program + " --help", program + " " + (folder / "told") + small}) {
        CAPTURE(call);
        const Outcome full = run_script(call + " > /dev/full");
        CHECK(full.code == 1);
        CHECK(full.err == "make_image_folder: No space left on device\n");
    }
    CHECK(run_script(fmt::format("ulimit -f 0; {} {}{}", program, folder / "large", small)).code == 1);
    CHECK(names_in(folder.path()) == std::set<std::string>{"told"});
}

}  // namespace vitrine::tests

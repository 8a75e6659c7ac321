// The programs where threads, memory or the working folder run out: they do with less, or say so in a
// sentence.

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/tools/program.h"

namespace vitrine::tests {
namespace {

namespace fs = std::filesystem;

bool contains(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

/// A model and its data, the same for all tests here.
struct Fixture {
    struct Shared {
        Shared() {
            write_colours(folder.path() / "data");
            const Outcome outcome = run("train", {"--data", folder / "data", "--image-size", "16",
                                                  "--max-steps", "1", "--out", folder / "run", "--quiet"});
            REQUIRE_MESSAGE(outcome.code == 0, outcome.err);
            fs::permissions(folder.path(), fs::perms(0755));  // for the user without threads
        }
        TemporaryFolder folder;
    };
    static const Shared& shared() {
        static const Shared once;
        return once;
    }

    std::string data = shared().folder / "data";
    std::string model = shared().folder / "run/last.safetensors";
    std::string predict = fmt::format("predict {} {}/val/fire", model, data);
};

TEST_CASE_FIXTURE(Fixture, "more threads than cores are capped, and that is said") {
    const std::string usual = run_script(predict).out;
    const Outcome many = run_script(predict + " --threads 4096");
    CHECK(many.code == 0);
    CHECK(many.out == usual);
    CHECK(many.err.starts_with("predict: --threads 4096: "));
    CHECK(contains(many.err, " can be used here, so it is "));

    const Outcome one_core = run_script(
        fmt::format("taskset -c $(taskset -pc $$ | sed 's/.*: //; s/[-,].*//') {} --threads 2", predict));
    CHECK(one_core.code == 0);
    CHECK(one_core.out == usual);
    CHECK(one_core.err == "predict: --threads 2: 1 core can be used here, so it is 1 thread\n");

    const Outcome training =
        run_script(fmt::format("train --data {} --eval-only {} --threads 1000 --json", data, model));
    CHECK(training.code == 0);
    CHECK(contains(training.out, R"({"event":"notice","text":"--threads 1000: )"));
}

TEST_CASE_FIXTURE(Fixture, "where no further thread can be started, one does the work") {
    if (::geteuid() != 0) return;  // only root can become a user who has no other process
    const std::string user =
        fmt::format("setpriv --reuid {0} --regid {0} --clear-groups", 50'000 + ::getpid());
    // From a shell of that user's own: setpriv may still search folders that are closed to everybody but
    // root.
    if (run_script(user + " bash -c 'exec predict --help'").code != 0) {
        MESSAGE("skipped: another user cannot run the programs here");
        return;
    }
    const std::string usual = run_script(predict).out;
    for (const int processes : {1, 2, 4}) {
        CAPTURE(processes);
        const auto limited = [&](const std::string& command) {
            // The search for leaks, in a build that has it, is a process of its own.
            return run_script(fmt::format(
                "{} bash -c 'ulimit -u {}; ASAN_OPTIONS=detect_leaks=0 XDG_CACHE_HOME=/nowhere exec {}'",
                user, processes, command));
        };
        const Outcome predicted = limited(predict + " --threads 2");
        CHECK(predicted.code == 0);
        CHECK(predicted.out == usual);
        CHECK((processes > 1 || contains(predicted.err, "start no further thread and no more")));
        const Outcome trained =
            limited(fmt::format("train --data {} --eval-only {} --device simt", data, model));
        CHECK(trained.code == 0);
        CHECK(contains(trained.out, "val_accuracy"));
    }
}

/// A file of IDX: a magic number, sizes, and a byte for each item.
void write_idx(const fs::path& file, uint32_t magic, const std::vector<uint32_t>& sizes) {
    std::ofstream out(file, std::ios::binary);
    const auto put = [&](uint32_t number) {
        for (const int shift : {24, 16, 8, 0}) out.put(static_cast<char>(number >> shift));
    };
    put(magic);
    uint32_t count = 1;
    for (const uint32_t size : sizes) put(size), count *= size;
    for (uint32_t i = 0; i < count; ++i) out.put(static_cast<char>(i * 7919 % 10));
}

/// Data that a library unpacks: MNIST's files, compressed. Of some size, so that memory may end within them.
void write_mnist(const fs::path& folder) {
    fs::create_directories(folder);
    for (const std::string part : {"train", "t10k"}) {
        write_idx(folder / (part + "-images-idx3-ubyte"), 2051, {4000, 28, 28});
        write_idx(folder / (part + "-labels-idx1-ubyte"), 2049, {4000});
    }
    REQUIRE(run_script(fmt::format("gzip {}/*", folder.string())).code == 0);
}

TEST_CASE_FIXTURE(Fixture, "memory that ends is one sentence and code 2") {
#ifdef __SANITIZE_ADDRESS__
    return;  // which takes more address space than there could be
#endif
    const std::string mnist = shared().folder / "mnist";
    write_mnist(mnist);
    // Libraries that cannot be loaded, or begin, end the program before it does anything.
    const auto begins = [](int kilobytes) {
        return run_script(fmt::format("ulimit -c 0; ulimit -v {}; train --help", kilobytes)).code == 0;
    };
    constexpr int step = 5'000;
    int first = 55'000;
    while (first < 1'000'000 && !begins(first)) first += step;
    int too_little = 0;
    for (int kilobytes = first; kilobytes <= first + 17 * step; kilobytes += step) {
        if (!begins(kilobytes)) continue;
        for (const std::string& set : {data, mnist}) {
            CAPTURE(kilobytes);
            CAPTURE(set);
            const Outcome outcome = run_script(fmt::format(
                "ulimit -v {}; train --data {} --image-size 256 --batch-size 32 --max-steps 1 --out {}",
                kilobytes, set, Fixture::shared().folder / "new"));
            fs::remove_all(Fixture::shared().folder / "new");
            if (outcome.code == 0) continue;
            ++too_little;
            CHECK(outcome.code == 2);
            CHECK(contains(outcome.err, "train: "));
            CHECK(contains(outcome.err, "memory"));
            CHECK_FALSE(contains(outcome.err, "damaged"));
            CHECK_FALSE(contains(outcome.err, "internal error"));
        }
    }
    CHECK(too_little > 0);
}

TEST_CASE_FIXTURE(Fixture, "a working folder that has gone is one sentence and code 2") {
    for (const std::string command : {"train --data data --max-steps 1", "train --preview 1 --data data",
                                      "report run", "predict model image"}) {
        CAPTURE(command);
        const Outcome outcome = run_script("cd $(mktemp -d) && rmdir $PWD && " + command);
        CHECK(outcome.code == 2);
        CHECK_FALSE(contains(outcome.err, "internal error"));
        CHECK(contains(outcome.err, command.substr(0, command.find(' ')) + ": "));
    }
}

}  // namespace
}  // namespace vitrine::tests

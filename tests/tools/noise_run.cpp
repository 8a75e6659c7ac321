// See noise_run.h.

#include "tests/tools/noise_run.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/random.h"
#include "engine/safetensors.h"

namespace vitrine::tests {

namespace fs = std::filesystem;

void write_noise(const fs::path& file, uint32_t number) {
    constexpr uint64_t side = 8;
    fs::create_directories(file.parent_path());
    std::ofstream stream(file, std::ios::binary);
    stream << fmt::format("P6\n{} {}\n255\n", side, side);
    for (uint64_t i = 0; i < side * side * 3; ++i)
        stream.put(static_cast<char>(
            random_below({.seed = 11, .purpose = RandomPurpose::test, .sample = number}, i, 256)));
}

NoiseRun::NoiseRun() {
    for (uint32_t i = 0; i < 40; ++i)
        write_noise(data() / (i < 20 ? "ant" : "bee") / fmt::format("{:02}.ppm", i), i);
}

Outcome NoiseRun::train(const std::vector<std::string>& more, const std::string& out) const {
    std::vector<std::string> all{"--data",   data(), "--image-size", "8", "--batch-size", "8",
                                 "--epochs", "3",    "--threads",    "1", "--out",        folder / out};
    if (std::ranges::find(more, "--seed") == more.end()) all.insert(all.end(), {"--seed", "5"});
    all.insert(all.end(), more.begin(), more.end());
    return run("train", all);
}

void NoiseRun::begin(const std::vector<std::string>& more) const {
    std::vector<std::string> all{"--max-steps", "4"};
    all.insert(all.end(), more.begin(), more.end());
    const Outcome outcome = train(all);
    CAPTURE(outcome.err);
    REQUIRE(outcome.code == 0);
}

Outcome NoiseRun::measure(const std::vector<std::string>& more, const std::string& model) const {
    std::vector<std::string> all{"--eval-only", folder / model, "--json", "--threads", "1"};
    if (std::ranges::find(more, "--data") == more.end()) all.insert(all.end(), {"--data", data()});
    all.insert(all.end(), more.begin(), more.end());
    return run("train", all);
}

bool NoiseRun::tells(const Outcome& outcome, const std::string& part) {
    return outcome.out.find(part) != std::string::npos;
}

int64_t NoiseRun::images(const Outcome& outcome) {
    CAPTURE(outcome.err);
    REQUIRE(outcome.code == 0);
    return nlohmann::json::parse(outcome.last_line())["images"].get<int64_t>();
}

void NoiseRun::refuses(const Outcome& outcome, const std::string& part) const {
    CAPTURE(outcome.err);
    CHECK(outcome.code == 2);
    CHECK(outcome.err.find(part) != std::string::npos);
    CHECK(std::ranges::count(outcome.err.substr(outcome.err.find("train: ")), '\n') == 1);
}

DatasetIdentity NoiseRun::identity() const {
    fs::path newest;
    for (const auto& entry : fs::directory_iterator(folder.path() / "run/checkpoints")) {
        const std::string name = entry.path().filename().string();
        if (name.starts_with("step-") && entry.path() > newest) newest = entry.path();
    }
    return unpack_identity(read_safetensors(newest).at("data").bytes);
}

std::set<uint64_t> NoiseRun::pixels(Part part) const {
    std::set<uint64_t> all;
    for (const KnownImage& image : identity().images) {
        if (image.part == part) all.insert(image.pixels);
    }
    return all;
}

std::map<std::string, std::string> NoiseRun::files() const {
    std::map<std::string, std::string> all;
    for (const auto& entry : fs::recursive_directory_iterator(folder.path() / "run")) {
        if (entry.is_regular_file()) all[entry.path().string()] = content_of(entry.path());
    }
    return all;
}

}  // namespace vitrine::tests

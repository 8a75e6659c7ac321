// Every input in corpus/NAME through the fuzz target NAME.cpp: what once went wrong does not again. A target
// says that something is wrong by throwing or by crashing; an Error is what a parser owes bad input, and
// caught by the target.

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/folders.h"

// The names that the targets have in this program: see CMakeLists.txt.
#define VITRINE_FUZZ_TARGET(name) extern "C" int fuzz_##name(const uint8_t* data, size_t size);
#include "targets.def"
#undef VITRINE_FUZZ_TARGET

namespace {

namespace fs = std::filesystem;

struct Target {
    const char* name;
    int (*run)(const uint8_t* data, size_t size);
};

const Target targets[] = {
#define VITRINE_FUZZ_TARGET(name) {#name, fuzz_##name},
#include "targets.def"
#undef VITRINE_FUZZ_TARGET
};

const fs::path corpus = vitrine::tests::repository() / "tests" / "fuzz" / "corpus";

std::vector<fs::path> inputs_of(const std::string& target) {
    std::vector<fs::path> inputs;
    for (const auto& entry : fs::directory_iterator(corpus / target)) inputs.push_back(entry.path());
    std::sort(inputs.begin(), inputs.end());
    return inputs;
}

std::vector<uint8_t> bytes_of(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace

TEST_CASE("each target takes every input that was kept for it") {
    for (const Target& target : targets) {
        CAPTURE(target.name);
        REQUIRE(fs::is_directory(corpus / target.name));
        const std::vector<fs::path> inputs = inputs_of(target.name);
        CHECK(!inputs.empty());
        for (const fs::path& input : inputs) {
            CAPTURE(input.filename().string());
            const std::vector<uint8_t> bytes = bytes_of(input);
            CHECK_NOTHROW(target.run(bytes.data(), bytes.size()));
        }
        CHECK_NOTHROW(target.run(nullptr, 0));
    }
}

TEST_CASE("each folder of inputs has its target") {
    for (const auto& folder : fs::directory_iterator(corpus)) {
        const std::string name = folder.path().filename().string();
        CAPTURE(name);
        CHECK(std::any_of(std::begin(targets), std::end(targets),
                          [&](const Target& target) { return name == target.name; }));
    }
}

// The architecture's rules, checked on the sources themselves: who may include whom, where CUDA and oneDNN may
// be named, no device switches above kernels/, no promise that cannot be watched, nothing left behind, a README in
// every folder, and the formatting.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/folders.h"

namespace {

namespace fs = std::filesystem;

const fs::path root = vitrine::tests::repository();
const std::vector<std::string> floors{"kernels", "engine", "models", "data", "tools", "lab", "tests"};

struct Source {
    std::string path;  // from the root
    std::vector<std::string> lines;
};

bool is_source(const fs::path& path) {
    static const std::set<std::string> extensions{".h", ".cpp", ".cu", ".cuh", ".def"};
    return extensions.contains(path.extension().string());
}

std::vector<Source> all_sources() {
    std::vector<Source> sources;
    for (const std::string& floor : floors) {
        for (const auto& entry : fs::recursive_directory_iterator(root / floor)) {
            if (!entry.is_regular_file() || !is_source(entry.path())) continue;
            Source source{fs::relative(entry.path(), root).string(), {}};
            std::ifstream file(entry.path());
            for (std::string line; std::getline(file, line);) source.lines.push_back(line);
            sources.push_back(std::move(source));
        }
    }
    return sources;
}

struct CommittedFile {
    std::string mode;
    std::string path;  // from the root
};

/// Nothing where there is no git, as in an archive of the sources.
std::vector<CommittedFile> committed_files() {
    std::vector<CommittedFile> files;
    if (!fs::exists(root / ".git")) return files;
    const std::string command =
        fmt::format("git -c safe.directory='*' -C '{}' ls-files --stage", root.string());
    FILE* const listing = popen(command.c_str(), "r");
    REQUIRE(listing != nullptr);
    char line[4096];
    while (std::fgets(line, sizeof line, listing) != nullptr) {
        const std::string text(line, std::strcspn(line, "\n"));
        files.push_back({text.substr(0, text.find(' ')), text.substr(text.find('\t') + 1)});
    }
    REQUIRE(pclose(listing) == 0);
    REQUIRE(!files.empty());
    return files;
}

std::string floor_of(const std::string& path) { return path.substr(0, path.find('/')); }

/// What stands between the quotes or brackets of an include, or nothing.
std::string included(const std::string& line) {
    static const std::regex include(R"(^\s*#\s*include\s*["<]([^">]+)[">])");
    std::smatch match;
    return std::regex_search(line, match, include) ? match[1].str() : "";
}

/// Whether a file of one floor may include a header of another.
bool may_include(const std::string& from, const std::string& to, const std::string& header) {
    if (from == to || from == "tests") return true;
    if (from == "lab") return to != "tests";
    if (from == "tools") return to != "lab" && to != "tests";
    if (from == "engine") return to == "kernels" && std::count(header.begin(), header.end(), '/') == 1;
    if (from == "models") return to == "engine";
    // Data are the host's: files, formats, random draws. What runs on a device is the engine's.
    static const std::regex of_devices(
        R"(engine/(tensor|memory|autograd|trace|checkpoint)\.h|engine/(ops|nn|optim|step)/.*)");
    return from == "data" && to == "engine" && !std::regex_match(header, of_devices);
}

}  // namespace

TEST_CASE("every include stays on its floor or goes down to where it may") {
    const std::vector<Source> sources = all_sources();
    REQUIRE(sources.size() > 50);
    for (const Source& source : sources) {
        for (const std::string& line : source.lines) {
            const std::string header = included(line);
            const std::string to = floor_of(header);
            if (std::ranges::find(floors, to) == floors.end()) continue;
            CHECK_MESSAGE(may_include(floor_of(source.path), to, header), source.path, " includes ", header);
        }
    }
}

TEST_CASE("CUDA and vendor libraries are included only where they belong") {
    const std::set<std::string> compare_headers{"tests/vendor/real_headers_test.cpp",
                                                "tests/vendor/real_nccl_header_test.cpp"};
    const std::map<std::string, std::string> places{
        {"cuda", "kernels/cuda/"},          {"cudnn", "kernels/cuda/vendor/"},
        {"cublas", "kernels/cuda/vendor/"}, {"nccl", "kernels/cuda/nccl/"},
        {"dnnl", "kernels/cpu/onednn/"},    {"oneapi/dnnl", "kernels/cpu/onednn/"}};
    for (const Source& source : all_sources()) {
        for (const std::string& line : source.lines) {
            const std::string header = included(line);
            for (const auto& [prefix, place] : places) {
                if (!header.starts_with(prefix) || compare_headers.contains(source.path)) continue;
                CHECK_MESSAGE(source.path.starts_with(place), source.path, " includes ", header);
            }
        }
    }
}

TEST_CASE("above kernels/ nothing depends on which device it is") {
    const std::regex device_switch(R"((==|!=)\s*Device::|Device::\w+\s*(==|!=)|case Device::)");
    for (const Source& source : all_sources()) {
        const std::string floor = floor_of(source.path);
        if (floor != "engine" && floor != "models" && floor != "data") continue;
        for (const std::string& line : source.lines) {
            CHECK_MESSAGE(!std::regex_search(line, device_switch), source.path, ": ", line);
        }
    }
}

TEST_CASE("what a model is called is known to models/ alone") {
    // As a name, or as one that code is called by; comments and examples of a command line may say it.
    const std::regex name(R"(mobilenet_?v2|basic_?block_?net|resnet_?18)", std::regex::icase);
    const std::regex example(R"re(^\s*"  (train|bench|predict|export|gradcheck|report) )re");
    int64_t named_in_models = 0;
    for (const Source& source : all_sources()) {
        const std::string floor = floor_of(source.path);
        for (const std::string& line : source.lines) {
            const std::string code = line.substr(0, line.find("//"));
            if (!std::regex_search(code, name) || std::regex_search(code, example)) continue;
            named_in_models += floor == "models";
            CHECK_MESSAGE((floor == "models" || floor == "tests"), source.path, ": ", line);
        }
    }
    CHECK(named_in_models > 3);
}

TEST_CASE("kernels promise that nobody writes their memory by ReadOnly, which can be watched") {
    const std::regex promise(R"(\b__restrict(__)?\b)");
    for (const Source& source : all_sources()) {
        if (!source.path.starts_with("kernels/cuda/") || source.path == "kernels/cuda/cuda_compat.h")
            continue;
        for (const std::string& line : source.lines) {
            CHECK_MESSAGE(!std::regex_search(line, promise), source.path, ": ", line);
        }
    }
}

TEST_CASE("what the fuzz targets link is written for clang, too") {
    // Algorithms of ranges that return a part of one: clang 14 does not compile that of Debian 12's library.
    const std::regex part(
        R"(\bstd::ranges::(unique|remove|remove_if|partition|stable_partition|rotate|search|find_end|equal_range)\b)");
    for (const Source& source : all_sources()) {
        const std::string floor = floor_of(source.path);
        const bool linked = floor == "engine" || floor == "data" || floor == "models" || floor == "tools";
        if (!linked && !source.path.starts_with("tests/fuzz/")) continue;
        for (const std::string& line : source.lines) {
            CHECK_MESSAGE(!std::regex_search(line, part), source.path, ": ", line);
        }
    }
}

TEST_CASE("nothing was left behind: no links, and outside of the tests' data nothing but text") {
    for (const auto& [mode, path] : committed_files()) {
        CHECK_MESSAGE(mode.starts_with("100"), path, " is no ordinary file");
        if (path.starts_with("tests/")) continue;
        std::ifstream file(root / path, std::ios::binary);
        const std::string bytes{std::istreambuf_iterator<char>(file), {}};
        CHECK_MESSAGE(bytes.find('\0') == std::string::npos, path, " is no text");
    }
}

TEST_CASE("every folder with sources has a README") {
    std::set<fs::path> folders;
    for (const Source& source : all_sources()) folders.insert(fs::path(source.path).parent_path());
    for (const fs::path& folder : folders) {
        // A folder may be taught by its parent's page: tests/ teaches all of tests.
        const bool taught =
            fs::exists(root / folder / "README.md") || fs::exists(root / folder.parent_path() / "README.md");
        CHECK_MESSAGE(taught, "no README.md for ", folder.string());
    }
}

TEST_CASE("every source begins with a comment that says what it is") {
    for (const Source& source : all_sources()) {
        REQUIRE_MESSAGE(!source.lines.empty(), source.path, " is empty");
        CHECK_MESSAGE(source.lines.front().starts_with("//"), source.path,
                      " begins with: ", source.lines.front());
    }
}

TEST_CASE("the sources are formatted") {
    REQUIRE_MESSAGE(std::system("clang-format --version > /dev/null") == 0, "clang-format is not installed");
    if (std::system("clang-format --version | grep -q 'version 14[.]'") != 0) {
        MESSAGE(
            "skipped: another version than clang-format 14, which .clang-format is for, breaks lines "
            "elsewhere");
        return;
    }
    std::string files;
    for (const Source& source : all_sources()) {
        if (!source.path.ends_with(".def")) files += " '" + (root / source.path).string() + "'";
    }
    CHECK(std::system(("clang-format --dry-run --Werror" + files).c_str()) == 0);
}

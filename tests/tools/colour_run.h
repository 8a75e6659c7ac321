// Short runs of train on the tiny images of write_colours, for tests.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "tests/tools/program.h"

namespace vitrine::tests {

/// An epoch has six steps. Runs are called by the name of their folder.
class ColourRuns {
  public:
    ColourRuns() { write_colours(folder.path() / "data"); }

    std::vector<std::string> arguments(const std::string& name, std::vector<std::string> more = {}) const {
        std::vector<std::string> all{"--data", folder / "data", "--image-size", "16",         "--threads",
                                     "1",      "--quiet",       "--out",        folder / name};
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }
    Outcome train(const std::string& name, std::vector<std::string> more = {}) const {
        return run("train", arguments(name, std::move(more)));
    }
    std::filesystem::path path(const std::string& name, const std::string& file) const {
        return folder.path() / name / file;
    }
    std::string file(const std::string& name, const std::string& file) const {
        return content_of(path(name, file));
    }
    /// The lines of a log.
    std::vector<nlohmann::ordered_json> lines(const std::string& name, const std::string& log) const {
        std::vector<nlohmann::ordered_json> all;
        std::istringstream stream(file(name, log));
        for (std::string line; std::getline(stream, line);)
            all.push_back(nlohmann::ordered_json::parse(line));
        return all;
    }
    void copy(const std::string& from, const std::string& to) const {
        std::filesystem::remove_all(folder.path() / to);
        std::filesystem::copy(folder.path() / from, folder.path() / to,
                              std::filesystem::copy_options::recursive);
    }

    TemporaryFolder folder;
};

}  // namespace vitrine::tests

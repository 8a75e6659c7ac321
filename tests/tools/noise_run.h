// Short runs of train on 40 images of noise, and what their checkpoints know of the data.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "data/identity.h"
#include "tests/tools/program.h"

namespace vitrine::tests {

/// Pure noise, of which a network learns the training images by heart and nothing else.
void write_noise(const std::filesystem::path& file, uint32_t number);

/// One folder of the classes ant and bee, 20 images each.
class NoiseRun {
  public:
    NoiseRun();
    std::filesystem::path data() const { return folder.path() / "data"; }

    Outcome train(const std::vector<std::string>& more = {}, const std::string& out = "run") const;
    /// Stopped inside its second epoch of three, or where it is told to.
    void begin(const std::vector<std::string>& more = {}) const;
    Outcome measure(const std::vector<std::string>& more = {},
                    const std::string& model = "run/last.safetensors") const;
    /// Notices, which --json puts among the results.
    static bool tells(const Outcome& outcome, const std::string& part);
    static int64_t images(const Outcome& outcome);
    void refuses(const Outcome& outcome, const std::string& part) const;

    /// What the newest checkpoint knows.
    DatasetIdentity identity() const;
    /// The pixels of the images of a part.
    std::set<uint64_t> pixels(Part part) const;
    /// Everything in the run's folder.
    std::map<std::string, std::string> files() const;

    TemporaryFolder folder;
};

}  // namespace vitrine::tests

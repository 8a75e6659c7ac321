// Implementations chosen by trying (kernels/autotune.h), kept in a file for the next program.
//
//     {"device": "NVIDIA H100 …, CUDA 13.0, cuDNN 91400",
//      "calls": [{"kernel": "pointwise_conv_forward", "call": "f32 8x56x56x24 -> 56x56x144, 1x1", "chosen": "cublas",
//                 "tried": [{"name": "register_tiled", "microseconds": 212.5}, {"name": "cublas", "microseconds": 180.1},
//                           {"name": "cudnn", "fault": "its numbers are not those of the first implementation"}]}]}
//
// Times of another device, driver or library are not these: a file that names another device is begun anew.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "kernels/autotune.h"

namespace vitrine::tools {

/// While it lives, the device's kernels choose by trying. What they find is in the file before it is used.
class AutotuneFile {
  public:
    using Tell = std::function<void(const std::string& sentence)>;

    /// Reads the file where there is one. `tell` hears of what a user should know; it may be called while this lives. Throws
    /// Error naming what is wrong with a file that is none of these, or that cannot be written.
    AutotuneFile(std::filesystem::path path, Device device, Tell tell);

    /// What the choices are worth, as sentences: for each kernel how many of its calls were tried, how many of them do not take
    /// the first implementation, and how much time that saves.
    std::vector<std::string> summary() const;

  private:
    void add(const TunedCall& call);
    void write() const;

    std::filesystem::path path_;
    std::string identity_;
    Tell tell_;
    std::vector<TunedCall> calls_;
    std::optional<Autotune> autotune_;  // after what it tells of
};

}  // namespace vitrine::tools

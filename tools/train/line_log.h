// A text file that grows by lines and can be cut back to where a checkpoint saw it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "tools/common/growing_file.h"

namespace vitrine::train {

class LineLog {
  public:
    explicit LineLog(std::filesystem::path path) : path_(path), file_(std::move(path)) {}

    /// All whole lines, without their ends; none where there is no file. Throws Error where it cannot be
    /// read.
    std::vector<std::string> lines() const;
    /// Makes these all its lines, in one stroke. Throws Error.
    void set(const std::vector<std::string>& lines);

    /// As GrowingFile does; '\n' is added.
    bool append(const std::string& line) { return file_.append(line + '\n'); }
    bool flush() { return file_.flush(); }

  private:
    std::filesystem::path path_;
    tools::GrowingFile file_;
};

}  // namespace vitrine::train

// What goes into the file of --logits: the network's own numbers of each image, for whoever computes with them.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace vitrine::predict {

/// A CSV table: the image's path, and a column for each class, with every digit that a float has.
class LogitsTable {
  public:
    explicit LogitsTable(std::span<const std::string> classes);

    void add(const std::filesystem::path& image, std::span<const float> logits);
    /// Whole or not at all.
    void write(const std::filesystem::path& file) const;

  private:
    std::string text_;
};

}  // namespace vitrine::predict

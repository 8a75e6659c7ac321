// Names of classes that lie beside weights from elsewhere: a text file with a name a line, or a folder with a folder a class.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace vitrine::tools {

/// The names in the order of the classes: a file's lines, or a folder's folders in the order of their names' bytes. A name
/// that stands twice, as two of ImageNet's do, is told apart by its number: "crane (134)". Throws Error where there are not
/// `count` of them.
std::vector<std::string> read_class_names(const std::filesystem::path& path, size_t count);

/// classes.txt or classes/ in the folder of a file of weights, if there is one.
std::optional<std::filesystem::path> class_names_beside(const std::filesystem::path& weights);

}  // namespace vitrine::tools

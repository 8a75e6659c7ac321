// What errors about folders of images say: names, counts, commands.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace vitrine {

/// "'NAME'" as text (engine/escape.h).
std::string in_quotes(const std::filesystem::path& path);

/// "'a', 'b', 'c' and 17 more"
std::string list_in_quotes(const std::vector<std::string>& names);

/// "1 image", "12 images"
std::string counted(int64_t count, const std::string& thing);

/// "--data PATH" as a shell takes it.
std::string data_option(const std::filesystem::path& path);

/// How to say that the folders in `root` are classes whatever their names are.
std::string as_classes(const std::filesystem::path& root);

}  // namespace vitrine

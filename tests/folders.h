// Where tests find the files of the repository and the programs that were built. Not by definitions for every
// file: compiled tests would differ from clone to clone, and a compiler cache would be of no use.
#pragma once

#include <filesystem>

namespace vitrine::tests {

std::filesystem::path repository();
std::filesystem::path built_programs();  // build/<preset>/bin

}  // namespace vitrine::tests

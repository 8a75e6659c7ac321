// See folders.h.

#include "tests/folders.h"

namespace vitrine::tests {

std::filesystem::path repository() { return VITRINE_SOURCE_DIR; }
std::filesystem::path built_programs() { return VITRINE_BIN_DIR; }

}  // namespace vitrine::tests

// How many threads a program uses.
#pragma once

#include <functional>
#include <string>

namespace vitrine::tools {

/// Sets the threads of the kernels (kernels/threads.h) and returns their number, for what else has threads:
/// `wanted`, or one for each core where it is 0, but never more than there are usable cores (kernels/cores.h)
/// or than the system lets this process start. `notice` gets a sentence where that is fewer than were wanted.
int choose_threads(int wanted, const std::function<void(const std::string& sentence)>& notice);

}  // namespace vitrine::tools

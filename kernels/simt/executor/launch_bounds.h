// How many threads a kernel says that its blocks have at most.
#pragma once

namespace vitrine::simt {

/// The first argument of the kernel's __launch_bounds__; 0 if it has none.
unsigned launch_bounds(const void* kernel);

}  // namespace vitrine::simt

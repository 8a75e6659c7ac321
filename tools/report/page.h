// The page without its numbers, as the build put it together from the files in page/.
#pragma once

namespace vitrine::report {

/// page/page.html with style and script in it; {{data}} stands where the runs' JSON goes.
extern const char* const page;

}  // namespace vitrine::report

// The folder of a run with one of its files replaced by the input, as a page.

#include <array>

#include "engine/error.h"
#include "tests/fuzz/support.h"
#include "tools/report/report.h"
#include "tools/report/run_files.h"

namespace {

/// The first byte of an input says which.
constexpr std::array files{"run.json",    "metrics.jsonl",   "steps.jsonl", "timing.jsonl",
                           "recipe.toml", "validation.json", "preview.png", "watch.jsonl"};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    const std::filesystem::path folder = vitrine::fuzz::scratch_folder() / "run";
    const std::filesystem::path file = folder / files[data[0] % files.size()];
    static const std::array<uint8_t, 3> empty{'{', '}', '\n'};
    vitrine::fuzz::write_file(folder / "run.json", empty);
    vitrine::fuzz::write_file(file, {data + 1, size - 1});
    try {
        vitrine::report::report_html({vitrine::report::read_run(folder)});
    } catch (const vitrine::Error&) {
    }
    std::filesystem::remove(file);
    return 0;
}

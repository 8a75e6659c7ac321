// A tar archive: its samples, and their images decoded from where they are said to be.

#include <stdexcept>

#include "data/image.h"
#include "data/shards/samples.h"
#include "engine/error.h"
#include "tests/fuzz/support.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace vitrine;
    const std::filesystem::path root = fuzz::scratch_folder() / "shards";
    fuzz::write_file(root / "a.tar", {data, size});
    try {
        for (const Sample& sample : read_samples(root, "a.tar").samples) {
            if (sample.image.offset + sample.image.bytes > size || sample.label.empty())
                throw std::logic_error("a sample beyond the archive, or without a class");
            try {
                read_image(
                    FileRange{root / "a.tar", sample.image.path, sample.image.offset, sample.image.bytes});
            } catch (const ImageError&) {
            }
        }
    } catch (const Error&) {
    }
    return 0;
}

// Decodes image files for compare_images.py.
//
// The standard input has lines "as_stored PATH" and "upright PATH" (turned as its EXIF orientation says). The
// standard output has for each a line "read WIDTH HEIGHT" and then the pixels, or a line "refused REASON".

#include <fmt/format.h>

#include <cstdio>
#include <iostream>
#include <string>

#include "data/image.h"

namespace vitrine {
namespace {

void answer(const std::string& line) {
    const size_t space = line.find(' ');
    const Turning turning = line.substr(0, space) == "upright" ? Turning::upright : Turning::as_stored;
    try {
        const Image image = read_image(line.substr(space + 1), nullptr, turning);
        std::cout << fmt::format("read {} {}\n", image.width, image.height);
        std::cout.write(reinterpret_cast<const char*>(image.pixels.data()),
                        static_cast<std::streamsize>(image.pixels.size()));
    } catch (const ImageError& error) {
        std::cout << fmt::format("refused {}\n", error.reason);
    }
    std::cout.flush();
}

}  // namespace
}  // namespace vitrine

int main() {
    try {
        for (std::string line; std::getline(std::cin, line);) vitrine::answer(line);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    return 0;
}

// Pictures on pictures, and PNG files: see canvas.h.

#include "tools/preview/canvas.h"

#include <algorithm>
#include <stdexcept>

#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STBI_WRITE_NO_STDIO
#include <stb/stb_image_write.h>

namespace vitrine::tools {

Image make_canvas(int64_t height, int64_t width, const Color& color) {
    Image canvas{height, width, {}};
    canvas.pixels.resize(static_cast<size_t>(height * width * 3));
    for (size_t i = 0; i < canvas.pixels.size(); ++i) canvas.pixels[i] = color[i % 3];
    return canvas;
}

void paste(Image& canvas, const Image& image, int64_t x, int64_t y) {
    if (x < 0 || y < 0 || x + image.width > canvas.width || y + image.height > canvas.height)
        throw std::logic_error("a picture does not fit on the canvas");
    for (int64_t row = 0; row < image.height; ++row)
        std::copy_n(image.pixels.begin() + row * image.width * 3, image.width * 3,
                    canvas.pixels.begin() + ((y + row) * canvas.width + x) * 3);
}

std::vector<uint8_t> png_of(const Image& image) {
    std::vector<uint8_t> bytes;
    const auto append = [](void* to, void* data, int size) {
        const auto* begin = static_cast<const uint8_t*>(data);
        static_cast<std::vector<uint8_t>*>(to)->insert(static_cast<std::vector<uint8_t>*>(to)->end(), begin,
                                                       begin + size);
    };
    if (stbi_write_png_to_func(append, &bytes, static_cast<int>(image.width), static_cast<int>(image.height),
                               3, image.pixels.data(), static_cast<int>(image.width * 3)) == 0)
        throw std::runtime_error("a PNG picture could not be made");
    return bytes;
}

}  // namespace vitrine::tools

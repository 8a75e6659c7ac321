// Text on pictures: DejaVu Sans, which is embedded at build time, through stb_truetype. See canvas.h.

#include <algorithm>
#include <cmath>

#include "tools/preview/canvas.h"

#define STBTT_STATIC
#define STB_TRUETYPE_IMPLEMENTATION
#include <stb/stb_truetype.h>

extern "C" const unsigned char vitrine_font_file[];  // font_file.cpp.in

namespace vitrine::tools {
namespace {

const stbtt_fontinfo& font() {
    static const stbtt_fontinfo info = [] {
        stbtt_fontinfo loaded;
        stbtt_InitFont(&loaded, vitrine_font_file, 0);
        return loaded;
    }();
    return info;
}

/// Takes a character off the front of UTF-8 text. A byte that begins none stands for itself.
int take_character(std::string_view& text) {
    const auto byte = [&](size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : 0; };
    const size_t length = byte(0) >= 0xF0 ? 4 : byte(0) >= 0xE0 ? 3 : byte(0) >= 0xC0 ? 2 : 1;
    int character = length == 1 ? byte(0) : byte(0) & (0xFF >> (length + 1));
    for (size_t i = 1; i < length; ++i) character = (character << 6) | (byte(i) & 0x3F);
    text.remove_prefix(std::min(length, text.size()));
    return character;
}

float advance_of(int character, float scale) {
    int advance = 0, bearing = 0;
    stbtt_GetCodepointHMetrics(&font(), character, &advance, &bearing);
    return static_cast<float>(advance) * scale;
}

/// A glyph's coverage of pixels, 0 … 255, and where it lies relative to the pen.
struct Glyph {
    int width = 0, height = 0, left = 0, top = 0;
    std::vector<uint8_t> coverage{};

    Glyph(int character, float scale, float shift) {
        int right = 0, bottom = 0;
        stbtt_GetCodepointBitmapBoxSubpixel(&font(), character, scale, scale, shift, 0.0f, &left, &top,
                                            &right, &bottom);
        width = right - left;
        height = bottom - top;
        coverage.resize(static_cast<size_t>(width) * static_cast<size_t>(height));
        stbtt_MakeCodepointBitmapSubpixel(&font(), coverage.data(), width, height, width, scale, scale, shift,
                                          0.0f, character);
    }
};

void blend_glyph(Image& canvas, const Glyph& glyph, int64_t x, int64_t y, const Color& color) {
    for (int64_t row = 0; row < glyph.height; ++row)
        for (int64_t column = 0; column < glyph.width; ++column) {
            const int64_t to_x = x + glyph.left + column, to_y = y + glyph.top + row;
            if (to_x < 0 || to_x >= canvas.width || to_y < 0 || to_y >= canvas.height) continue;
            const int covered = glyph.coverage[static_cast<size_t>(row * glyph.width + column)];
            for (size_t c = 0; c < 3; ++c) {
                uint8_t& value = canvas.pixels[static_cast<size_t>((to_y * canvas.width + to_x) * 3) + c];
                value = static_cast<uint8_t>((value * (255 - covered) + color[c] * covered) / 255);
            }
        }
}

float scale_of(int size) { return stbtt_ScaleForPixelHeight(&font(), static_cast<float>(size)); }

}  // namespace

Font::Font(int size) : size_(size) {}

int64_t Font::width(std::string_view text) const {
    float pen = 0.0f;
    while (!text.empty()) pen += advance_of(take_character(text), scale_of(size_));
    return static_cast<int64_t>(std::ceil(pen));
}

std::vector<std::string> Font::wrap(std::string_view text, int64_t most) const {
    std::vector<std::string> lines;
    while (!text.empty()) {
        std::string_view rest = text;
        size_t end = 0, last_space = 0;  // of what fits
        while (!rest.empty()) {
            const size_t here = text.size() - rest.size();
            if (text[here] == ' ') last_space = here;
            take_character(rest);
            if (end > 0 && width(text.substr(0, text.size() - rest.size())) > most) break;
            end = text.size() - rest.size();
        }
        if (end < text.size() && text[end] != ' ' && last_space > 0) end = last_space;
        lines.emplace_back(text.substr(0, end));
        text.remove_prefix(end);
        while (text.starts_with(' ')) text.remove_prefix(1);
    }
    return lines;
}

void Font::draw(Image& canvas, std::string_view line, int64_t x, int64_t y, const Color& color) const {
    const float scale = scale_of(size_);
    int ascent = 0, descent = 0, gap = 0;
    stbtt_GetFontVMetrics(&font(), &ascent, &descent, &gap);
    const int64_t baseline = y + std::lround(static_cast<float>(ascent) * scale);
    float pen = static_cast<float>(x);
    while (!line.empty()) {
        const int character = take_character(line);
        const float whole = std::floor(pen);
        blend_glyph(canvas, Glyph(character, scale, pen - whole), static_cast<int64_t>(whole), baseline,
                    color);
        pen += advance_of(character, scale);
    }
}

}  // namespace vitrine::tools

// Texts beside the pixels of a PNG, of which two say how the camera was held.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace vitrine {

/// What is known of a PNG's orientation before its end is reached: the last chunk of each kind counts.
class PngOrientation {
  public:
    /// Takes a chunk by its name; those that say nothing are passed over. Never throws: where memory ends, it
    /// says nothing either.
    void take(std::string_view name, std::span<const uint8_t> data) noexcept;

    /// For Image::orientation: by eXIf, else by the EXIF that ImageMagick writes as a text, and by XMP where
    /// that has none.
    int value() const;

  private:
    void take_text(std::string_view name, std::span<const uint8_t> data);

    std::optional<int64_t> in_exif_, in_raw_profile_, in_xmp_;
    bool has_exif_ = false;
};

}  // namespace vitrine

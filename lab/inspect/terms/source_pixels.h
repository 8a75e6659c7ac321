// The pixels of a source image that a value of the augmented image is made of: an image's program (kernels/augment_program.h),
// gone through backwards.
//
// Crops, padding, flips, turns and affine maps take one pixel, or the fill colour; resizing takes a weighted mean, rounded to a
// whole level after each axis. So a value is Σ share · level, with each rounding as a term of its own. Steps that mix a
// colour otherwise (contrast, equalize, …) are no such sum: terms begin with the image that the last of them left.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kernels/augment_program.h"
#include "kernels/reference/augment_step.h"

namespace vitrine::inspect {

/// A term of a value in levels of 0 … 255: share · level.
struct PixelTerm {
    enum class Kind { pixel, fill, rounding } kind;
    double share;
    double level;       // of a rounding: what it added
    std::string place;  // "12,7,2" of a pixel: row, column, colour; of a rounding: "117.27 to 117"
};

class SourcePixels {
  public:
    /// Of an image, and the steps that are done to it.
    SourcePixels(reference::AugmentImage image, std::span<const augment::Step> program);

    /// Appends the terms of a value of the result, and returns what they come to.
    int terms_of(int64_t x, int64_t y, int colour, std::vector<PixelTerm>& terms) const;

    /// The program in a line: "resize of [0, 0, 40, 30] to 32×32, flip_horizontal"; empty: nothing was done.
    const std::string& program() const { return text_; }
    /// "contrast": the last step that has no terms, so that they begin with what it left; empty: there is none.
    const std::string& begins_after() const { return begins_after_; }

  private:
    int walk(size_t step, int64_t x, int64_t y, int colour, double share,
             std::vector<PixelTerm>& terms) const;
    int walk_resize(size_t step, int64_t x, int64_t y, int colour, double share,
                    std::vector<PixelTerm>& terms) const;

    reference::AugmentImage image_;          // that terms begin with
    std::vector<augment::Step> steps_;       // that are done to it
    std::vector<int64_t> widths_, heights_;  // before step i; the last: of the result
    std::string text_, begins_after_;
};

}  // namespace vitrine::inspect

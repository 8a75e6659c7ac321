// Why a value of the network's input is so: the source pixels, the noise, the box that it was erased by, the image that was mixed
// in. The formulas are those of kernels/finish_images.h.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "lab/inspect/capture/batch_making.h"
#include "lab/inspect/terms/source_pixels.h"
#include "lab/inspect/terms/term_writer.h"

namespace vitrine::inspect {

class BatchTerms {
  public:
    /// Of a batch that outlives it.
    explicit BatchTerms(const BatchMaking& making) : making_(making), finish_(making.plan.finish) {}

    /// Of an element of the images [count, height, width, 3].
    void write(int64_t element, TermWriter& writer);

  private:
    /// A value of the network's input: which image of the batch, where.
    struct Place {
        int64_t n, row, column;
        int colour;
        int64_t index;  // among the values of the image
    };

    using Factors = std::vector<Factor>;

    /// What the image's value is before it is mixed; each term begins with `share`.
    void write_image(const Place& place, const Factors& share, TermWriter& writer);
    bool write_erased(const Place& place, const Factors& share, TermWriter& writer) const;
    void write_pixels(const Place& place, const Factors& share, TermWriter& writer);
    /// The noise on a value in which so much came before it, and what clipping does to both; each term ends with `scale`.
    void write_noise(const Place& place, double value, const Factors& scale, const Factors& share,
                     TermWriter& writer);

    const SourcePixels& source(int64_t n);
    std::string name_of(int64_t n) const;
    int32_t noise_at(int64_t n, int64_t index) const;
    int32_t largest_noise();

    const BatchMaking& making_;
    const ImageFinish& finish_;
    std::map<int64_t, SourcePixels> sources_;  // by image of the batch
    std::optional<int32_t> largest_noise_;
};

}  // namespace vitrine::inspect

// One image's augmentation program, run with as few passes over the pixels as its bytes allow.
//
// Steps are not applied as they come, but gathered for as long as nothing is lost:
//   - a step that maps each value by itself (brightness, posterize, solarize, and contrast, autocontrast and
//     equalize once their statistics are known) becomes three tables of 256 values; two such steps are one
//     table;
//   - a step that moves pixels becomes a link of a chain of coordinates. A table that comes after a move
//     can as well come before it, if the fill colours go through it too.
// So the image is always: source pixels → tables → moves. It is made whole only where a step needs its
// neighbours, mixes its channels or counts it, and at the end.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/augment_program.h"

namespace vitrine::cpu {

class AugmentImage {
  public:
    /// `scratch` has two areas of `area` bytes each for images in between.
    AugmentImage(const uint8_t* pixels, int64_t height, int64_t width, uint8_t* scratch, int64_t area)
        : pixels_(pixels), height_(height), width_(width), scratch_(scratch), area_(area) {
        reset_tables();
    }

    void apply(const augment::Step& step);
    /// Writes the image, [height, width, 3].
    void finish(uint8_t* to);

    int64_t height() const { return move_count_ > 0 ? moves_[move_count_ - 1].out_height : height_; }
    int64_t width() const { return move_count_ > 0 ? moves_[move_count_ - 1].out_width : width_; }

  private:
    using Table = std::array<uint8_t, 256>;

    /// Where a column (or row) of the result comes from, or the move that leads it out of its image.
    struct Origin {
        int64_t place;
        int left_by;  // −1: none does
    };

    void reset_tables();
    /// Follows the tables by f(value, channel).
    template <class F>
    void add_table(F f);
    void add_move(const augment::Step& step);

    /// Makes the image whole in memory of its own: no tables and no moves are left.
    void make_whole();
    void write(uint8_t* to) const;
    void write_table(uint8_t* to) const;
    void write_affine(uint8_t* to) const;
    void write_by_axes(uint8_t* to) const;
    void write_moved(uint8_t* to) const;
    /// Of all columns, or of all rows.
    std::vector<Origin> origins(bool columns) const;
    uint8_t* other_area();

    void contrast(float factor);
    void autocontrast();
    void equalize();
    void resize(const augment::Step& step);
    void sharpness(float factor);
    template <class F>
    void map_pixels(F f);
    /// How often each value of each channel occurs. Tables are taken into account, moves must not be left.
    std::array<std::array<int32_t, 256>, 3> histograms() const;

    const uint8_t* pixels_;
    int64_t height_;  // of what pixels_ points to
    int64_t width_;
    uint8_t* scratch_;
    int64_t area_;

    std::array<Table, 3> tables_;
    bool has_tables_ = false;
    static constexpr size_t most_moves = 8;
    std::array<augment::Step, most_moves> moves_;
    size_t move_count_ = 0;
};

}  // namespace vitrine::cpu

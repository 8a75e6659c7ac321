// Run lengths of BMP files (RLE8 and RLE4), with Pillow's reading of those that do not fit their rows.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

namespace vitrine {

/// Places in the palette, from run lengths. The pixels are counted in the order of the file.
class BmpRuns {
  public:
    /// `starts_odd`: whether the data begin at an odd place of the file, by which words are aligned.
    BmpRuns(std::span<const uint8_t> data, bool starts_odd, bool halves, int64_t width, int64_t height)
        : data_(data), starts_odd_(starts_odd), halves_(halves), width_(width), pixels_(width * height) {}

    /// Calls put(first pixel, count, place, place of every second pixel) for one run after the other, and
    /// returns whether that was the whole image.
    template <typename Put>
    bool unpack(const Put& put) {
        at_ = 0;
        filled_ = column_ = 0;
        while (filled_ < pixels_ && left() >= 2) {
            const uint8_t count = data_[at_], value = data_[at_ + 1];
            at_ += 2;
            if (count > 0) {
                run(count, value, put);
            } else if (!escape(value, put)) {
                break;
            }
        }
        return filled_ >= pixels_;
    }

  private:
    size_t left() const { return data_.size() - at_; }

    template <typename Put>
    void emit(int64_t count, uint8_t first, uint8_t second, const Put& put) {
        const int64_t fitting = std::min(count, pixels_ - filled_);
        if (fitting > 0) put(filled_, fitting, first, second);
        filled_ += count;
    }

    /// What does not fit the row is left out.
    template <typename Put>
    void run(int64_t count, uint8_t value, const Put& put) {
        const int64_t fitting = std::clamp<int64_t>(width_ - column_, 0, count);
        const auto high = static_cast<uint8_t>(value >> 4), low = static_cast<uint8_t>(value & 15);
        emit(fitting, halves_ ? high : value, halves_ ? low : value, put);
        column_ += fitting;
    }

    /// Returns false where the data end.
    template <typename Put>
    bool escape(uint8_t code, const Put& put) {
        constexpr uint8_t end_of_row = 0, end_of_image = 1, move = 2;
        if (code == end_of_image) return false;
        if (code == end_of_row) {
            if (filled_ % width_ != 0) emit(width_ - filled_ % width_, 0, 0, put);
            column_ = 0;
            return true;
        }
        if (code == move) {
            if (left() < 2) return false;
            const int64_t right = data_[at_], up = data_[at_ + 1];
            at_ += 2;
            emit(std::min(pixels_ - filled_, right + up * width_), 0, 0, put);
            column_ = filled_ % width_;
            return true;
        }
        return literal(code, put);
    }

    /// Pixels one by one, not held to the row, and then up to a whole word of the file.
    template <typename Put>
    bool literal(int64_t code, const Put& put) {
        const int64_t count = std::min(code, pixels_ - filled_);
        const auto bytes = static_cast<size_t>(halves_ ? (count + 1) / 2 : count);
        const size_t there = std::min(bytes, left());
        for (size_t i = 0; i < there; ++i) {
            const uint8_t value = data_[at_ + i];
            if (halves_) {
                const int64_t pair = std::min<int64_t>(2, count - 2 * static_cast<int64_t>(i));
                emit(pair, static_cast<uint8_t>(value >> 4), static_cast<uint8_t>(value & 15), put);
            } else {
                emit(1, value, value, put);
            }
        }
        at_ += there;
        column_ += code;
        if ((at_ % 2 != 0) != starts_odd_ && left() > 0) ++at_;
        return there == bytes;
    }

    std::span<const uint8_t> data_;
    bool starts_odd_;
    bool halves_;
    int64_t width_;
    int64_t pixels_;
    size_t at_ = 0;
    int64_t filled_ = 0;
    int64_t column_ = 0;
};

}  // namespace vitrine

// A canvas for the terminal: each character is 2×4 dots of Braille.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace vitrine::tools {

class BrailleCanvas {
  public:
    BrailleCanvas(int64_t columns, int64_t rows);

    /// In dots.
    int64_t width() const { return 2 * columns_; }
    int64_t height() const { return 4 * rows_; }

    /// Dots from `top` to `bottom`, both included; rows of dots count from the top.
    void vertical(int64_t x, int64_t top, int64_t bottom);
    /// What stands in a column of characters wherever there is no dot.
    void mark_column(int64_t column, std::string mark);

    /// A row of characters as UTF-8, `columns` wide.
    std::string row(int64_t row) const;

  private:
    int64_t columns_, rows_;
    std::vector<uint8_t> cells_;  // the dots of each character, as Unicode numbers them
    std::vector<std::string> marks_;
};

}  // namespace vitrine::tools

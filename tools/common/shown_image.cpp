// An image of a data set for people to look at: see shown_image.h.

#include "tools/common/shown_image.h"

#include <algorithm>

#include "data/resize.h"

namespace vitrine::tools {

Image shown_image(const ImageSet& set, int64_t i) {
    constexpr int64_t longest = 256;
    Image image = copied_image(set, i);
    const int64_t longer = std::max(image.height, image.width);
    if (set.height > 0 || longer <= longest) return image;
    const auto shrunk = [&](int64_t side) { return std::max<int64_t>(1, side * longest / longer); };
    return resize(image, shrunk(image.height), shrunk(image.width));
}

}  // namespace vitrine::tools

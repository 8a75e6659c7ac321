// An image of a data set for people to look at.
#pragma once

#include "data/image_set.h"

namespace vitrine::tools {

/// Sample i as it is kept; where images have their own sizes, a photograph may be larger than any page, and its longer
/// side becomes 256.
Image shown_image(const ImageSet& set, int64_t i);

}  // namespace vitrine::tools

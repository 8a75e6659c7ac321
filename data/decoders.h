// The decoders behind decode_image, one a format: each takes a file from its start and throws ImageError, or
// std::bad_alloc.
#pragma once

#include <cstdint>
#include <string>

#include "data/byte_source.h"
#include "data/image.h"

namespace vitrine {

Image decode_jpeg(ByteSource& source);
Image decode_png(ByteSource& source);
Image decode_bmp(ByteSource& source);
/// PBM, PGM and PPM, binary or plain (P1 … P6), up to 16 bits; gray PFM (Pf).
Image decode_pnm(ByteSource& source);

// Of libraries that a build may lack: image_format.cpp knows whether it has them.
Image decode_webp(ByteSource& source);
Image decode_gif(ByteSource& source);
Image decode_tiff(ByteSource& source);

/// Throws where a side is below 1 or the area is over largest_image_pixels.
void check_image_size(int64_t width, int64_t height, const std::string& path);

/// Throws where the file is too small to hold what its header says: `fewest_bytes` are needed for such an
/// image at least.
void require_bytes_for(const ByteSource& source, int64_t width, int64_t height, int64_t fewest_bytes);

/// For formats in which a few bytes may stand for an image of any size in one colour: beyond 2^24 pixels,
/// throws where the file has not at least a byte for each 4096 of them.
void require_bytes_for_detail(const ByteSource& source, int64_t width, int64_t height);

/// An image of that (checked) size. Waits for memory for its pixels and for `working_bytes` beside them, and
/// allows the source to be read as far as such an image needs.
Image make_image(ByteSource& source, int64_t width, int64_t height, int64_t working_bytes = 0);

/// Its two halves, for a format that has to see more of its file before it believes the size: waiting, and
/// taking the memory.
std::shared_ptr<const void> reserve_image_memory(ByteSource& source, int64_t width, int64_t height,
                                                 int64_t working_bytes);
Image make_image(int64_t width, int64_t height, std::shared_ptr<const void> memory);

}  // namespace vitrine

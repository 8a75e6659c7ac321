#!/usr/bin/env python3
"""Makes the image fixtures beside it: files of every kind, and what Pillow reads from them.

NAME.EXT is an image file; NAME.EXT.ppm is Image.open(NAME.EXT).convert("RGB"), written as a binary PPM.
resize_*.ppm are results of Pillow's and torchvision's resizing; their names say how they were made.

Run with Pillow, numpy and torchvision installed. The frozen files came from Pillow 13.0.0, torchvision 0.29.2.
"""

import io
import struct
import zlib
from pathlib import Path

import numpy
from PIL import Image
from torchvision import transforms

FOLDER = Path(__file__).parent
HEIGHT, WIDTH = 13, 19


def picture(height, width, channels, seed):
    """Waves with noise: smooth and rough parts, all values from 0 to 255, no symmetry."""
    random = numpy.random.default_rng(seed)
    y, x = numpy.mgrid[0:height, 0:width]
    planes = [
        128 + 90 * numpy.sin(x / (3 + c) + y / (5 - c) + c) + random.normal(0, 30, (height, width))
        for c in range(channels)
    ]
    pixels = numpy.stack(planes, -1).clip(0, 255).astype(numpy.uint8)
    return pixels[:, :, 0] if channels == 1 else pixels


def png_chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width, height, depth, colour_type, rows, chunks=b"", interlace=0):
    """A PNG of unfiltered rows of bytes: kinds that Pillow itself does not write."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, interlace)
    data = zlib.compress(b"".join(b"\0" + bytes(row) for row in rows), 9)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + chunks
        + png_chunk(b"IDAT", data)
        + png_chunk(b"IEND", b"")
    )


def interlaced_rows(pixels):
    """The rows of the seven passes of an interlaced PNG."""
    for top, left, down, right in [
        (0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1),
    ]:  # fmt: skip
        for row in pixels[top::down, left::right]:
            if len(row):
                yield row.tobytes()


def pillow_file(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def bmp16(pixels, masks):
    """A top-down BMP with 16 bits a pixel."""
    height, width = pixels.shape
    stride = (2 * width + 3) // 4 * 4
    rows = b"".join(row.astype("<u2").tobytes().ljust(stride, b"\0") for row in pixels)
    head = struct.pack("<IiiHHIIiiII", 40, width, -height, 1, 16, 3, len(rows), 2835, 2835, 0, 0)
    head += struct.pack("<III", *masks)
    return b"BM" + struct.pack("<IHHI", 14 + len(head) + len(rows), 0, 0, 14 + len(head)) + head + rows


def jpeg_fixtures():
    colour = Image.fromarray(picture(HEIGHT, WIDTH, 3, 1))
    for name, subsampling in [("444", "4:4:4"), ("422", "4:2:2"), ("420", "4:2:0"), ("411", "4:1:1")]:
        yield f"rgb_{name}.jpg", pillow_file(colour, "jpeg", quality=85, subsampling=subsampling)
    yield "progressive.jpg", pillow_file(colour, "jpeg", quality=60, progressive=True)
    yield "restart.jpg", pillow_file(colour, "jpeg", restart_marker_blocks=2)
    yield "no_colour_transform.jpg", pillow_file(colour, "jpeg", keep_rgb=True)
    yield "gray.jpg", pillow_file(Image.fromarray(picture(HEIGHT, WIDTH, 1, 2)), "jpeg")
    cmyk = pillow_file(Image.fromarray(picture(HEIGHT, WIDTH, 4, 3), "CMYK"), "jpeg", quality=90)
    yield "cmyk.jpg", cmyk
    marker = cmyk.index(b"Adobe")
    yield "ycck.jpg", cmyk[: marker + 11] + b"\2" + cmyk[marker + 12 :]  # the transform byte
    yield "cmyk_unmarked.jpg", cmyk[: marker - 4] + cmyk[marker + 12 :]


def png_fixtures():
    random = numpy.random.default_rng(4)
    colour = picture(HEIGHT, WIDTH, 3, 5)
    wide = random.integers(0, 65536, (HEIGHT, WIDTH, 4)).astype(">u2")
    dark = random.integers(0, 400, (HEIGHT, WIDTH)).astype(">u2")  # on both sides of the clip at 255
    yield "rgb.png", pillow_file(Image.fromarray(colour), "png")
    yield "rgba.png", pillow_file(Image.fromarray(picture(HEIGHT, WIDTH, 4, 6), "RGBA"), "png")
    yield "gray.png", pillow_file(Image.fromarray(picture(HEIGHT, WIDTH, 1, 7)), "png")
    yield "gray_alpha.png", pillow_file(Image.fromarray(picture(HEIGHT, WIDTH, 2, 8), "LA"), "png")
    yield "palette.png", pillow_file(Image.fromarray(colour).quantize(100), "png")
    yield "palette_4bit.png", pillow_file(Image.fromarray(colour).quantize(11), "png")
    yield "palette_transparent.png", pillow_file(Image.fromarray(colour).quantize(9), "png", transparency=bytes(range(9)))
    yield "bilevel.png", pillow_file(Image.fromarray(colour).convert("1"), "png")
    yield "gray_2bit.png", png(8, 2, 2, 0, [b"\x1b\xe4", b"\x00\xff"])
    yield "gray_4bit.png", png(8, 2, 4, 0, [b"\x01\x23\x45\x67", b"\x89\xab\xcd\xef"])
    yield "gray_16bit.png", png(WIDTH, HEIGHT, 16, 0, [row.tobytes() for row in dark])
    yield "gray_alpha_16bit.png", png(WIDTH, HEIGHT, 16, 4, [row.tobytes() for row in wide[:, :, :2]])
    yield "rgb_16bit.png", png(WIDTH, HEIGHT, 16, 2, [row.tobytes() for row in wide[:, :, :3]])
    yield "rgba_16bit.png", png(WIDTH, HEIGHT, 16, 6, [row.tobytes() for row in wide])
    yield "rgb_transparent_colour.png", png(
        WIDTH, HEIGHT, 8, 2, [row.tobytes() for row in colour], png_chunk(b"tRNS", struct.pack(">3H", *colour[3, 4]))
    )
    yield "interlaced.png", png(WIDTH, HEIGHT, 8, 2, interlaced_rows(colour), interlace=1)
    two_colours = png_chunk(b"PLTE", bytes([10, 20, 30, 40, 50, 60]))
    yield "palette_too_short.png", png(4, 1, 8, 3, [bytes([0, 1, 2, 200])], two_colours)


def bmp_fixtures():
    colour = Image.fromarray(picture(HEIGHT, WIDTH, 3, 9))
    random = numpy.random.default_rng(10)
    yield "rgb.bmp", pillow_file(colour, "bmp")
    yield "rgba.bmp", pillow_file(Image.fromarray(picture(HEIGHT, WIDTH, 4, 11), "RGBA"), "bmp")
    yield "gray.bmp", pillow_file(colour.convert("L"), "bmp")
    yield "palette.bmp", pillow_file(colour.quantize(256), "bmp")
    yield "bilevel.bmp", pillow_file(colour.convert("1"), "bmp")
    yield "rgb565.bmp", bmp16(random.integers(0, 65536, (9, 13)), (0xF800, 0x7E0, 0x1F))


def pnm_fixtures():
    random = numpy.random.default_rng(12)
    colour, gray = picture(HEIGHT, WIDTH, 3, 13), picture(HEIGHT, WIDTH, 1, 14)
    size = b"%d %d\n" % (WIDTH, HEIGHT)
    yield "rgb.ppm_file", b"P6\n# a comment\n" + size + b"255\n" + colour.tobytes()
    yield "gray.pgm", b"P5 " + size + b"255 " + gray.tobytes()
    yield "gray_100.pgm", b"P5\n" + size + b"100\n" + (gray % 101).tobytes()
    dark = random.integers(0, 400, (HEIGHT, WIDTH)).astype(">u2")
    yield "gray_16bit.pgm", b"P5\n" + size + b"65535\n" + dark.tobytes()
    yield "gray_1000.pgm", b"P5\n" + size + b"1000\n" + (dark % 9).tobytes()
    yield "rgb_16bit.ppm_file", b"P6\n" + size + b"1000\n" + random.integers(0, 1001, (HEIGHT, WIDTH, 3)).astype(">u2").tobytes()


def resize_fixtures():
    for name, height, width in [("wide", 23, 31), ("tall", 41, 15)]:
        source = Image.fromarray(picture(height, width, 3, height))
        yield f"resize_{name}.ppm", source
        for new_height, new_width in [(9, 14), (44, 37), (1, 1), (height, 7), (8, width), (43, 12), (6, 14), (13, 40)]:
            resized = source.resize((new_width, new_height), Image.Resampling.BILINEAR)
            yield f"resize_{name}_to_{new_height}x{new_width}.ppm", resized
        for size in [5, 12, 34]:
            square = transforms.CenterCrop(size)(transforms.Resize(size)(source))
            yield f"resize_{name}_square_{size}.ppm", square


def main():
    for fixtures in [jpeg_fixtures, png_fixtures, bmp_fixtures, pnm_fixtures]:
        for name, content in fixtures():
            (FOLDER / name).write_bytes(content)
            Image.open(FOLDER / name).convert("RGB").save(FOLDER / f"{name}.ppm", "ppm")
    for name, image in resize_fixtures():
        image.save(FOLDER / name)


if __name__ == "__main__":
    main()

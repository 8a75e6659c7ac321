#!/usr/bin/env python3
"""Makes the image fixtures beside it: files of every kind, and what Pillow reads from them.

NAME.EXT is an image file; NAME.EXT.ppm is Image.open(NAME.EXT).convert("RGB"), written as a binary PPM; NAME.EXT.upright.ppm is the
same of what ImageOps.exif_transpose makes of it. lossless.jpg is a kind that not every libjpeg reads.
resize_*.ppm are results of Pillow's and torchvision's resizing; their names say how they were made.

Run with Pillow, numpy and torchvision installed. The frozen files came from Pillow 13.0.0, torchvision 0.29.2.
"""

import io
import struct
import sys
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import missing_packages  # noqa: E402, F401
import numpy
from PIL import Image, ImageOps
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


def bmp(size, width, height, bits, data, palette=b"", colours=0, compression=0, masks=b"", gap=b""):
    """A BMP with a header of that size; `masks` are in it where it has room for them."""
    if size == 12:
        head = struct.pack("<IHHHH", size, width, height, 1, bits)
    else:
        head = struct.pack("<IiiHHIIiiII", size, width, height, 1, bits, compression, len(data), 2835, 2835, colours, 0)
        head = (head + masks).ljust(size, b"\0")
    offset = 14 + len(head) + len(palette) + len(gap)
    return b"BM" + struct.pack("<IHHI", offset + len(data), 0, 0, offset) + head + palette + gap + data


def bmp_rows(pixels):
    """Rows of bytes, the last one first."""
    stride = (pixels.shape[1] + 3) // 4 * 4
    return b"".join(row.tobytes().ljust(stride, b"\0") for row in pixels[::-1])


def lossless_jpeg(pixels):
    """One component, each sample as a difference from its left neighbour, in Huffman codes of four bits."""
    bits = ""
    for y, row in enumerate(pixels.astype(int)):
        for x, value in enumerate(row):
            difference = value - (row[x - 1] if x else pixels.astype(int)[y - 1][0] if y else 128)
            length = int(abs(difference)).bit_length()
            bits += f"{length:04b}" + (f"{difference if difference > 0 else difference + (1 << length) - 1:0{length}b}" if length else "")
    bits += "1" * (-len(bits) % 8)
    data = b"".join(bytes([byte, 0]) if byte == 255 else bytes([byte]) for byte in int(bits, 2).to_bytes(len(bits) // 8, "big"))
    height, width = pixels.shape
    frame = struct.pack(">BHHBBBB", 8, height, width, 1, 1, 0x11, 0)
    codes = bytes([0, 0, 0, 0, 9]) + bytes(12) + bytes(range(9))
    segments = [(0xC3, frame), (0xC4, codes), (0xDA, bytes([1, 1, 0, 1, 0, 0]))]
    return (b"\xff\xd8" + b"".join(bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body for marker, body in segments)
            + data + b"\xff\xd9")


def exif(order, orientation):
    """A directory of two entries."""
    head = b"II*\0" if order == "<" else b"MM\0*"
    return head + struct.pack(f"{order}LHHHLLHHLHHL", 8, 2, 256, 4, 1, 5, 274, 3, 1, orientation, 0, 0)


def app1(body):
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


def orientation_fixtures():
    for orientation in range(1, 9):
        plain = pillow_file(Image.fromarray(picture(5, 7, 1, 20 + orientation)), "jpeg", quality=95)
        block = app1(b"Exif\0\0" + exif("<>"[orientation % 2], orientation))
        yield f"orientation_{orientation}.jpg", plain[:2] + block + plain[2:]
    plain = pillow_file(Image.fromarray(picture(5, 7, 1, 30)), "jpeg", quality=95)
    text = b'http://ns.adobe.com/xap/1.0/\0<rdf:Description tiff:Orientation="8"/>'
    yield "orientation_in_xmp.jpg", plain[:2] + app1(text) + plain[2:]
    plain = pillow_file(Image.fromarray(picture(5, 7, 3, 31)), "png")
    yield "orientation_6.png", plain[:33] + png_chunk(b"eXIf", exif(">", 6)) + plain[33:]
    text = b"XML:com.adobe.xmp\0\0\0\0\0<tiff:Orientation>5</tiff:Orientation>"
    yield "orientation_in_xmp.png", plain[:-12] + png_chunk(b"iTXt", text) + plain[-12:]


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
    yield "rgb555.bmp", bmp(40, 13, 9, 16, bmp_rows(random.integers(0, 256, (9, 26)).astype(numpy.uint8)))
    bytes_of = random.integers(0, 256, (9, 52)).astype(numpy.uint8)
    colours = bytes(random.integers(0, 256, 4 * 256).astype(numpy.uint8))
    yield "os2_1bit.bmp", bmp(12, 21, 9, 1, bmp_rows(bytes_of[:, :3]), colours[:6])
    yield "os2_4bit.bmp", bmp(12, 13, 9, 4, bmp_rows(bytes_of[:, :7]), colours[:48])
    yield "os2_rgb.bmp", bmp(12, 13, 9, 24, bmp_rows(bytes_of[:, :39]))
    yield "os2_version2.bmp", bmp(64, 13, 9, 4, bmp_rows(bytes_of[:, :7]), colours[:64])
    yield "few_colours.bmp", bmp(40, 13, 9, 8, bmp_rows(bytes_of[:, :13] // 60), colours[:12], 3)
    yield "gray_levels.bmp", bmp(108, 13, 9, 8, bmp_rows(bytes_of[:, :13]), bytes(i for i in range(256) for _ in range(4)))
    yield "black_and_white_8bit.bmp", bmp(40, 13, 9, 8, bmp_rows(bytes_of[:, :13]), bytes([0, 0, 0, 0, 255, 255, 255, 0]), 2)
    yield "gap.bmp", bmp(40, 13, 9, 24, bmp_rows(bytes_of[:, :39]), gap=b"of no use")
    yield "unused_palette.bmp", bmp(40, 13, 9, 24, bmp_rows(bytes_of[:, :39]), colours[:64], 16)
    srgb = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    yield "header_56.bmp", bmp(56, 13, 9, 32, bmp_rows(bytes_of), compression=3, masks=srgb)
    reversed_masks = struct.pack("<4I", 0xFF, 0xFF00, 0xFF0000, 0xFF000000)
    yield "header_124.bmp", bmp(124, 13, -9, 32, bmp_rows(bytes_of), compression=3, masks=reversed_masks)
    runs = (b"\x05\x01\x00\x05\x02\x03\x04\x05\x06\x00\x03\x07\x00\x00"  # a run, five pixels one by one, a run
            b"\x00\x02\x04\x01\x04\x08\x00\x00"  # to the right and up, a run
            b"\xff\x09\x00\x00\x02\x0a\x00\x00\x00\x02\x00\x05\x0d\xfe\x00\x01")  # too long a run; a short row; rows left empty
    yield "rle8.bmp", bmp(40, 13, 11, 8, runs, colours, compression=1)
    halves = (b"\x05\x12\x00\x05\x34\x56\x70\x00\x03\x89\x00\x00\x00\x02\x04\x01\x04\xab\x00\x00"
              b"\xff\xcd\x00\x00\x02\xef\x00\x00\x00\x02\x00\x05\x0d\x31\x00\x01")
    yield "rle4.bmp", bmp(40, 13, 11, 4, halves, colours[:64], compression=2)


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
    bits = random.integers(0, 2, (HEIGHT, WIDTH))
    yield "bilevel.pbm", b"P4\n" + size + numpy.packbits(bits.astype(numpy.uint8), axis=1).tobytes()
    yield "bilevel_plain.pbm", b"P1\n# a comment\n" + size + b"\n".join(b"".join(b"%d" % bit for bit in row) for row in bits)
    yield "gray_plain.pgm", b"P2\n" + size + b"1000\n" + b" ".join(b"%d" % level for level in dark.reshape(-1)[: HEIGHT * WIDTH] % 9)
    yield "rgb_plain.ppm_file", b"P3 " + size + b"100 # a comment\n" + b"\n".join(b"%d" % level for level in colour.reshape(-1) % 101)
    yield "gray.pfm", b"Pf\n" + size + b"-1.0\n" + random.uniform(-20, 280, (HEIGHT, WIDTH)).astype("<f4").tobytes()


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
            yield f"resize_{name}_aspect_{size}.ppm", transforms.Resize(size)(source)


def main():
    for fixtures in [jpeg_fixtures, png_fixtures, bmp_fixtures, pnm_fixtures]:
        for name, content in fixtures():
            (FOLDER / name).write_bytes(content)
            Image.open(FOLDER / name).convert("RGB").save(FOLDER / f"{name}.ppm", "ppm")
    for name, content in orientation_fixtures():
        (FOLDER / name).write_bytes(content)
        upright = ImageOps.exif_transpose(Image.open(FOLDER / name)).convert("RGB")
        upright.save(FOLDER / f"{name}.upright.ppm", "ppm")
    lossless = picture(7, 9, 1, 40)
    (FOLDER / "lossless.jpg").write_bytes(lossless_jpeg(lossless))
    Image.fromarray(lossless).convert("RGB").save(FOLDER / "lossless.jpg.expected.ppm", "ppm")
    for name, image in resize_fixtures():
        image.save(FOLDER / name)


if __name__ == "__main__":
    main()

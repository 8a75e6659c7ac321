"""TIFF: every kind of samples that Pillow reads, in strips and tiles, rows and planes, both byte orders, with offsets of 32 and of 64 bits,
in each compression, turned by its orientation; pages behind the first; and what Pillow writes."""
import io
import lzma
import struct
import zlib

import numpy
from PIL import Image

from .pictures import generator, picture, side

NONE, CCITT, GROUP3, GROUP4, LZW, JPEG, DEFLATE, PACKBITS, OLD_DEFLATE, LZMA = 1, 2, 3, 4, 5, 7, 8, 32773, 32946, 34925
GENERAL = [NONE, LZW, DEFLATE, OLD_DEFLATE, PACKBITS, LZMA]
UNSIGNED, SIGNED, FLOAT = 1, 2, 3
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR = 0, 1, 2, 3, 5, 6
LETTERS = {3: "H", 4: "L", 16: "Q"}

# name, photometric, bits, format, samples of the colour, choices of extra samples, byte orders, may the lowest bit come first
KINDS = [
    *((f"gray_{bits}_{white}", white, bits, UNSIGNED, 1, [()], "<>", True) for bits in (1, 2, 4, 8) for white in (0, 1)),
    ("gray_8_signed", BLACK_IS_ZERO, 8, SIGNED, 1, [()], "<>", False),
    ("gray_12", BLACK_IS_ZERO, 12, UNSIGNED, 1, [()], "<", False),
    ("gray_16_0", WHITE_IS_ZERO, 16, UNSIGNED, 1, [()], "<", False),
    ("gray_16_1", BLACK_IS_ZERO, 16, UNSIGNED, 1, [()], "<>", False),
    ("gray_16_reversed", BLACK_IS_ZERO, 16, UNSIGNED, 1, [()], "<", True),
    ("gray_16_signed", BLACK_IS_ZERO, 16, SIGNED, 1, [()], "<>", False),
    ("gray_32", BLACK_IS_ZERO, 32, UNSIGNED, 1, [()], "<", False),
    ("gray_32_signed", BLACK_IS_ZERO, 32, SIGNED, 1, [()], "<>", False),
    ("gray_float_0", WHITE_IS_ZERO, 32, FLOAT, 1, [()], "<>", False),
    ("gray_float_1", BLACK_IS_ZERO, 32, FLOAT, 1, [()], "<>", False),
    ("gray_alpha", BLACK_IS_ZERO, 8, UNSIGNED, 1, [(0,), (2,)], "<>", False),
    *((f"palette_{bits}", PALETTE, bits, UNSIGNED, 1, [()], "<>", True) for bits in (1, 2, 4, 8)),
    ("palette_alpha", PALETTE, 8, UNSIGNED, 1, [(0,), (2,)], "<>", False),
    ("rgb_8", RGB, 8, UNSIGNED, 3, [()], "<>", True),
    ("rgb_8_extra", RGB, 8, UNSIGNED, 3, [(0,), (0, 0), (0, 0, 0), (1,), (1, 0), (1, 0, 0), (2,), (2, 0), (2, 0, 0)], "<>", False),
    ("rgb_16", RGB, 16, UNSIGNED, 3, [()], "<>", False),
    ("rgb_16_extra", RGB, 16, UNSIGNED, 3, [(0,), (1,), (2,)], "<>", False),
    ("cmyk_8", CMYK, 8, UNSIGNED, 4, [(), (0,), (0, 0)], "<>", False),
    ("cmyk_16", CMYK, 16, UNSIGNED, 4, [()], "<>", False),
    ("ycbcr", YCBCR, 8, UNSIGNED, 3, [()], "<>", False),
]


def reversed_bits(data):
    return bytes(int(f"{byte:08b}"[::-1], 2) for byte in data)


def lzw(data):
    """Without a repetition: the table is cleared before its codes grow longer."""
    codes = []
    for place, byte in enumerate(data):
        codes += [256, byte] if place % 250 == 0 else [byte]
    codes = (codes or [256]) + [257]
    number = 0
    for code in codes:
        number = number << 9 | code
    spare = -len(codes) * 9 % 8
    return (number << spare).to_bytes((len(codes) * 9 + spare) // 8, "big")


def packbits(rows):
    packed = b""
    for row in rows:
        for at in range(0, len(row), 128):
            part = row[at:at + 128]
            same = len(part) > 1 and len(set(part)) == 1
            packed += bytes([257 - len(part), part[0]]) if same else bytes([len(part) - 1]) + part
    return packed


def packed_row(row, bits, order):
    """A row of samples as bytes."""
    if bits in (16, 32):
        return row.astype(row.dtype.newbyteorder(order)).tobytes()
    if bits == 8:
        return row.astype(numpy.uint8).tobytes()
    flags = (row.astype(numpy.int64).reshape(-1, 1) >> numpy.arange(bits - 1, -1, -1)) & 1
    return numpy.packbits(flags.astype(numpy.uint8)).tobytes()


def compressed(rows, compression):
    if compression == PACKBITS:
        return packbits(rows)
    data = b"".join(rows)
    if compression == LZW:
        return lzw(data)
    if compression in (DEFLATE, OLD_DEFLATE):
        return zlib.compress(data)
    return lzma.compress(data) if compression == LZMA else data


def differences(piece):
    """What the predictor stores of [rows, columns, samples]."""
    result = piece.copy()
    result[:, 1:] = piece[:, 1:] - piece[:, :-1]
    return result


def directory(order, big, tags, at, following):
    """A directory at that place, with what does not fit into its entries behind it."""
    count, offset, room = ("Q", "Q", 8) if big else ("H", "L", 4)
    size = struct.calcsize(f"={count}") + len(tags) * (20 if big else 12) + room
    entries, rest = b"", b""
    for tag, (kind, values) in sorted(tags.items()):
        content = values if isinstance(values, bytes) else struct.pack(f"{order}{len(values)}{LETTERS[kind]}", *values)
        number = len(values)
        if len(content) > room:
            rest += b"\0" * ((at + size + len(rest)) % 2)
            place = at + size + len(rest)
            rest += content
            content = struct.pack(f"{order}{offset}", place)
        entries += struct.pack(f"{order}HH{offset}", tag, kind, number) + content.ljust(room, b"\0")
    return (struct.pack(f"{order}{count}", len(tags)) + entries
            + struct.pack(f"{order}{offset}", following + at + size + len(rest) if following is not None else 0) + rest)


def tiff(random, order, tags, pieces, tiled, pages=1):
    """A file of the pieces and, behind them, their directory; further pages have the same."""
    big = order == "<" and random.random() < 0.3  # Pillow knows no big-endian BigTIFF
    header = struct.pack(f"{order}2sH", b"II" if order == "<" else b"MM", 43 if big else 42)
    header += struct.pack(f"{order}HHQ", 8, 0, 0) if big else struct.pack(f"{order}L", 0)
    content = bytearray(header)
    places = []
    for piece in pieces:
        content += bytes(random.randrange(3)) if random.random() < 0.2 else b""
        places.append(len(content))
        content += piece
    content += bytes(len(content) % 2)
    kind = 16 if big and random.random() < 0.5 else 4
    tags = dict(tags)
    tags[324 if tiled else 273] = (kind, places)
    tags[325 if tiled else 279] = (kind, [len(piece) for piece in pieces])
    content[8 if big else 4:len(header)] = struct.pack(f"{order}{'Q' if big else 'L'}", len(content))
    for page in range(pages):
        content += directory(order, big, tags, len(content), None if page + 1 == pages else 0)
        content += bytes(len(content) % 2) if page + 1 == pages else b""
    return bytes(content)


def levels(random, bits, form, shape):
    noise = generator(random)
    if form == FLOAT:
        return noise.normal(120, 150, shape).astype(numpy.float32)
    if bits in (16, 32):
        low = -300 if form == SIGNED else 0
        high = random.choice([400, (1 << bits - 1) - 1])
        return noise.integers(low, high, shape).astype({16: numpy.int16, 32: numpy.int32}[bits] if form == SIGNED else
                                                      {16: numpy.uint16, 32: numpy.uint32}[bits])
    if bits == 8 and len(shape) == 3 and shape[2] > 1:
        return picture(random, shape[2], shape[1], shape[0]).reshape(shape)
    return noise.integers(0, min(1 << bits, random.choice([1 << bits, 400])), shape).astype(numpy.uint16 if bits > 8 else numpy.uint8)


def pieces_of(samples, tiled, width, height):
    """Strips of `height` rows, or tiles, which reach over the edges."""
    for top in range(0, samples.shape[0], height):
        for left in range(0, samples.shape[1], width if tiled else samples.shape[1]):
            if not tiled:
                yield samples[top:top + height]
                continue
            part = samples[top:top + height, left:left + width]
            missing = (height - part.shape[0], width - part.shape[1])
            yield numpy.pad(part, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge")


def orientation(random, tags):
    if random.random() < 0.3:
        tags[274] = (3, [random.randint(1, 8)])
    elif random.random() < 0.1:
        packet = b"<x:xmpmeta tiff:Orientation=\"%d\"/>" % random.randint(1, 8)
        tags[700] = (1, packet)


def by_bytes(random, kind):
    name, photometric, bits, form, colours, extras, orders, may_reverse = kind
    extra, order = random.choice(extras), random.choice(orders)
    width, height, count = side(random), side(random), colours + len(extra)
    compression = random.choice(GENERAL)
    if order == ">" and (bits == 32 or form == SIGNED and bits == 16):
        compression = NONE  # Pillow would turn the bytes round twice
    reverse = may_reverse and (name.endswith("reversed") or random.random() < 0.3)
    if compression == NONE and name in ("gray_8_0", "palette_1", "palette_2", "palette_4"):
        reverse = False  # which Pillow has no reader for
    planes = count > 1 and len(extra) < 2 and random.random() < 0.3 and photometric != YCBCR
    if planes and compression == NONE and (bits != 8 or reverse or photometric not in (RGB, CMYK) or extra not in ((), (2,))):
        planes = False  # which Pillow reads otherwise than they are, or not at all
    tiled = random.random() < 0.3
    if photometric == YCBCR:
        compression = NONE
    samples = levels(random, bits, form, (height, width, count))
    piece_width, piece_height = (16 * random.randint(1, 3), 16 * random.randint(1, 3)) if tiled else (width, random.choice([height, random.randint(1, height)]))
    predicted = compression in (LZW, DEFLATE, OLD_DEFLATE) and bits in (8, 16) and form == UNSIGNED and not reverse and random.random() < 0.4
    pieces = []
    for plane in (samples[:, :, i:i + 1] for i in range(count)) if planes else [samples]:
        for piece in pieces_of(plane, tiled, piece_width, piece_height):
            piece = differences(piece) if predicted else piece
            rows = [packed_row(row.reshape(-1), bits, order) for row in piece]
            if reverse and compression != NONE:
                pieces.append(reversed_bits(compressed(rows, compression)))
            else:
                pieces.append(reversed_bits(b"".join(rows)) if reverse else compressed(rows, compression))
    tags = {256: (random.choice([3, 4]), [width]), 257: (random.choice([3, 4]), [height]), 258: (3, [bits] * count),
            259: (3, [compression]), 262: (3, [photometric]), 277: (3, [count])}
    if tiled:
        tags.update({322: (3, [piece_width]), 323: (3, [piece_height])})
    elif piece_height < height or random.random() < 0.5:
        tags[278] = (random.choice([3, 4]), [piece_height])
    if form != UNSIGNED or random.random() < 0.2:
        tags[339] = (3, [form] * count)
    if extra:
        tags[338] = (3, list(extra))
    if reverse:
        tags[266] = (3, [2])
    if planes or random.random() < 0.3 and count > 1:
        tags[284] = (3, [2 if planes else 1])
    if predicted:
        tags[317] = (3, [2])
    if photometric == PALETTE:
        tags[320] = (3, random.choices(range(65536), k=3 << bits))
    if photometric == YCBCR:
        tags[530] = (3, [1, 1])
    orientation(random, tags)
    return tiff(random, order, tags, pieces, tiled, random.choice([1, 1, 2]))


def subsampled(random):
    """YCbCr whose colours have fewer samples, in strips of whole blocks."""
    across, down = random.choice([(1, 1), (2, 1), (1, 2), (2, 2), (4, 1), (4, 2), (4, 4)])
    columns, rows = random.randint(1, 12), random.randint(1, 12)
    width = max(across, columns * across - random.randrange(across))  # libtiff 4.7 takes no narrower or lower ones
    height = max(down, rows * down - random.randrange(down))
    rows_a_strip = random.choice([rows, random.randint(1, rows)])
    noise = generator(random)
    compression = random.choice([LZW, DEFLATE, PACKBITS, LZMA])
    blocks = noise.integers(0, 256, (rows, columns * (across * down + 2))).astype(numpy.uint8)
    pieces = [compressed([row.tobytes() for row in blocks[top:top + rows_a_strip]], compression)
              for top in range(0, rows, rows_a_strip)]
    tags = {256: (3, [width]), 257: (3, [height]), 258: (3, [8, 8, 8]), 259: (3, [compression]), 262: (3, [YCBCR]),
            277: (3, [3]), 278: (3, [rows_a_strip * down]), 530: (3, [across, down])}
    orientation(random, tags)
    return tiff(random, random.choice("<>"), tags, pieces, False)


def jpeg_pieces(random):
    """Strips or tiles that are a JPEG each, of YCbCr, RGB, gray or CMYK."""
    mode = random.choice(["L", "RGB", "YCbCr", "YCbCr", "CMYK"])
    channels = {"L": 1, "RGB": 3, "YCbCr": 3, "CMYK": 4}[mode]
    width, height = side(random), side(random)
    tiled = random.random() < 0.4
    piece_width, piece_height = (16 * random.randint(1, 3), 16 * random.randint(1, 3)) if tiled else (width, 16 * random.randint(1, 3))
    subsampling = random.choice([0, 1, 2]) if mode == "YCbCr" else 0
    pixels = picture(random, channels, width, height).reshape(height, width, channels)
    pieces = []
    for piece in pieces_of(pixels, tiled, piece_width, piece_height):
        stream = io.BytesIO()
        image = Image.fromarray(piece[:, :, 0] if channels == 1 else piece, "L" if channels == 1 else "CMYK" if mode == "CMYK" else "RGB")
        image.save(stream, "jpeg", quality=random.choice([30, 75, 95]), subsampling=subsampling, keep_rgb=mode == "RGB")
        pieces.append(stream.getvalue())
    photometric = {"L": BLACK_IS_ZERO, "RGB": RGB, "YCbCr": YCBCR, "CMYK": CMYK}[mode]
    tags = {256: (3, [width]), 257: (3, [height]), 258: (3, [8] * channels), 259: (3, [JPEG]), 262: (3, [photometric]), 277: (3, [channels])}
    tags.update({322: (3, [piece_width]), 323: (3, [piece_height])} if tiled else {278: (3, [piece_height])})
    if mode == "YCbCr":
        tags[530] = (3, [[1, 1], [2, 1], [2, 2]][subsampling])
    orientation(random, tags)
    return tiff(random, random.choice("<>"), tags, pieces, tiled)


SAVED = {
    "1": [None, "tiff_ccitt", "group3", "group4", "packbits", "tiff_lzw", "tiff_adobe_deflate"],
    "L": [None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "lzma", "zstd"],
    "LA": [None, "tiff_lzw"],
    "P": [None, "tiff_lzw", "packbits"],
    "RGB": [None, "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "packbits", "jpeg", "jpeg", "lzma", "zstd"],
    "RGBX": [None, "tiff_lzw"],
    "RGBA": [None, "tiff_lzw", "tiff_adobe_deflate", "zstd"],
    "CMYK": [None, "tiff_lzw", "jpeg"],
    "YCbCr": [None, "tiff_lzw", "jpeg"],
    "I;16": [None, "tiff_lzw"],
    "I": [None, "tiff_adobe_deflate"],
    "F": [None, "tiff_lzw"],
}


def image_of(random, mode, size=()):
    if mode in ("I;16", "I", "F"):
        pixels = levels(random, 16 if mode == "I;16" else 32, {"I;16": UNSIGNED, "I": SIGNED, "F": FLOAT}[mode], size or (side(random), side(random)))
        return Image.fromarray(pixels)
    pixels = picture(random, {"1": 1, "L": 1, "LA": 2, "RGBX": 4, "RGBA": 4, "CMYK": 4}.get(mode, 3), *size[::-1])
    if mode == "P":
        return Image.fromarray(pixels).quantize(random.randint(2, 256))
    if mode in ("1", "YCbCr"):
        return Image.fromarray(pixels).convert(mode)
    return Image.frombytes(mode, pixels.shape[1::-1], pixels.tobytes())


def by_pillow(random, mode):
    compression = random.choice(SAVED[mode])
    image = image_of(random, mode)
    options = {"compression": compression} if compression else {}
    if compression == "jpeg":
        options["quality"] = random.choice([20, 75, 95])
    if random.random() < 0.3 and compression != "jpeg":
        options["tiffinfo"] = {278: random.randint(1, 9)}
    if random.random() < 0.2:
        options.update(save_all=True, append_images=[image_of(random, mode)])
    stream = io.BytesIO()
    image.save(stream, "tiff", big_tiff=random.random() < 0.2, **options)
    return stream.getvalue()


def files(random, count):
    others = {"subsampled": subsampled, "jpeg_pieces": jpeg_pieces, "jpeg_pieces_2": jpeg_pieces}
    names = [*KINDS, *others, *SAVED]
    for number in range(count):
        name = names[number % len(names)]
        if isinstance(name, tuple):
            yield f"{name[0]}.tiff", by_bytes(random, name)
        elif name in others:
            yield f"{name}.tiff", others[name](random)
        else:
            yield f"pillow_{name.replace(';', '_')}.tiff", by_pillow(random, name)

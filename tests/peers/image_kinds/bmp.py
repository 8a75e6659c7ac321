"""BMP: every header, depth and compression that Pillow reads, palettes of any length, gaps, run lengths that do not fit."""
import struct

import numpy

from .pictures import generator, picture, side

HEADERS = [40, 52, 56, 64, 108, 124]
MASKS_16 = [(0xF800, 0x7E0, 0x1F, 0), (0x7C00, 0x3E0, 0x1F, 0)]
MASKS_24 = [(0xFF0000, 0xFF00, 0xFF, 0)]
MASKS_32 = [(0xFF0000, 0xFF00, 0xFF, 0), (0xFF000000, 0xFF0000, 0xFF00, 0), (0xFF000000, 0xFF00, 0xFF, 0),
            (0xFF000000, 0xFF0000, 0xFF00, 0xFF), (0xFF, 0xFF00, 0xFF0000, 0xFF000000),
            (0xFF0000, 0xFF00, 0xFF, 0xFF000000), (0xFF000000, 0xFF00, 0xFF, 0xFF0000), (0, 0, 0, 0)]
RLE8, RLE4, BIT_FIELDS = 1, 2, 3


def header_of(size, width, height, bits, compression, data_bytes, colours, masks):
    if size == 12:
        return struct.pack("<IHHHH", 12, width, height, 1, bits)
    header = struct.pack("<IiiHHIIiiII", size, width, height, 1, bits, compression, data_bytes, 2835, 2835, colours, 0)
    return header + struct.pack("<4I", *masks)[:12 if size < 56 else 16] + bytes(size) if masks and size > 40 else header


def assembled(random, size, width, height, bits, data, compression=0, colours=0, palette=b"", masks=None):
    """A whole file, with what may stand before and behind the pixels."""
    header = header_of(size, width, height, bits, compression, len(data), colours, masks)
    if size > 12:
        header = header[:size].ljust(size, b"\0")
    if masks and size == 40:
        header += struct.pack("<3I", *masks[:3])
    gap = bytes(random.choices(range(256), k=random.choice([0, 0, 0, 1, 2, 68, 256 * 4])))
    offset = 14 + len(header) + len(palette) + len(gap)
    if not gap:
        offset = random.choice([offset, offset, offset, 0])
    if not gap and palette and random.random() < 0.2:
        offset = 14 + len(header)  # as if there were no palette
    tail = bytes(random.choice([0, 0, 2, 100]))
    total = 14 + len(header) + len(palette) + len(gap) + len(data) + len(tail)
    return b"BM" + struct.pack("<IHHI", total, 0, 0, offset) + header + palette + gap + data + tail


def rows_of(random, samples, bits):
    """Padded rows of [height, bytes of a row]; the last one sometimes ends with its pixels."""
    stride = (samples.shape[1] + 3) // 4 * 4
    data = b"".join(row.tobytes().ljust(stride, b"\0") for row in samples)
    return data[:len(data) - stride + samples.shape[1]] if random.random() < 0.1 else data


def palette_of(random, bits, entry):
    """Colours and their number in the header; a number of 0 stands for all."""
    kind = random.choice(["all", "all", "fewer", "more", "gray", "black_and_white", "one", "cut"])
    count = {"all": 1 << bits, "gray": 1 << bits, "black_and_white": 2, "one": 1}.get(kind) or random.randint(1, 1 << bits)
    if kind == "more":
        count = random.choice([(1 << bits) + 1, 256, 257, 300])
    colours = [[random.randrange(256) for _ in range(3)] for _ in range(count)]
    if kind in ("gray", "one") and random.random() < 0.7 or kind == "more" and random.random() < 0.3:
        colours = [[level % 256] * 3 for level in range(count)]
    if kind == "black_and_white":
        colours = random.choice([[[0] * 3, [255] * 3], [[255] * 3, [0] * 3], [[0] * 3, [1] * 3]])
    content = b"".join(bytes(colour) + bytes(entry - 3) for colour in colours)
    return content, 0 if kind in ("all", "cut") or kind == "gray" and random.random() < 0.5 else count


def indexed(random, bits, size):
    width, height = side(random), side(random)
    samples = generator(random).integers(0, 256, (height, (width * bits + 7) // 8)).astype(numpy.uint8)
    entry = 3 if size == 12 else 4
    palette, colours = palette_of(random, bits, entry)
    return assembled(random, size, width, signed(random, size, height), bits, rows_of(random, samples, bits),
                     colours=colours, palette=palette)


def signed(random, size, height):
    return -height if size != 12 and random.random() < 0.3 else height


def direct(random, bits, size, masks=None):
    """Of 16, 24 or 32 bits; some have a palette that nobody needs."""
    width, height = side(random), side(random)
    if bits == 16:
        samples = generator(random).integers(0, 256, (height, 2 * width)).astype(numpy.uint8)
    else:
        samples = picture(random, bits // 8, width, height).reshape(height, -1)
    palette = bytes(random.choices(range(256), k=4 * random.choice([0, 0, 6, 256])))
    return assembled(random, size, width, signed(random, size, height), bits, rows_of(random, samples, bits),
                     BIT_FIELDS if masks else 0, len(palette) // 4, palette, masks)


def literal(values, halves):
    """Pixels one by one, up to a whole word."""
    if halves:
        padded = values + [0] * (len(values) % 2)
        content = bytes(a << 4 | b for a, b in zip(padded[::2], padded[1::2]))
    else:
        content = bytes(values)
    return bytes([0, len(values)]) + content + bytes(len(content) % 2)


def runs_of(random, row, halves):
    """A row as runs and literals in turns."""
    data, at = b"", 0
    while at < len(row):
        length = min(random.randint(1, 20), len(row) - at)
        if length >= 3 and random.random() < 0.5:
            data += literal(row[at:at + length], halves)
        else:
            second = row[at + 1] if halves and length > 1 else row[at]
            data += bytes([length, row[at] << 4 | second if halves else row[at]])
        at += length
    return data


def sound_runs(random, width, height, halves):
    """Rows, some of which a movement leaves empty."""
    data = b""
    most = 16 if halves else 256
    while height > 0:
        if random.random() < 0.1:
            up = random.randint(1, min(height, 255))
            data += bytes([0, 2, 0, up])
            height -= up
            continue
        if width > 4 and random.random() < 0.2:
            data += bytes([0, 2, random.randint(1, min(width, 255)), 0])
            row = []  # the rest of it stays empty, too
        else:
            row = [random.randrange(most) for _ in range(random.choice([width, width, width, random.randint(1, width)]))]
        data += runs_of(random, row, halves) + (b"" if random.random() < 0.01 else b"\0\0")
        height -= 1
    return data + random.choice([b"\0\1", b"\0\1", b""])


def loose_runs(random, width, height, halves):
    """Commands in any order, which hardly fit the rows."""
    data, pixels = b"", 0
    while pixels < width * height:
        command = random.choice(["run", "run", "literal", "end", "move"])
        if command == "run":
            count = random.randint(1, min(255, 2 * width))
            data += bytes([count, random.randrange(256)])
            pixels += min(count, width) // 2
        elif command == "literal":
            values = [random.randrange(16 if halves else 256) for _ in range(random.randint(3, 40))]
            data += literal(values, halves)
            pixels += len(values)
        elif command == "end":
            data += b"\0\0"
        else:
            data += bytes([0, 2, random.randrange(10), random.randrange(2)])
    return data + bytes(random.choice([0, 50])) + b"\0\1"


def with_runs(random, compression, size):
    width, height = side(random), side(random)
    bits = random.choice([8, 8, 8, 4, 1]) if compression == RLE8 else random.choice([4, 4, 4, 8, 1])
    palette, colours = palette_of(random, bits, 4)
    runs = random.choice([sound_runs, sound_runs, loose_runs])(random, width, height, compression == RLE4)
    if random.random() < 0.05:
        runs = runs[:random.randint(0, len(runs))]
    return assembled(random, size, width, signed(random, size, height), bits, runs, compression, colours, palette)


def one(random, variety):
    size = random.choice(HEADERS)
    if variety.startswith("os2"):
        bits = int(variety[4:])
        return indexed(random, bits, 12) if bits <= 8 else direct(random, bits, 12)
    if variety.startswith("rle"):
        return with_runs(random, RLE8 if variety == "rle8" else RLE4, size)
    if variety.startswith("masks"):
        bits = int(variety[6:])
        masks = random.choice({16: MASKS_16, 24: MASKS_24, 32: MASKS_32}[bits])
        return direct(random, bits, random.choice([56, 64, 108, 124]) if masks[3] else size, masks)
    bits = int(variety)
    return indexed(random, bits, size) if bits <= 8 else direct(random, bits, size)


def files(random, count):
    varieties = [*map(str, [1, 4, 8, 16, 24, 32]), *[f"os2_{bits}" for bits in (1, 4, 8, 16, 24, 32)],
                 "masks_16", "masks_24", "masks_32", "rle8", "rle8", "rle4", "rle4"]
    for number in range(count):
        variety = varieties[number % len(varieties)]
        yield f"{variety}.bmp", one(random, variety)

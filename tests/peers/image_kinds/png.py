"""PNG: every colour type and depth, filters, interlacing, palettes of any length, transparent colours, chunks beside them."""
import io
import struct
import zlib

import numpy
from PIL import Image

from .pictures import generator, picture, side

DEPTHS = {0: [1, 2, 4, 8, 16], 2: [8, 16], 3: [1, 2, 4, 8], 4: [8, 16], 6: [8, 16]}
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
NAMES = {0: "gray", 2: "rgb", 3: "palette", 4: "gray_alpha", 6: "rgba"}
PASSES = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
WHOLE = [(0, 0, 1, 1)]


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def packed(row, depth):
    """A row of samples as bytes."""
    if depth == 16:
        return row.astype(">u2").tobytes()
    if depth == 8:
        return row.astype(numpy.uint8).tobytes()
    bits = (row.reshape(-1, 1) >> numpy.arange(depth - 1, -1, -1)) & 1
    return numpy.packbits(bits.astype(numpy.uint8)).tobytes()


def paeth(left, above, corner):
    guess = left + above - corner
    distances = [abs(guess - left), abs(guess - above), abs(guess - corner)]
    return [left, above, corner][distances.index(min(distances))]


def filtered(kind, row, before, step):
    def prediction(i):
        left, corner = (row[i - step], before[i - step]) if i >= step else (0, 0)
        return [0, left, before[i], (left + before[i]) // 2, paeth(left, before[i], corner)][kind]
    return bytes([kind]) + bytes((row[i] - prediction(i)) & 255 for i in range(len(row)))


def image_data(random, samples, depth, interlaced):
    """The rows of [height, width, channels] behind their filters."""
    step = max(1, samples.shape[2] * depth // 8)
    filters = random.choice([[0], [0, 1, 2, 3, 4]])
    data = b""
    for top, left, down, right in PASSES if interlaced else WHOLE:
        rows = samples[top::down, left::right]
        if rows.shape[1] == 0:
            continue
        before = None
        for row in rows:
            content = packed(row.reshape(-1), depth)
            data += filtered(random.choice(filters), content, before or bytes(len(content)), step)
            before = content
    return data


def ancillary(random, colour_type, depth):
    """Chunks that change no pixel that Pillow gives."""
    chunks = []
    if random.random() < 0.2:
        chunks.append(chunk(b"gAMA", struct.pack(">I", random.choice([45455, 100000]))))
    if random.random() < 0.2:
        chunks.append(chunk(b"pHYs", struct.pack(">IIB", 2835, 2835, 1)))
    if random.random() < 0.2:
        chunks.append(chunk(b"tEXt", b"Comment\0" + bytes(random.choices(range(32, 127), k=random.randint(0, 300)))))
    if random.random() < 0.2:
        chunks.append(chunk(b"vpAg", bytes(9)))
    return b"".join(chunks)


def colours(random, colour_type, depth):
    """Palette and transparent colours."""
    if colour_type == 3:
        count = random.choice([1 << depth, random.randint(1, 1 << depth)])
        palette = chunk(b"PLTE", bytes(random.choices(range(256), k=3 * count)))
        return palette + (chunk(b"tRNS", bytes(random.choices(range(256), k=random.randint(1, count)))) if random.random() < 0.3 else b"")
    if colour_type in (0, 2) and random.random() < 0.3:
        levels = [random.randrange(1 << depth) for _ in range(CHANNELS[colour_type])]
        return chunk(b"tRNS", struct.pack(f">{len(levels)}H", *levels))
    return b""


def by_bytes(random, colour_type, depth, interlaced):
    width, height = side(random), side(random)
    high = random.choice([1 << depth, min(1 << depth, 400)])  # 400: 16-bit gray on both sides of 255
    samples = generator(random).integers(0, high, (height, width, CHANNELS[colour_type]))
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, int(interlaced))
    data = zlib.compress(image_data(random, samples, depth, interlaced), random.choice([1, 6, 9]))
    parts = random.randint(1, 3)
    cut = [len(data) * part // parts for part in range(parts + 1)]
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + ancillary(random, colour_type, depth)
            + colours(random, colour_type, depth)
            + b"".join(chunk(b"IDAT", data[a:b]) for a, b in zip(cut, cut[1:])) + chunk(b"IEND", b""))


def by_pillow(random, mode):
    channels = {"1": 1, "L": 1, "P": 3, "LA": 2, "RGB": 3, "RGBA": 4}[mode]
    image = Image.fromarray(picture(random, channels))
    image = image.convert("1") if mode == "1" else image.quantize(random.randint(2, 256)) if mode == "P" else image
    stream = io.BytesIO()
    image.save(stream, "png", optimize=random.random() < 0.3)
    return stream.getvalue()


def files(random, count):
    kinds = [(colour_type, depth, interlaced) for interlaced in (False, True)
             for colour_type, depths in DEPTHS.items() for depth in depths]
    modes = ["1", "L", "P", "LA", "RGB", "RGBA"]
    for number in range(count):
        kind = number % (len(kinds) + len(modes))
        if kind < len(kinds):
            colour_type, depth, interlaced = kinds[kind]
            yield (f"{NAMES[colour_type]}_{depth}{'_interlaced' if interlaced else ''}.png",
                   by_bytes(random, colour_type, depth, interlaced))
        else:
            mode = modes[kind - len(kinds)]
            yield f"pillow_{mode}.png", by_pillow(random, mode)

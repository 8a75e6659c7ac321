"""GIF: both versions, interlaced, palettes of the file and of the frame, frames beside the canvas's corner, transparency, animations,
and what Pillow writes."""
import io
import struct

import numpy
from PIL import Image

from .pictures import generator, picture, side

PASSES = [(0, 8), (4, 8), (2, 4), (1, 2)]


def blocks(data):
    """Data in pieces of 255 bytes at most, each behind its length, and the end."""
    return b"".join(bytes([len(data[i:i + 255])]) + data[i:i + 255] for i in range(0, len(data), 255)) + b"\0"


def codes(random, pixels, bits):
    """LZW without a repetition: the table is cleared before its codes grow longer."""
    clear, size = 1 << bits, bits + 1
    text, since = [clear] if random.random() < 0.9 else [], 0
    for pixel in pixels:
        if since == clear - 2:
            text.append(clear)
            since = 0
        text.append(int(pixel))
        since += 1
    text.append(clear + 1)
    number = 0
    for place, code in enumerate(text):
        number |= code << (place * size)
    return bytes([bits]) + blocks(number.to_bytes((len(text) * size + 7) // 8, "little"))


def palette(random, bits):
    """Sometimes the grays that stand for no palette."""
    if random.random() < 0.2:
        return bytes(value for i in range(1 << bits) for value in (i, i, i))
    return bytes(random.choices(range(256), k=3 << bits))


def extensions(random, version):
    parts = []
    if version == b"89a":
        if random.random() < 0.3:
            parts.append(b"!\xfe" + blocks(bytes(random.choices(range(32, 127), k=random.randint(1, 400)))))
        if random.random() < 0.3:
            parts.append(b"!\xff\x0bNETSCAPE2.0" + blocks(struct.pack("<BH", 1, 0)))
        for _ in range(random.choice([0, 1, 1, 2])):
            flags = random.randrange(2) | random.randrange(4) << 2
            parts.append(b"!\xf9" + blocks(struct.pack("<BHB", flags, 10, random.choice([0, 1, 3, random.randrange(256)]))))
    random.shuffle(parts)
    return b"".join(parts)


def frame(random, bits, left, top, width, height):
    interlaced = random.random() < 0.4
    local = palette(random, bits) if random.random() < 0.4 else b""
    flags = (0x80 | bits - 1 if local else 0) | (0x40 if interlaced else 0)
    pixels = generator(random).integers(0, 1 << bits, (height, width))
    rows = [y for first, step in PASSES for y in range(first, height, step)] if interlaced else range(height)
    content = pixels[list(rows)].reshape(-1)
    return b"," + struct.pack("<HHHHB", left, top, width, height, flags) + local + codes(random, content, max(bits, 2))


def by_bytes(random, name):
    version = b"87a" if name == "87a" else b"89a"
    bits = random.randint(1, 8)
    width, height = side(random), side(random)
    left, top, canvas = 0, 0, (width, height)
    if name == "placed":  # smaller than the canvas, and sometimes over its edge
        left, top = random.randint(0, 9), random.randint(0, 9)
        canvas = (width + left + random.randint(-3, 9), height + top + random.randint(-3, 9))
    canvas = [max(1, value) for value in canvas]
    table = palette(random, random.choice([bits, random.randint(1, 8)])) if random.random() < 0.8 else b""
    flags = 0x80 | (len(table) // 3).bit_length() - 2 if table else 0
    start = b"GIF" + version + struct.pack("<HHBBB", *canvas, flags, random.randrange(256), 0) + table
    frames = [extensions(random, version) + frame(random, bits, left, top, width, height)]
    for _ in range(random.randint(1, 3) if name == "animated" else 0):
        frames.append(extensions(random, version) + frame(random, bits, 0, 0, width, height))
    return start + b"".join(frames) + random.choice([b";", b"", b";rest"])


def by_pillow(random, name):
    images = [Image.fromarray(picture(random, 3, 40, 30)) if name == "pillow_animated" else
              Image.fromarray(picture(random, random.choice([1, 3, 4]))) for _ in range(3 if name == "pillow_animated" else 1)]
    if random.random() < 0.5:
        images = [image.convert("RGB").quantize(random.randint(2, 256)) for image in images]
    stream = io.BytesIO()
    options = {"transparency": random.randrange(4)} if random.random() < 0.3 and images[0].mode == "P" else {}
    images[0].save(stream, "gif", save_all=len(images) > 1, append_images=images[1:], interlace=random.randrange(2),
                   optimize=random.random() < 0.5, **options)
    return stream.getvalue()


def long_codes(random):
    """Large enough that the table is full and goes on being used."""
    pixels = generator(random).integers(0, 256, (150, 150)).astype(numpy.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "gif")
    return stream.getvalue()


def files(random, count):
    names = ["87a", "89a", "placed", "animated", "pillow", "pillow_animated"]
    for number in range(count):
        name = names[number % len(names)]
        if number % 97 == 96:
            yield "long_codes.gif", long_codes(random)
        elif name.startswith("pillow"):
            yield f"{name}.gif", by_pillow(random, name)
        else:
            yield f"{name}.gif", by_bytes(random, name)

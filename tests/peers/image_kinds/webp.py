"""WebP: lossy and lossless at every effort, alpha, profiles and EXIF beside the image, animations whose first frame is smaller
than the canvas."""
import io
import struct

from PIL import Image

from .pictures import picture


def encoded(random, image, **options):
    stream = io.BytesIO()
    image.save(stream, "webp", method=random.randint(0, 6), **options)
    return stream.getvalue()


def chunk(name, body):
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def chunks_of(content):
    """Those of a file, each whole."""
    at = 12
    while at < len(content):
        length = struct.unpack("<I", content[at + 4:at + 8])[0]
        yield content[at:at + 4], content[at:at + 8 + length + length % 2]
        at += 8 + length + length % 2


def riff(parts):
    body = b"WEBP" + b"".join(parts)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def size_of(width, height):
    return (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")


def animation(random):
    """The first frame anywhere on the canvas, with any way of blending it with what was there before: nothing."""
    frames = []
    width = height = 0
    for _ in range(random.randint(1, 3)):
        pixels = picture(random, random.choice([3, 4]))
        rows, columns = pixels.shape[:2]
        left, top = 2 * random.randint(0, 9), 2 * random.randint(0, 9)
        width, height = max(width, left + columns), max(height, top + rows)
        content = encoded(random, Image.fromarray(pixels), lossless=random.random() < 0.4, quality=random.randint(0, 100))
        image = b"".join(whole for name, whole in chunks_of(content) if name in (b"ALPH", b"VP8 ", b"VP8L"))
        place = (left // 2).to_bytes(3, "little") + (top // 2).to_bytes(3, "little")
        frames.append(chunk(b"ANMF", place + size_of(columns, rows) + (50).to_bytes(3, "little")
                            + bytes([random.randrange(4)]) + image))
    width, height = width + random.randint(0, 9), height + random.randint(0, 9)
    flags = 0x02 | (0x10 if random.random() < 0.7 else 0)
    background = bytes(random.choices(range(256), k=4))
    return riff([chunk(b"VP8X", bytes([flags, 0, 0, 0]) + size_of(width, height)),
                 chunk(b"ANIM", background + b"\0\0"), *frames])


def files(random, count):
    names = ["lossy", "lossless", "lossy_alpha", "lossless_alpha", "near_lossless_exact", "metadata", "animation",
             "pillow_animation", "gray"]
    for number in range(count):
        name = names[number % len(names)]
        image = Image.fromarray(picture(random, 4 if "alpha" in name or "exact" in name else 3))
        quality = random.choice([0, 100, random.randint(0, 100)])
        if name == "animation":
            content = animation(random)
        elif name == "pillow_animation":
            images = [Image.fromarray(picture(random, random.choice([3, 4]), 33, 22)) for _ in range(random.randint(2, 4))]
            content = encoded(random, images[0], save_all=True, append_images=images[1:], quality=quality,
                              lossless=random.random() < 0.5, minimize_size=random.random() < 0.3)
        elif name == "metadata":
            exif = Image.Exif()
            exif[0x0112] = random.randint(1, 8)
            content = encoded(random, image, quality=quality, exif=exif, icc_profile=bytes(random.choices(range(256), k=301)),
                              lossless=random.random() < 0.3)
        elif name == "near_lossless_exact":
            content = encoded(random, image, lossless=True, exact=True, quality=quality)
        elif name == "gray":
            content = encoded(random, Image.fromarray(picture(random, 1)), quality=quality)
        else:
            content = encoded(random, image, quality=quality, lossless="lossless" in name,
                              alpha_quality=random.choice([0, 50, 100]))
        yield f"{name}.webp", content

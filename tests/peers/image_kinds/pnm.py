"""PBM, PGM and PPM, binary and plain, with any maximum up to 65535, and gray PFM; headers with comments everywhere."""
import numpy

from .pictures import generator, picture, side

VARIETIES = ["P1", "P2", "P3", "P4", "P5", "P6", "Pf"]


def comment(random):
    return b"#" + bytes(random.choices(b"abc 123#", k=random.randint(0, 12))) + random.choice([b"\n", b"\r"])


def space(random):
    text = random.choice([b" ", b"\n", b"\t", b"\r", b"\v", b"\f", b"  ", b"\r\n"])
    return text + (comment(random) + random.choice([b"", b" "]) if random.random() < 0.2 else b"")


def maximum(random):
    return random.choice([255, 255, 1, 2, 100, 254, 256, 1000, 65535, random.randint(1, 65535)])


def header(random, magic, *numbers):
    """Ends with one space: samples may begin with what looks like more."""
    content = magic + random.choice([b" ", b"\n", b"\r\n", b"\t"])
    for number in numbers[:-1]:
        content += (comment(random) if random.random() < 0.1 else b"") + str(number).encode() + space(random)
    return content + str(numbers[-1]).encode() + random.choice([b"\n", b" ", b"\t"])


def samples(random, width, height, channels, largest):
    levels = picture(random, channels, width, height).reshape(-1).astype(int)
    if random.random() < 0.5:
        return levels * largest // 255
    return generator(random).integers(0, min(largest, random.choice([400, 65535])) + 1, levels.size)


def plain(random, values):
    words = [str(value).encode() for value in values]
    if random.random() < 0.2:
        words = [b"0" * random.randint(0, 3) + word for word in words]
    content = b""
    for word in words:
        content += word + space(random)
    return content.rstrip() if random.random() < 0.3 else content


def bits_as_text(random, values):
    separators = random.choice([[b""], [b" "], [b"", b" ", b"\n"]])
    content = b"".join(b"%d" % value + random.choice(separators) for value in values)
    return content + random.choice([b"", b"\n"])


def one(random, magic):
    width, height = side(random), side(random)
    name = magic.encode()
    if magic in ("P1", "P4"):
        bits = generator(random).integers(0, 2, (height, width))
        data = bits_as_text(random, bits.reshape(-1)) if magic == "P1" else numpy.packbits(bits.astype(numpy.uint8), axis=1).tobytes()
        return header(random, name, width, height) + data
    if magic == "Pf":
        scale = random.choice(["-1.0", "1.0", "1", "-0.5", "2e3", "-1e-3"])
        values = generator(random).uniform(-50, 300, (height, width)) * random.choice([1, 1, 0.004])
        return header(random, name, width, height, scale) + values.astype("<f4" if scale[0] == "-" else ">f4").tobytes()
    channels, largest = (3 if magic in ("P3", "P6") else 1), maximum(random)
    values = samples(random, width, height, channels, largest)
    if magic in ("P2", "P3"):
        return header(random, name, width, height, largest) + plain(random, values)
    return header(random, name, width, height, largest) + values.astype(">u2" if largest > 255 else numpy.uint8).tobytes()


def files(random, count):
    endings = {"1": "pbm", "4": "pbm", "2": "pgm", "5": "pgm", "3": "ppm", "6": "ppm", "f": "pfm"}
    for number in range(count):
        magic = VARIETIES[number % len(VARIETIES)]
        yield f"{magic}.{endings[magic[1]]}", one(random, magic)

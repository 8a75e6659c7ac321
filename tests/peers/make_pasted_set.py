"""Generates an ImageFolder of characters, flags or emoji of Debian's packages: each image has one of them, at any place, scale
and angle, in any light, before a background that says nothing about it.

    make_pasted_set.py OUT --kind characters|flags|emoji [--classes 120] [--train 25] [--val 10] [--size 32] [--seed 0]

    characters   fonts-dejavu-extra fonts-liberation fonts-freefont-ttf fonts-noto-core: Latin, Greek and Cyrillic letters
                 and digits without those that look alike, in any colours; validation has fonts of its own
    flags        iso-flags-png-320x240: at angles up to 25 degrees, a part of them outside of the image
    emoji        fonts-noto-color-emoji

OUT/train/CLASS and OUT/val/CLASS are written. The same arguments and packages give the same files. Needs Pillow, numpy,
and fontconfig's fc-list for the characters.
"""

import argparse
import pathlib
import subprocess
import sys

import golden_folder  # noqa: F401
import numpy
from PIL import Image, ImageDraw, ImageFont

FLAGS = pathlib.Path("/usr/share/iso-flags-png-320x240")
EMOJI = pathlib.Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
DETAIL = 128  # side of what is pasted, before it is turned and made small

# No letter that is another's double, capital, or mirror image in most fonts.
CHARACTERS = ("23456789ABDEFGHJKLMNQRTUYabdefghmnqrty" "ΓΔΘΛΞΠΣΦΨΩαβγδεζηθλμξπσφψω" "БДЁЖИЙЛЦЧШЩЪЫЭЮЯбджилцчшщъыэюя"
              "&@#$%?§€£¥ßþđłøæœŋ")  # fmt: skip
EMOJI_RANGES = [(0x1F32D, 0x1F37C), (0x1F400, 0x1F43E), (0x1F680, 0x1F6A2), (0x1F380, 0x1F393), (0x1F3A0, 0x1F3C4)]


def font_files():
    """The fonts of the packages above that have all CHARACTERS, sorted."""
    points = " ".join(f"{ord(c):x}" for c in CHARACTERS)
    listed = subprocess.run(["fc-list", f":charset={points}", "file"], capture_output=True, text=True, check=True).stdout
    files = sorted({line.split(":")[0] for line in listed.splitlines()})
    known = [f for f in files if any(part in f for part in ("dejavu", "liberation", "freefont", "noto")) and "Emoji" not in f]
    if len(known) < 12:
        sys.exit("make_pasted_set: too few fonts: install fonts-dejavu-extra fonts-liberation fonts-freefont-ttf fonts-noto-core")
    return known


def glyph(character, font, fill):
    """RGBA, the character's box as large as it can be."""
    image = Image.new("RGBA", (2 * DETAIL, 2 * DETAIL))
    ImageDraw.Draw(image).text((DETAIL, DETAIL), character, font=font, fill=fill, anchor="mm", embedded_color=True)
    image = image.crop(image.getbbox() or (0, 0, 1, 1))
    side = max(image.size)
    square = Image.new("RGBA", (side, side))
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return square.resize((DETAIL, DETAIL), Image.Resampling.BILINEAR)


class Characters:
    angle, scales, names = 12, (0.7, 1.0), [f"u{ord(c):04x}" for c in CHARACTERS]
    light, blots = (20, 110), 2  # of the background: letters are brighter

    def __init__(self):
        fonts = [ImageFont.truetype(file, DETAIL) for file in font_files()]
        self.fonts = {"train": [f for i, f in enumerate(fonts) if i % 4], "val": fonts[::4]}

    def draw(self, random, label, part):
        fonts = self.fonts[part]
        fill = tuple(int(v) for v in random.integers(140, 256, 3)) + (255,)
        return glyph(CHARACTERS[label], fonts[random.integers(len(fonts))], fill)


class Flags:
    angle, scales, light, blots = 25, (0.6, 1.1), (20, 235), 4

    def __init__(self):
        files = sorted(FLAGS.glob("[a-z][a-z].png"))
        if not files:
            sys.exit(f"make_pasted_set: no flags in {FLAGS}: install iso-flags-png-320x240")
        seen, self.images, self.names = set(), [], []
        for file in files:  # some lands share a flag
            image = Image.open(file).convert("RGBA").resize((DETAIL, DETAIL * 3 // 4), Image.Resampling.BILINEAR)
            if image.tobytes() not in seen:
                seen.add(image.tobytes())
                self.images.append(image)
                self.names.append(file.stem)

    def draw(self, random, label, part):
        square = Image.new("RGBA", (DETAIL, DETAIL))
        square.paste(self.images[label], (0, DETAIL // 8))
        return square


class Emoji:
    angle, scales, light, blots = 30, (0.5, 0.95), (20, 235), 4

    def __init__(self):
        if not EMOJI.exists():
            sys.exit(f"make_pasted_set: {EMOJI} is missing: install fonts-noto-color-emoji")
        font = ImageFont.truetype(str(EMOJI), 109)
        self.points = [p for first, last in EMOJI_RANGES for p in range(first, last + 1)]
        self.images = [glyph(chr(p), font, (0, 0, 0, 255)) for p in self.points]
        self.names = [f"u{p:05x}" for p in self.points]

    def draw(self, random, label, part):
        return self.images[label]


def background(random, kind, size):
    """Two colours in a slow wave, and some blots of others."""
    y, x = numpy.mgrid[0:size, 0:size] / size
    first, second = random.uniform(*kind.light, (2, 3))
    a, b, c = random.normal(0, 4, 3)
    mix = (0.5 + 0.5 * numpy.sin(a * x + b * y + c))[:, :, None]
    image = Image.fromarray((first * mix + second * (1 - mix)).astype(numpy.uint8))
    draw = ImageDraw.Draw(image)
    for _ in range(random.integers(0, kind.blots)):
        at, radius = random.uniform(0, size, 2), random.uniform(0.04, 0.15) * size
        colour = tuple(int(v) for v in random.integers(*kind.light, 3))
        (draw.ellipse if random.random() < 0.5 else draw.rectangle)([*(at - radius), *(at + radius)], fill=colour)
    return image


def picture(random, kind, label, part, size):
    thing = kind.draw(random, label, part)
    side = max(8, round(size * random.uniform(*kind.scales)))
    thing = thing.rotate(random.uniform(-kind.angle, kind.angle), Image.Resampling.BILINEAR, expand=True)
    width = round(side * thing.width / DETAIL)
    thing = thing.resize((width, width), Image.Resampling.BILINEAR)
    image = background(random, kind, size)
    # Anywhere; up to a tenth of it may be outside.
    low, high = -0.1 * width, size - 0.9 * width
    image.paste(thing, tuple(round(random.uniform(min(low, high), max(low, high))) for _ in range(2)), thing)
    pixels = numpy.asarray(image).astype(float)
    light = random.uniform(0.6, 1.2) * random.uniform(0.85, 1.15, 3)  # and its colour
    pixels = (pixels - 128) * random.uniform(0.7, 1.1) + 128
    pixels = pixels * light + random.normal(0, random.uniform(1, 10), pixels.shape)
    return Image.fromarray(pixels.clip(0, 255).astype(numpy.uint8))


KINDS = {"characters": Characters, "flags": Flags, "emoji": Emoji}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=pathlib.Path, help="the folder to write; it must not exist")
    parser.add_argument("--kind", choices=KINDS, required=True)
    parser.add_argument("--classes", type=int, default=120)
    parser.add_argument("--train", type=int, default=25, help="images a class")
    parser.add_argument("--val", type=int, default=10, help="images a class")
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    kind = KINDS[options.kind]()
    if not 1 <= options.classes <= len(kind.names):
        parser.error(f"there are {len(kind.names)} classes of {options.kind}")
    # Spread over all of them, so that few classes are not all of one alphabet.
    labels = [i * len(kind.names) // options.classes for i in range(options.classes)]
    for label in labels:
        for number, (part, count) in enumerate((("train", options.train), ("val", options.val))):
            folder = options.out / part / kind.names[label]
            folder.mkdir(parents=True)
            for i in range(count):
                random = numpy.random.default_rng([options.seed, label, number, i])
                picture(random, kind, label, part, options.size).save(folder / f"{i:04}.png")
    print(f"{len(labels)} classes of {options.kind}, {options.train} + {options.val} images each, in {options.out}")


if __name__ == "__main__":
    main()

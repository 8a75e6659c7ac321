#!/usr/bin/env python3
"""Generates an ImageFolder of JPEG images that can be learned, but not at a glance.

    make_image_folder.py OUT [--classes 100] [--train 100] [--val 20] [--size 80] [--seed 0]

A class is a combination of a shape, a hue and a texture. Everything else is drawn anew for each image: place, scale,
angle, the exact hue, contrast, a background of waves in other colours, small distracting shapes, noise, the quality
of the JPEG. No single feature gives the class away: about as many classes share each shape, hue and texture.

OUT/train/CLASS and OUT/val/CLASS are written, and OUT/contact_sheet.jpg with a row of images for some classes: all of
it, or nothing. The same arguments give the same files. Needs Pillow and numpy.

Exit codes: 0 done; 1 the work failed, as on a full disk; 2 something on the command line has to be put right.
"""

import argparse
import colorsys
import itertools
import os
import shutil
import sys
import tempfile
from pathlib import Path

try:
    import numpy
    from PIL import Image, ImageDraw
except ModuleNotFoundError as missing:
    print(f"make_image_folder: {missing.name} is not installed: Pillow and numpy are needed", file=sys.stderr)
    sys.exit(2)

SHAPES = ["disc", "square", "triangle", "star", "ring", "cross", "crescent", "bar"]
HUES = {"red": 0.0, "orange": 0.09, "green": 0.33, "cyan": 0.5, "blue": 0.64, "magenta": 0.85}
TEXTURES = ["plain", "stripes", "dots", "checks", "gradient"]
OVERSAMPLING = 2  # masks are drawn at this scale, so that their edges are smooth


def class_list(count):
    """`count` combinations, spread evenly over shapes, hues and textures."""
    every = list(itertools.product(range(len(SHAPES)), range(len(HUES)), range(len(TEXTURES))))
    order = numpy.random.default_rng(20).permutation(len(every))
    return sorted(every[i] for i in order[:count])


def class_name(combination):
    shape, hue, texture = combination
    return f"{list(HUES)[hue]}_{TEXTURES[texture]}_{SHAPES[shape]}"


def outline(shape, radius):
    """Corners of a shape round the origin."""
    def on_circle(count, radii):
        angles = numpy.arange(count) * 2 * numpy.pi / count - numpy.pi / 2
        return numpy.stack([numpy.cos(angles), numpy.sin(angles)], 1) * radius * numpy.resize(radii, count)[:, None]

    if shape in ("disc", "ring", "crescent"):
        return on_circle(48, [1.0])
    if shape == "square":
        return on_circle(4, [1.15])
    if shape == "triangle":
        return on_circle(3, [1.2])
    if shape == "star":
        return on_circle(10, [1.25, 0.5])
    if shape == "bar":
        return numpy.array([[-1.3, -0.4], [1.3, -0.4], [1.3, 0.4], [-1.3, 0.4]]) * radius
    arm = 0.38
    cross = [(-arm, -1.1), (arm, -1.1), (arm, -arm), (1.1, -arm), (1.1, arm), (arm, arm),
             (arm, 1.1), (-arm, 1.1), (-arm, arm), (-1.1, arm), (-1.1, -arm), (-arm, -arm)]  # fmt: skip
    return numpy.array(cross) * radius


def shape_mask(shape, size, centre, radius, angle):
    """[size, size] in 0 … 1: where the shape is."""
    turn = numpy.array([[numpy.cos(angle), numpy.sin(angle)], [-numpy.sin(angle), numpy.cos(angle)]])
    image = Image.new("L", (size * OVERSAMPLING,) * 2)
    draw = ImageDraw.Draw(image)

    def polygon(corners, offset, fill):
        placed = ((corners + offset) @ turn + centre) * OVERSAMPLING
        draw.polygon([tuple(point) for point in placed], fill=fill)

    polygon(outline(shape, radius), 0.0, 255)
    if shape == "ring":
        polygon(outline("disc", 0.58 * radius), 0.0, 0)
    if shape == "crescent":
        polygon(outline("disc", 0.85 * radius), numpy.array([0.5 * radius, 0.0]), 0)
    return numpy.asarray(image.resize((size, size), Image.Resampling.BOX)) / 255.0


def texture_pattern(texture, x, y, period):
    """Brightness in 0 … 1 over coordinates that turn with the shape."""
    if texture == "stripes":
        return (numpy.sin(2 * numpy.pi * x / period) > 0).astype(float)
    if texture == "dots":
        return (numpy.cos(2 * numpy.pi * x / period) + numpy.cos(2 * numpy.pi * y / period) > 0.7).astype(float)
    if texture == "checks":
        return (numpy.sin(2 * numpy.pi * x / period) * numpy.sin(2 * numpy.pi * y / period) > 0).astype(float)
    if texture == "gradient":
        return numpy.clip(0.5 + x / (5 * period), 0, 1)
    return numpy.ones_like(x)


def colour(hue, saturation, value):
    return 255 * numpy.array(colorsys.hsv_to_rgb(hue % 1.0, saturation, value))


def background(random, size, x, y):
    """Two colours mixed by slow waves, so that no colour of an image is proof of its class."""
    first = colour(random.random(), random.uniform(0.1, 0.6), random.uniform(0.2, 0.9))
    second = colour(random.random(), random.uniform(0.1, 0.6), random.uniform(0.2, 0.9))
    mix = numpy.zeros((size, size))
    for _ in range(3):
        a, b = random.normal(0, 0.09, 2)
        mix += numpy.sin(a * x + b * y + random.uniform(0, 6.3))
    mix = (0.5 + mix / 6)[:, :, None]
    return first * (1 - mix) + second * mix


def draw_image(random, combination, size):
    shape, hue, texture = combination
    y, x = numpy.mgrid[0:size, 0:size] + 0.5
    image = background(random, size, x, y)
    for _ in range(random.integers(1, 5)):  # distractors: small, of any shape and hue
        mask = shape_mask(SHAPES[random.integers(len(SHAPES))], size, random.uniform(0, size, 2),
                          random.uniform(0.04, 0.09) * size, random.uniform(0, 6.3))[:, :, None]
        image = image * (1 - mask) + mask * colour(random.random(), 0.7, random.uniform(0.3, 1.0))

    radius = random.uniform(0.2, 0.36) * size
    centre = random.uniform(0.85 * radius, size - 0.85 * radius, 2)
    angle = random.uniform(-0.6, 0.6) if SHAPES[shape] in ("square", "cross") else random.uniform(0, 6.3)
    mask = shape_mask(SHAPES[shape], size, centre, radius, angle)[:, :, None] * random.uniform(0.85, 1.0)
    along = (x - centre[0]) * numpy.cos(angle) + (y - centre[1]) * numpy.sin(angle)
    across = (y - centre[1]) * numpy.cos(angle) - (x - centre[0]) * numpy.sin(angle)
    pattern = texture_pattern(TEXTURES[texture], along, across, radius * random.uniform(0.4, 0.6))[:, :, None]
    exact_hue = list(HUES.values())[hue] + random.normal(0, 0.015)
    bright = colour(exact_hue, random.uniform(0.65, 1.0), random.uniform(0.7, 1.0))
    dark = colour(exact_hue, random.uniform(0.65, 1.0), random.uniform(0.2, 0.4))
    image = image * (1 - mask) + mask * (dark + (bright - dark) * pattern)

    image = (image - 128) * random.uniform(0.6, 1.15) + 128 + random.uniform(-25, 25)
    image += random.normal(0, random.uniform(2, 16), image.shape)
    return Image.fromarray(image.clip(0, 255).astype(numpy.uint8))


def contact_sheet(out, names, size, columns=10, rows=12):
    chosen = names[:: max(1, len(names) // rows)][:rows]
    sheet = Image.new("RGB", (columns * size, len(chosen) * size))
    for row, name in enumerate(chosen):
        for column, file in enumerate(sorted((out / "train" / name).iterdir())[:columns]):
            sheet.paste(Image.open(file), (column * size, row * size))
    sheet.save(out / "contact_sheet.jpg", quality=90)


def whole_number(low, high):
    def parse(text):
        value = int(text) if text.isascii() and text.isdigit() else -1
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"a whole number from {low} to {high} is needed")
        return value

    return parse


class Parser(argparse.ArgumentParser):
    def _print_message(self, message, file=None):
        (file or sys.stderr).write(message)  # argparse's own drops a failure


def parse_arguments():
    parser = Parser(description=__doc__.splitlines()[0])
    count = whole_number(1, 1_000_000)
    most_classes = len(SHAPES) * len(HUES) * len(TEXTURES)
    parser.add_argument("out", type=Path, help="the folder to write; it must not exist")
    parser.add_argument("--classes", type=whole_number(1, most_classes), default=100, metavar="N")
    parser.add_argument("--train", type=count, default=100, metavar="N", help="training images a class")
    parser.add_argument("--val", type=count, default=20, metavar="N", help="validation images a class")
    parser.add_argument("--size", type=whole_number(8, 4096), default=80, metavar="N", help="side of an image in pixels")
    parser.add_argument("--seed", type=whole_number(0, 2**63 - 1), default=0, metavar="N")
    arguments = parser.parse_args()
    if os.path.lexists(arguments.out):
        parser.error(f"{printable(arguments.out)} exists already; name a new folder")
    if not arguments.out.parent.is_dir():
        parser.error(f"there is no folder {printable(arguments.out.parent)} to make it in")
    return arguments


def printable(path):
    """Without what a terminal would obey, on one line."""
    return repr(os.fsencode(path).decode("utf-8", "backslashreplace"))


def draw_all(folder, arguments):
    combinations = class_list(arguments.classes)
    for label, combination in enumerate(combinations):
        for part, (name, count) in enumerate([("train", arguments.train), ("val", arguments.val)]):
            class_folder = folder / name / class_name(combination)
            class_folder.mkdir(parents=True)
            for i in range(count):
                random = numpy.random.default_rng([arguments.seed, label, part, i])
                image = draw_image(random, combination, arguments.size)
                image.save(class_folder / f"{i:04}.jpg", quality=int(random.integers(60, 95)))
    contact_sheet(folder, [class_name(c) for c in combinations], arguments.size)


def make_folder(arguments):
    """Draws beside OUT and renames, so that OUT is there whole or not at all."""
    out = arguments.out
    place = Path(tempfile.mkdtemp(prefix="make_image_folder-", dir=out.parent))
    try:
        draw_all(place / "drawn", arguments)  # whose mode the umask decides
        os.rename(place / "drawn", out)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def main():
    arguments = parse_arguments()
    make_folder(arguments)
    print(f"{arguments.classes} classes, {arguments.train} + {arguments.val} images each, in {printable(arguments.out)}")


if __name__ == "__main__":
    if sys.stdout is None:
        sys.exit("make_image_folder: the standard output is closed")
    try:
        try:
            main()
        finally:
            sys.stdout.flush()  # here, where a failure can still be told: a full disk, a pipe that nobody reads
    except OSError as error:
        sys.stdout = None  # what could not be written is not tried again at the exit
        sys.exit(f"make_image_folder: {error.strerror or error}")

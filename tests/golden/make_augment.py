"""Writes augment.json: what torchvision's transforms make of PIL images, as checksums of the pixels.

    python tests/golden/make_augment.py

needs torchvision, Pillow and numpy. The images are made by a formula that the test knows too.
"""
import json
import pathlib
import random
import zlib

import missing_packages  # noqa: F401
import numpy as np
import PIL
import torchvision
import torchvision.transforms.functional as F
from PIL import Image
from torchvision.transforms import InterpolationMode

SIZES = [(64, 64), (224, 224), (37, 53), (101, 64)]


def picture(kind, height, width, seed):
    """0: noise, 1: flat, 2: waves with a little noise, narrow in its values."""
    state = np.empty(height * width * 3, np.uint32)
    value = seed
    for i in range(state.size):
        value = (value * 1664525 + 1013904223) & 0xFFFFFFFF
        state[i] = value >> 24
    noise = state.reshape(height, width, 3)
    if kind == 0:
        pixels = noise
    elif kind == 1:
        pixels = np.full((height, width, 3), seed % 256)
    else:
        y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
        pixels = 40 + (x * (1 + seed % 3) + y * (c + 1)) % 120 + noise % 16
    return Image.fromarray(pixels.astype(np.uint8))


def operations(image, rng):
    """(name, arguments, result) of every op at random parameters."""
    width, height = image.size
    factor = rng.uniform(0, 2)
    yield "brightness", [factor], F.adjust_brightness(image, factor)
    yield "contrast", [factor], F.adjust_contrast(image, factor)
    yield "saturation", [factor], F.adjust_saturation(image, factor)
    yield "sharpness", [factor], F.adjust_sharpness(image, factor)
    hue = rng.uniform(-0.5, 0.5)
    yield "hue", [hue], F.adjust_hue(image, hue)
    yield "grayscale", [], F.to_grayscale(image, 3)
    bits = rng.randint(1, 8)
    yield "posterize", [bits], F.posterize(image, bits)
    threshold = rng.choice([0, 128, 256, rng.uniform(0, 256)])
    yield "solarize", [threshold], F.solarize(image, threshold)
    yield "invert", [], F.invert(image)
    yield "autocontrast", [], F.autocontrast(image)
    yield "equalize", [], F.equalize(image)
    yield "flip_horizontal", [], F.hflip(image)
    yield "flip_vertical", [], F.vflip(image)
    angle = rng.choice([rng.uniform(-180, 180), rng.uniform(-180, 180), 0, 90, 180, 270, -90])
    fill = [rng.randint(0, 255) for _ in range(3)]
    yield "rotate", [angle, *fill], F.rotate(image, angle, fill=fill)
    slope = rng.uniform(-45, 45)
    yield "shear_x", [slope], F.affine(image, 0.0, [0, 0], 1.0, [slope, 0.0], center=[0, 0])
    yield "shear_y", [slope], F.affine(image, 0.0, [0, 0], 1.0, [0.0, slope], center=[0, 0])
    x, y = rng.randint(-60, 60), rng.randint(-60, 60)
    yield "translate", [x, y], F.affine(image, 0.0, [x, y], 1.0, [0.0, 0.0])
    turn = rng.choice([0.0, rng.uniform(-180, 180)])
    scale, slant = rng.uniform(0.4, 2), [rng.uniform(-30, 30), rng.uniform(-30, 30)]
    yield "affine", [turn, x, y, scale, *slant], F.affine(image, turn, [x, y], scale, slant)
    yield "zoom", [scale], F.affine(image, 0.0, [0, 0], scale, [0.0, 0.0])
    out_height, out_width = rng.randint(1, 250), rng.randint(1, 250)
    box_width, box_height = rng.randint(1, width), rng.randint(1, height)
    left, top = rng.randint(0, width - box_width), rng.randint(0, height - box_height)
    yield ("resized_crop", [left, top, box_width, box_height, out_width, out_height],
           F.resized_crop(image, top, left, box_height, box_width, [out_height, out_width],
                          InterpolationMode.BILINEAR))
    yield ("crop", [left - 20, top - 20, out_width, out_height],
           F.crop(image, top - 20, left - 20, out_height, out_width))


def main():
    rng = random.Random(7)
    cases = []
    for number, (height, width) in enumerate(SIZES * 3):
        kind, seed = number // len(SIZES), 11 * number + 5
        image = picture(kind, height, width, seed)
        for name, arguments, result in operations(image, rng):
            cases.append({"height": height, "width": width, "kind": kind, "seed": seed, "op": name,
                          "arguments": arguments, "crc32": zlib.crc32(result.tobytes())})
    path = pathlib.Path(__file__).with_name("augment.json")
    lines = ",\n".join(json.dumps(case) for case in cases)
    path.write_text(f'{{"torchvision": "{torchvision.__version__}", "pillow": "{PIL.__version__}", "cases": [\n{lines}\n]}}\n')
    print(f"{len(cases)} cases in {path}")


if __name__ == "__main__":
    main()

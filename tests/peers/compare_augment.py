"""Compares augmentation with the installed torchvision and Pillow on random cases, byte for byte.

    ninja -C build/release run_augment
    python tests/peers/compare_augment.py --cases 5000 [--device cpu|reference|simt] [--seed N] [--only CASE]

A case is an image (photograph, noise or flat; any size up to 300) and a pipeline of one to eight functions with
random parameters. Prints each case that differs, with how to run it again, and exits with 1 if there is any.
"""
import argparse
import collections
import importlib.util
import json
import pathlib
import random
import subprocess
import sys

import golden_folder  # noqa: F401
import numpy as np
import PIL
import torchvision
import torchvision.transforms.functional as F
from PIL import Image
from torchvision.transforms import InterpolationMode

ROOT = pathlib.Path(__file__).resolve().parents[2]


def photographs():
    """Scikit-learn's two sample images where it is installed, else the golden tests' images."""
    sklearn = importlib.util.find_spec("sklearn")
    folder = pathlib.Path(sklearn.origin).parent / "datasets/images" if sklearn else ROOT / "tests/golden/images"
    return [Image.open(file).convert("RGB") for file in sorted(folder.glob("*.jp*g"))]


def side(rng):
    return rng.choice([1, 2, 3, 64, 224, rng.randint(1, 300), rng.randint(1, 300), rng.randint(1, 300)])


def picture(rng, photos):
    width, height = side(rng), side(rng)
    kind = rng.choice(["photograph", "photograph", "noise", "flat", "narrow"])
    if kind == "photograph":
        photo = rng.choice(photos)
        left, top = rng.randint(0, max(photo.width - width, 0)), rng.randint(0, max(photo.height - height, 0))
        return kind, photo.crop((left, top, left + width, top + height))
    noise = np.random.default_rng(rng.getrandbits(32))
    if kind == "flat":
        pixels = np.broadcast_to(noise.integers(0, 256, 3), (height, width, 3))
    else:
        low, high = (0, 256) if kind == "noise" else sorted(noise.choice(257, 2, replace=False))
        pixels = noise.integers(low, high, (height, width, 3))
    return kind, Image.fromarray(np.ascontiguousarray(pixels, np.uint8))


def random_factor(rng):
    return rng.choice([0.0, 1.0, rng.uniform(0, 1), rng.uniform(0, 2), rng.uniform(0, 5)])


def fill_of(rng):
    return [rng.randint(0, 255) for _ in range(3)] if rng.random() < 0.5 else [0, 0, 0]


def angle_of(rng):
    return rng.choice([0, 90, 180, 270, -90, 45, rng.uniform(-180, 180), rng.uniform(-180, 180), rng.uniform(-5, 5)])


def factor(name, function):
    def make(image, rng):
        value = random_factor(rng)
        return name, [value], function(image, value)
    return make


def plain(name, function):
    return lambda image, rng: (name, [], function(image))


def hue(image, rng):
    value = rng.choice([0.0, 0.5, -0.5, rng.uniform(-0.5, 0.5)])
    return "hue", [value], F.adjust_hue(image, value)


def posterize(image, rng):
    bits = rng.randint(1, 8)
    return "posterize", [bits], F.posterize(image, bits)


def solarize(image, rng):
    threshold = rng.choice([0, 128, 255, 256, rng.uniform(0, 256)])
    return "solarize", [threshold], F.solarize(image, threshold)


def rotate(image, rng):
    angle, fill = angle_of(rng), fill_of(rng)
    return "rotate", [angle, *fill], F.rotate(image, angle, fill=fill)


def shear(image, rng):
    name, slope = rng.choice(["shear_x", "shear_y"]), rng.uniform(-60, 60)
    fill, both = fill_of(rng), [slope, 0.0] if name == "shear_x" else [0.0, slope]
    # The other functions' arguments have two numbers before the colour.
    return name, [slope, 0, *fill], F.affine(image, 0.0, [0, 0], 1.0, both, fill=fill, center=[0, 0])


def translate(image, rng):
    x, y = rng.randint(-80, 80), rng.randint(-80, 80)
    fill = fill_of(rng)
    return "translate", [x, y, *fill], F.affine(image, 0.0, [x, y], 1.0, [0.0, 0.0], fill=fill)


def affine(image, rng):
    shift = [rng.randint(-40, 40), rng.randint(-40, 40)]
    slant = [rng.uniform(-40, 40), rng.choice([0.0, rng.uniform(-40, 40)])]
    turn, scale, fill = angle_of(rng), rng.uniform(0.3, 3), fill_of(rng)
    return "affine", [turn, *shift, scale, *slant, *fill], F.affine(image, turn, shift, scale, slant, fill=fill)


def zoom(image, rng):
    scale = rng.uniform(0.2, 4)
    return "zoom", [scale], F.affine(image, 0.0, [0, 0], scale, [0.0, 0.0])


def resized_crop(image, rng):
    out_height, out_width = side(rng), side(rng)
    width, height = rng.randint(1, image.width), rng.randint(1, image.height)
    if rng.random() < 0.5:
        width, height = image.width, image.height
    left, top = rng.randint(0, image.width - width), rng.randint(0, image.height - height)
    return ("resized_crop", [left, top, width, height, out_width, out_height],
            F.resized_crop(image, top, left, height, width, [out_height, out_width], InterpolationMode.BILINEAR))


def crop(image, rng):
    left, top, width, height = rng.randint(-30, 100), rng.randint(-30, 100), side(rng), side(rng)
    return "crop", [left, top, width, height], F.crop(image, top, left, height, width)


FUNCTIONS = [
    factor("brightness", F.adjust_brightness), factor("contrast", F.adjust_contrast),
    factor("saturation", F.adjust_saturation), factor("sharpness", F.adjust_sharpness),
    plain("grayscale", lambda image: F.to_grayscale(image, 3)), plain("invert", F.invert),
    plain("autocontrast", F.autocontrast), plain("equalize", F.equalize), plain("flip_horizontal", F.hflip),
    plain("flip_vertical", F.vflip), hue, posterize, solarize, rotate, shear, translate, affine, zoom, resized_crop, crop]


class Vitrine:
    def __init__(self, program, device):
        self.process = subprocess.Popen([program, device], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def run(self, image, steps):
        request = json.dumps({"width": image.width, "height": image.height, "steps": steps})
        self.process.stdin.write(request.encode() + b"\n" + image.tobytes())
        self.process.stdin.flush()
        width, height = map(int, self.process.stdout.readline().split())
        pixels = self.process.stdout.read(width * height * 3)
        return np.frombuffer(pixels, np.uint8).reshape(height, width, 3)


def compare(number, arguments, photos, vitrine):
    """The steps, and how many bytes differ."""
    rng = random.Random(f"{arguments.seed} {number}")
    kind, image = picture(rng, photos)
    expected, steps = image, []
    for _ in range(rng.choice([1, 1, 2, 3, rng.randint(1, 8)])):
        name, given, expected = rng.choice(FUNCTIONS)(expected, rng)
        steps.append([name, given])
    result, expected = vitrine.run(image, steps), np.asarray(expected)
    different = result.size if result.shape != expected.shape else int((result != expected).sum())
    if different:
        print(f"case {number}: {different} of {expected.size} bytes differ; {kind} {image.size}, {steps}\n"
              f"  again: python tests/peers/compare_augment.py --seed {arguments.seed} --only {number}"
              f" --device {arguments.device}")
    return steps, different


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="one case")
    parser.add_argument("--device", default="cpu", choices=["cpu", "reference", "simt"])
    parser.add_argument("--program", default=ROOT / "build/release/bin/run_augment")
    arguments = parser.parse_args()
    photos, vitrine = photographs(), Vitrine(arguments.program, arguments.device)
    numbers = range(arguments.cases) if arguments.only is None else [arguments.only]
    used, lengths, failed = collections.Counter(), collections.Counter(), 0
    for number in numbers:
        steps, different = compare(number, arguments, photos, vitrine)
        used.update(name for name, _ in steps)
        lengths[len(steps)] += 1
        failed += different > 0
    print(f"torchvision {torchvision.__version__}, Pillow {PIL.__version__}, device {arguments.device}: {failed} of"
          f" {len(numbers)} cases differ. Steps in a case: {dict(sorted(lengths.items()))}; functions: {dict(used)}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

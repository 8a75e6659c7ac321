"""Photographs of their own sizes through the whole of Vitrine, against torchvision's reference pipelines, byte for byte.

    ninja -C build/release train && python tests/peers/compare_photographs.py [--images 600] [--seed N]

Makes a folder of photographs of random sizes, has `train --image-shape original --dump-batches` write what the network
was fed, and makes the same of the files with Pillow and torchvision: RandomResizedCrop(224) and a flip, whose draws
vitrine_draws.py repeats, and Resize(256), CenterCrop(224). Needs torchvision, safetensors, scikit-learn (its two
photographs).
"""
import argparse
import math
import pathlib
import random
import sys
import tempfile

import golden_folder  # noqa: F401
import numpy as np
import torchvision.transforms.functional as F
from compare_augment import photographs
from PIL import Image
from programs import ROOT, run
from safetensors.numpy import load_file
from torchvision.transforms import InterpolationMode
from vitrine_draws import uniforms

AUGMENT = 6  # RandomPurpose
SIDE, RESIZED = 224, 256
BATCH = 25

RECIPE = """seed = {seed}
[model]
name = "mobilenet_v2"
width_mult = 0.35
[data]
image_shape = "original"
[transforms]
augment = {augment}
normalize = {{ mean = [0, 0, 0], std = [1, 1, 1] }}
validation = {{ resize = {resized}, center_crop = {side} }}
[training]
batch_size = {batch}
[[phase]]
epochs = 1
lr = 0.01
"""
RANDOM = f'[{{ op = "random_resized_crop", size = {SIDE} }}, {{ op = "random_horizontal_flip" }}]'
FIXED = f'[{{ op = "resize", size = {RESIZED} }}, {{ op = "center_crop", size = {SIDE} }}]'


def make_photographs(folder, count, rng):
    """Two classes; sides from 20 to 640. Gives the files in the order of the data set, which is that of their names."""
    photos, files = photographs(), []
    for name, number in (("a", count), ("b", count)):
        for part, images in (("train", number // 2), ("val", 1)):
            (folder / part / name).mkdir(parents=True)
            for i in range(images):
                photo = rng.choice(photos)
                width, height = rng.randint(20, photo.width), rng.randint(20, photo.height)
                left, top = rng.randint(0, photo.width - width), rng.randint(0, photo.height - height)
                file = folder / part / name / f"{i:05}.png"
                photo.crop((left, top, left + width, top + height)).save(file)
                if part == "train":
                    files.append(file)
    return files


def random_view(image, seed, epoch, sample):
    """RandomResizedCrop and RandomHorizontalFlip with Vitrine's draws, as torchvision's get_params has it."""
    draws = iter(uniforms(seed, AUGMENT, epoch, sample, 64))
    area = image.width * image.height
    for _ in range(10):
        target = area * (0.08 + (1.0 - 0.08) * next(draws))
        low, high = math.log(3 / 4), math.log(4 / 3)
        ratio = math.exp(low + (high - low) * next(draws))
        width, height = round(math.sqrt(target * ratio)), round(math.sqrt(target / ratio))
        if 0 < width <= image.width and 0 < height <= image.height:
            top = int(next(draws) * (image.height - height + 1))
            left = int(next(draws) * (image.width - width + 1))
            break
    else:
        width, height = image.width, image.height
        if width / height < 3 / 4:
            height = round(width / (3 / 4))
        elif width / height > 4 / 3:
            width = round(height * (4 / 3))
        top, left = (image.height - height) // 2, (image.width - width) // 2
    view = F.resized_crop(image, top, left, height, width, [SIDE, SIDE], InterpolationMode.BILINEAR)
    return F.hflip(view) if next(draws) < 0.5 else view


def fixed_view(image, *_):
    return F.center_crop(F.resize(image, RESIZED, InterpolationMode.BILINEAR), SIDE)


def compare(name, augment, view, folder, files, arguments):
    recipe, out = folder / f"{name}.toml", folder / name
    recipe.write_text(RECIPE.format(seed=arguments.seed, augment=augment, resized=RESIZED, side=SIDE, batch=BATCH))
    batches = len(files) // BATCH
    run(arguments.train, recipe, "--data", folder / "data", "--cache", folder / "cache", "--out", out, "--dump-batches",
        batches, "--max-steps", batches)
    seen, different = 0, 0
    for file in sorted((out / "batches").glob("batch-*.safetensors")):
        batch = load_file(file)
        for pixels, sample in zip(batch["images"], batch["samples"]):
            image = Image.open(files[sample]).convert("RGB")
            expected = np.asarray(view(image, arguments.seed, 0, int(sample)), np.int64)
            got = np.rint(pixels.transpose(1, 2, 0).astype(np.float64) * 255).astype(np.int64)
            seen += 1
            if not np.array_equal(expected, got):
                different += 1
                print(f"{name}: {files[sample]}, {image.size}: {int((expected != got).sum())} bytes differ")
    print(f"{name}: {different} of {seen} images differ")
    return different if seen else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--train", type=pathlib.Path, default=ROOT / "build/release/bin/train")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        files = make_photographs(folder / "data", arguments.images, random.Random(arguments.seed))
        failed = compare("random", RANDOM, random_view, folder, files, arguments)
        failed += compare("fixed", FIXED, fixed_view, folder, files, arguments)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

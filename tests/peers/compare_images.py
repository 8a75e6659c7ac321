"""Compares decoded images with the installed Pillow's, byte for byte, on random files of every kind that is read.

    ninja -C build/release decode_images
    python tests/peers/compare_images.py --count 1000 [--seed N] [--kinds jpeg,bmp] [--keep FOLDER]

The files are written into a temporary folder by image_kinds/KIND.py, each of which has files(random, count), a generator
of (name, bytes); the name says which variety it is. A file is right where Vitrine reads the pixels of
Image.open(file).convert("RGB") and, with EXIF orientations applied, of ImageOps.exif_transpose(image), or refuses it as Pillow
does. Those that are not are copied to --keep and named (the first 20 of a kind); the exit code is 1
then.
"""
import argparse
import collections
import importlib
import io
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import warnings

import golden_folder  # noqa: F401
import numpy
import PIL
from PIL import Image, ImageOps

ROOT = pathlib.Path(__file__).resolve().parents[2]
KINDS = sorted(file.stem for file in (ROOT / "tests/peers/image_kinds").glob("*.py") if file.stem != "pictures")

MOST_KEPT = 20  # of the files of a kind that differ


class Vitrine:
    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def read(self, turning, file):
        """The pixels, or why there are none."""
        self.process.stdin.write(f"{turning} {file}\n".encode())
        self.process.stdin.flush()
        answer, _, rest = self.process.stdout.readline().decode().rstrip("\n").partition(" ")
        if answer != "read":
            return rest or "the program has ended"
        width, height = map(int, rest.split())
        pixels = self.process.stdout.read(width * height * 3)
        return numpy.frombuffer(pixels, numpy.uint8).reshape(height, width, 3)


def pillow(content):
    """The same, as stored and upright; from a stream, as torchvision reads files."""
    try:
        as_stored = Image.open(io.BytesIO(content)).convert("RGB")
    except Exception as error:  # whatever Pillow throws, it reads no image
        return [f"{type(error).__name__}: {error}"] * 2
    image = Image.open(io.BytesIO(content))
    try:
        ImageOps.exif_transpose(image, in_place=True)
    except Exception:  # EXIF that Pillow cannot read, or write again once the pixels are turned
        pass
    return [numpy.asarray(as_stored), numpy.asarray(image.convert("RGB"))]


def difference(ours, expected):
    """What is wrong, or nothing."""
    if isinstance(ours, str) or isinstance(expected, str):
        if isinstance(ours, str) and isinstance(expected, str):
            return None
        texts = [value if isinstance(value, str) else "reads it" for value in (ours, expected)]
        return f"Vitrine: {texts[0]}; Pillow: {texts[1]}"
    if ours.shape != expected.shape:
        return f"{ours.shape} instead of {expected.shape}"
    different = int((ours != expected).sum())
    return f"{different} of {expected.size} bytes differ" if different else None


def compare_file(vitrine, file, content):
    """Whether it was refused, and what is wrong, or nothing."""
    refused = False
    for turning, expected in zip(("as_stored", "upright"), pillow(content)):
        ours = vitrine.read(turning, file)
        refused = refused or isinstance(ours, str)
        if wrong := difference(ours, expected):
            return refused, f"{turning}: {wrong}"
    return refused, None


def compare_kind(kind, arguments, vitrine, folder):
    """The varieties with their numbers of files; how many were refused by both, and how many differ."""
    module = importlib.import_module(f"image_kinds.{kind}")
    varieties, refused, failed = collections.Counter(), 0, 0
    for number, (name, content) in enumerate(module.files(random.Random(f"{arguments.seed} {kind}"), arguments.count)):
        file = folder / f"{kind}-{arguments.seed}-{number}-{name}"
        file.write_bytes(content)
        varieties[pathlib.Path(name).stem] += 1
        is_refused, wrong = compare_file(vitrine, file, content)
        refused += wrong is None and is_refused
        if wrong:
            failed += 1
        if wrong and failed <= MOST_KEPT:
            arguments.keep.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, arguments.keep)
            print(f"{arguments.keep / file.name}: {wrong}")
        file.unlink()
    return varieties, refused, failed


def chosen_kinds(text):
    kinds = re.split("[, ]+", text)
    if unknown := sorted(set(kinds) - set(KINDS)):
        raise argparse.ArgumentTypeError(f"there is no kind {', '.join(unknown)}; there are {', '.join(KINDS)}")
    return kinds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000, help="files of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", type=chosen_kinds, default=KINDS, help=", ".join(KINDS))
    parser.add_argument("--keep", type=pathlib.Path, default=ROOT / "build/differing_images", help="for files that differ")
    parser.add_argument("--program", default=ROOT / "build/release/bin/decode_images")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # Pillow's, of odd metadata
    vitrine, files, all_failed = Vitrine(arguments.program), 0, 0
    for kind in arguments.kinds:
        with tempfile.TemporaryDirectory() as folder:
            varieties, refused, failed = compare_kind(kind, arguments, vitrine, pathlib.Path(folder))
        files += varieties.total()
        all_failed += failed
        print(f"{kind}: {failed} of {varieties.total()} files differ; {len(varieties)} varieties, {refused} files refused"
              f" by both; {', '.join(sorted(varieties))}", flush=True)
    print(f"Pillow {PIL.__version__}, seed {arguments.seed}: {all_failed} of {files} files differ")
    sys.exit(1 if all_failed else 0)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Makes the fixtures beside it: a small WebP, GIF or TIFF file of each variety that tests/peers/image_kinds makes, and what Pillow reads
from it.

NAME.EXT is an image file; NAME.EXT.ppm is Image.open(NAME.EXT).convert("RGB"), written as a binary PPM.

Run with Pillow and numpy installed. The frozen files came from Pillow 13.0.0.
"""

import importlib
import io
import pathlib
import random
import sys

FOLDER = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(FOLDER.parents[1] / "peers"), str(FOLDER.parent)]
import missing_packages  # noqa: E402, F401
from PIL import Image  # noqa: E402

BYTES, PIXELS = 1500, range(20, 600)  # of a file that is kept


def fixtures(kind):
    """The first of each variety that is small, and a TIFF with several pages."""
    found = {}
    for name, content in importlib.import_module(f"image_kinds.{kind}").files(random.Random(f"golden {kind}"), 3000):
        if len(content) > BYTES:
            continue
        image = Image.open(io.BytesIO(content))
        name = "pages.tiff" if kind == "tiff" and image.n_frames > 1 else name
        if name not in found:
            image = image.convert("RGB")
            if image.width * image.height in PIXELS and len(image.getcolors(PIXELS.stop)) > 1:
                found[name] = content, image
    return found


def main():
    for kind in ["webp", "gif", "tiff"]:
        for name, (content, image) in sorted(fixtures(kind).items()):
            (FOLDER / name).write_bytes(content)
            image.save(FOLDER / f"{name}.ppm", "ppm")


if __name__ == "__main__":
    main()

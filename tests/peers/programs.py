"""What the comparisons share: running a program, drawing images to train on, and what a file of weights says of itself."""

import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(*arguments):
    """The standard output; ends this program where the other fails."""
    command = [str(argument) for argument in arguments]
    finished = subprocess.run(command, capture_output=True, text=True)
    if finished.returncode != 0:
        sys.exit(f"{pathlib.Path(sys.argv[0]).stem}: {' '.join(command)} failed: {finished.stderr.strip()}")
    return finished.stdout


def draw_images(folder, classes, train, val, size):
    """A folder with a folder a class in train/ and in val/, so many images in each."""
    run(sys.executable, ROOT / "tools/make_image_folder.py", folder, "--classes", classes, "--train", train, "--val", val,
        "--size", size)


def metadata_of(weights):
    """Of a safetensors file."""
    with open(weights, "rb") as file:
        return json.loads(file.read(int.from_bytes(file.read(8), "little")))["__metadata__"]

"""Exported models in their own programs: ONNX Runtime and PyTorch against Vitrine's predict, on the same images.

    python tests/peers/compare_export.py [--images 1000] [--case 0] [--bin build/release/bin]

Trains each model for a few steps, at odd sizes and widths, exports it in every form, and compares the logits of all images:
the largest difference, and how many images have another most likely class. Each ONNX file passes ONNX's checker with shapes
inferred; each .pth is read with weights_only=True and loaded with strict=True. Exit code 1 where a difference is above 1e-4
or a class differs.
"""

import argparse
import csv
import dataclasses
import json
import pathlib
import sys
import tempfile

import golden_folder  # noqa: F401
import missing_packages

missing_packages.require("onnx", "onnxruntime", "torch", "torchvision", "safetensors", "numpy", "PIL")

import numpy
import onnx
import onnxruntime
import torch
from PIL import Image
from safetensors.torch import load_file

from peer_models import build
from programs import ROOT, draw_images, metadata_of, run

TOLERANCE = 1e-4


@dataclasses.dataclass
class Case:
    model: str
    size: int
    width: float = 1.0
    average: bool = False  # whether the run keeps averaged weights


CASES = [Case("mobilenet_v2", 33, 0.35), Case("mobilenet_v2", 50, 0.75, True), Case("mobilenet_v2", 64, 1.4),
         Case("mobilenet_v2", 97), Case("basic_block_net", 24), Case("basic_block_net", 35, average=True),
         Case("basic_block_net", 64), Case("resnet18", 37), Case("resnet18", 70, average=True)]
FORMS = [(given, fold) for given in ("normalized", "pixels") for fold in ("on", "off")]


def drawn_images(folder, count):
    """A set to train on, and `count` images that are in no set."""
    classes = 10
    draw_images(folder / "drawn", classes, train=12, val=-(-count // classes), size=96)
    return sorted((folder / "drawn/val").rglob("*.jpg"))[:count]


def resized(files, size, folder):
    """As PNG files of the network's own size: all programs then have the same pixels."""
    folder.mkdir()
    pixels = []
    for i, file in enumerate(files):
        image = Image.open(file).convert("RGB").resize((size, size), Image.Resampling.BILINEAR)
        image.save(folder / f"{i:05}.png", compress_level=1)
        pixels.append(numpy.asarray(image))
    return numpy.stack(pixels)


def vitrine_logits(programs, weights, images, folder):
    run(programs / "predict", weights, images, "--device", "cpu", "--logits", folder / "logits.csv")
    with open(folder / "logits.csv", newline="") as file:
        rows = list(csv.reader(file))[1:]
    assert [pathlib.Path(row[0]).stem for row in rows] == [f"{i:05}" for i in range(len(rows))]
    return numpy.array([[float(value) for value in row[1:]] for row in rows], dtype=numpy.float32)


def onnx_logits(file, pixels):
    model = onnx.load(file)
    onnx.checker.check_model(model, full_check=True)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    if metadata["input"].startswith("normalized"):
        pixels = normalized(pixels, metadata)
    return numpy.concatenate([session.run(None, {name: pixels[i:i + 64]})[0] for i in range(0, len(pixels), 64)])


def normalized(pixels, metadata):
    mean, deviation = (numpy.array(json.loads(metadata[key])) for key in ("mean", "deviation"))
    return ((pixels / 255 - mean) / deviation).astype(numpy.float32).transpose(0, 3, 1, 2)


def torch_logits(file, pixels, metadata):
    model = build(metadata["model"], len(json.loads(metadata["classes"])), int(metadata["image_size"]),
                  float(metadata["width_mult"]), float(metadata["dropout"])).eval()
    model.load_state_dict(torch.load(file, weights_only=True), strict=True)
    images = torch.from_numpy(normalized(pixels, metadata))
    with torch.inference_mode():
        return torch.cat([model(part) for part in images.split(64)]).numpy()


def compare(case, programs, files, folder):
    """Rows of the table: what, the largest difference, images of another class, and the largest logit."""
    pixels = resized(files, case.size, folder / "images")
    train = [programs / "train", "--data", folder.parent / "drawn", "--model", case.model, "--image-size", case.size,
             "--batch-size", 30, "--epochs", 6, "--lr", 0.02, "--device", "cpu", "--quiet", "--out", folder / "run"]
    if case.model == "mobilenet_v2":
        train += ["--width-mult", case.width]
    if case.average:
        train += ["--set", "training.ema_decay=0.8"]
    run(*train)
    weights = folder / "run/last.safetensors"
    ours = vitrine_logits(programs, weights, folder / "images", folder)
    for given, fold in FORMS:
        file = folder / f"{given}-{fold}.onnx"
        run(programs / "export", weights, "--to", "onnx", "--input", given, "--fold-norms", fold, "--output", file)
        yield f"ONNX, {given}, norms {'folded' if fold == 'on' else 'kept'}", ours, onnx_logits(file, pixels)
    file = folder / "model.pth"
    run(programs / "export", weights, "--to", "pth", "--output", file)
    state, same = torch.load(file, weights_only=True), load_file(weights)
    assert state.keys() == same.keys() and all(torch.equal(state[name], same[name]) for name in same)
    yield "PyTorch, strict", ours, torch_logits(file, pixels, metadata_of(weights))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--case", type=int, choices=range(len(CASES)), help="this one alone, counted from 0")
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin")
    options = parser.parse_args()

    print(f"onnx {onnx.__version__}, ONNX Runtime {onnxruntime.__version__}, PyTorch {torch.__version__}, "
          f"{options.images} images\n")
    print("| model | size | width | against | largest difference | largest logit | images of another class |")
    print("|---|---|---|---|---|---|---|")
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        files = drawn_images(pathlib.Path(folder), options.images)
        for i, case in enumerate(CASES):
            if options.case not in (None, i):
                continue
            place = pathlib.Path(folder) / str(i)
            place.mkdir()
            for name, ours, theirs in compare(case, options.bin, files, place):
                difference = float(numpy.abs(ours - theirs).max())
                others = int((ours.argmax(1) != theirs.argmax(1)).sum())
                wrong += not difference <= TOLERANCE or others > 0
                print(f"| {case.model} | {case.size} | {case.width} | {name} | {difference:.1e} | "
                      f"{numpy.abs(ours).max():.1f} | {others} |", flush=True)
    if wrong:
        sys.exit(f"compare_export: {wrong} differ by more than {TOLERANCE} or in a class")


if __name__ == "__main__":
    main()

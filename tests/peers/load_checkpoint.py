"""Loads a checkpoint that Vitrine wrote into PyTorch's model (strictly) and evaluates it on Fashion-MNIST's test images.

    python tests/peers/load_checkpoint.py runs/…/best.safetensors [--expect 0.9012]

How to rebuild the model and how to normalise is read from the file's metadata.
"""

import argparse
import json
import pathlib
import sys

import golden_folder  # noqa: F401
import torch
from safetensors import safe_open

from fashion_mnist_images import FOLDER, accuracy, cropped, load, resized
from peer_models import build


def read(path: str) -> tuple[dict[str, str], dict[str, torch.Tensor]]:
    with safe_open(path, framework="pt") as file:
        return file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}


def prepared(metadata: dict[str, str], folder: pathlib.Path) -> tuple[torch.Tensor, torch.Tensor]:
    """Test images and labels, the images made as in the run's validation."""
    images, labels = load(False, int(metadata["source_size"]), folder)
    pixels = images.squeeze(1).numpy()
    resize, crop = int(metadata["resize"]), int(metadata["center_crop"])
    pixels = resized(pixels, resize) if resize else pixels
    pixels = cropped(pixels, crop) if crop else pixels
    return torch.from_numpy(pixels.copy()).unsqueeze(1), labels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint")
    parser.add_argument("--data", type=pathlib.Path, default=FOLDER)
    parser.add_argument("--expect", type=float, help="exit 1 unless the accuracy is within 0.0005 of this")
    options = parser.parse_args()

    metadata, state = read(options.checkpoint)
    missing = {"model", "classes", "image_size", "source_size", "resize", "center_crop", "mean",
               "deviation"} - metadata.keys()
    if missing:
        sys.exit(f"load_checkpoint: {options.checkpoint} has no {', '.join(sorted(missing))} in its metadata")
    size = int(metadata["image_size"])
    model = build(metadata["model"], len(json.loads(metadata["classes"])), size,
                  float(metadata.get("width_mult", 1.0)), float(metadata.get("dropout", 0.2)))
    model.load_state_dict(state, strict=True)
    print(f"{len(state)} tensors loaded into {metadata['model']}")

    images, labels = prepared(metadata, options.data)
    score = accuracy(model.to(memory_format=torch.channels_last), images, labels,
                     json.loads(metadata["mean"]), json.loads(metadata["deviation"]))
    print(f"test accuracy {score:.4f}")
    if options.expect is not None and abs(score - options.expect) > 0.0005:
        sys.exit(f"load_checkpoint: expected {options.expect:.4f}")


if __name__ == "__main__":
    main()

"""A run that goes on in PyTorch: from the checkpoint of a step, exported with its optimiser, to the checkpoint of the next.

    python tests/peers/compare_continuing.py [--bin build/release/bin]

Each epoch is one batch of all images, so both programs take the same step whatever the order. After each of the run's steps its
checkpoint is exported (`export --to pth --optimizer`), loaded into PyTorch (weights_only=True, strict=True, and
torch.optim.SGD.load_state_dict), and one step is taken there. Weights, running statistics and momentum buffers are then
compared with those of the next checkpoint.

How close they can be is the networks' own: a rounding that puts an activation on the other side of a clamp changes a gradient
for good. So the step is taken in f64 too, and the table has how far from that the run is and how far PyTorch's own f32, as
shares of the change that the step made. Exit code 1 where the run is further than the case allows, and more than three times
as far as PyTorch.
"""

import argparse
import dataclasses
import json
import pathlib
import sys
import tempfile

import golden_folder  # noqa: F401
import missing_packages

missing_packages.require("torch", "torchvision", "numpy", "PIL")

import numpy
import torch
from PIL import Image

from peer_models import build
from programs import ROOT, draw_images, metadata_of, run

STEPS, TIMES = 4, 3.0


@dataclasses.dataclass
class Case:
    model: str
    size: int
    allowed: float
    settings: tuple = ()  # of the phase


CASES = [Case("basic_block_net", 24, 1e-5),
         Case("basic_block_net", 24, 1e-5, ("nesterov=true", "decay_norms_and_biases=false", "weight_decay=0.01")),
         Case("mobilenet_v2", 64, 2e-2), Case("mobilenet_v2", 64, 2e-2, ("decay_norms_and_biases=false", "weight_decay=0.01")),
         Case("resnet18", 40, 2e-2, ("nesterov=true",))]


def drawn_images(folder, size):
    """The training images of five classes, and their labels."""
    draw_images(folder, classes=5, train=12, val=2, size=size)
    files = sorted((folder / "train").rglob("*.jpg"))
    names = sorted({file.parent.name for file in files})
    pixels = numpy.stack([numpy.asarray(Image.open(file).convert("RGB")) for file in files])
    return pixels, torch.tensor([names.index(file.parent.name) for file in files])


def loaded(file, case, dtype=torch.float32):
    """Model and optimiser from an exported checkpoint."""
    saved = torch.load(file, weights_only=True)
    model = build(case.model, 5, case.size, dropout=0.0).to(dtype).train()
    model.load_state_dict(saved["model"], strict=True)
    parameters = list(model.parameters())
    groups = [{"params": parameters}]
    if "decay_norms_and_biases=false" in case.settings:
        groups = [{"params": [p for p in parameters if p.ndim > 1]}, {"params": [p for p in parameters if p.ndim <= 1]}]
    # Other settings than the run's: all must come out of the file.
    optimizer = torch.optim.SGD(groups, lr=123.0, momentum=0.5, weight_decay=0.3)
    optimizer.load_state_dict(saved["optimizer"])
    return model, optimizer


def stepped(file, case, images, labels, dtype):
    model, optimizer = loaded(file, case, dtype)
    torch.nn.functional.cross_entropy(model(images.to(dtype)), labels).backward()
    optimizer.step()
    return numbers(model, optimizer)


def numbers(model, optimizer):
    state = [value.double().flatten() for name, value in model.state_dict().items() if value.is_floating_point()]
    buffers = [optimizer.state[p]["momentum_buffer"].double().flatten() if "momentum_buffer" in optimizer.state[p]
               else torch.zeros(p.numel(), dtype=torch.float64) for p in model.parameters()]
    return torch.cat(state), torch.cat(buffers)


def compare(case, programs, folder):
    """For each step: its learning rate, and of weights and of momentum buffers how far the run and PyTorch are from f64."""
    pixels, labels = drawn_images(folder / "data", case.size)
    settings = [part for setting in case.settings for part in ("--set", f"phase.{setting}")]
    run(programs / "train", "--data", folder / "data", "--model", case.model, "--image-size", case.size, "--batch-size",
        len(labels), "--epochs", STEPS, "--lr", 0.02, "--device", "cpu", "--quiet", "--out", folder / "run",
        "--set", f"training.keep_checkpoints={STEPS + 1}", *(["--dropout", 0] if case.model == "mobilenet_v2" else []), *settings)
    metadata = metadata_of(folder / "run/last.safetensors")
    mean, deviation = (numpy.array(json.loads(metadata[key])) for key in ("mean", "deviation"))
    images = torch.from_numpy(((pixels / 255 - mean) / deviation).transpose(0, 3, 1, 2).copy())
    for step in range(STEPS + 1):
        run(programs / "export", folder / f"run/checkpoints/step-{step:09}.safetensors", "--to", "pth", "--optimizer",
            "--output", folder / f"{step}.pth")
    for step in range(STEPS):
        file = folder / f"{step}.pth"
        model, optimizer = loaded(file, case)
        before, run_has = numbers(model, optimizer), numbers(*loaded(folder / f"{step + 1}.pth", case))
        exact, single = (stepped(file, case, images, labels, dtype) for dtype in (torch.float64, torch.float32))
        yield step, optimizer.param_groups[0]["lr"], [
            [float((other[i] - exact[i]).norm() / (exact[i] - before[i]).norm()) for other in (run_has, single)] for i in (0, 1)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin")
    options = parser.parse_args()
    print(f"PyTorch {torch.__version__}\n")
    print("| model | settings | after step | learning rate | weights: the run | PyTorch | momentum: the run | PyTorch |")
    print("|---|---|---|---|---|---|---|---|")
    wrong = 0
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            for step, rate, shares in compare(case, options.bin, pathlib.Path(folder)):
                wrong += not all(ours <= max(case.allowed, TIMES * theirs) for ours, theirs in shares)
                cells = " | ".join(f"{share:.1e}" for pair in shares for share in pair)
                print(f"| {case.model} | {', '.join(case.settings)} | {step} | {rate:.3g} | {cells} |", flush=True)
    if wrong:
        sys.exit(f"compare_continuing: {wrong} steps are further from f64 than is allowed")


if __name__ == "__main__":
    main()

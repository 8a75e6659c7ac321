"""Runs that go on elsewhere: Vitrine's in PyTorch, and PyTorch's in Vitrine.

    python tests/peers/compare_continuing.py [--only basic_block_net] [--bin build/release/bin]

From Vitrine, a run goes from the checkpoint of a step, exported with its optimiser, to the checkpoint of the next. Each epoch is one batch of all images, so both programs take the same step whatever the order. After each of the run's steps its
checkpoint is exported (`export --to pth --optimizer`), loaded into PyTorch (weights_only=True, strict=True, and
torch.optim.SGD.load_state_dict), and one step is taken there. Weights, running statistics and momentum buffers are then
compared with those of the next checkpoint.

How close they can be is the networks' own: a rounding that puts an activation on the other side of a clamp changes a gradient
for good. So the step is taken in f64 too, and the table has how far from that the run is and how far PyTorch's own f32, as
shares of the change that the step made. Exit code 1 where the run is further than the case allows, and more than three times
as far as PyTorch.

From PyTorch, weights and optimiser go after some steps into `train --init FILE --init-optimizer`, which takes one step in f64 on a
batch that it dumps; PyTorch takes the step on the same batch. Exit code 1 where they are further apart than 1e-9 of the change.
"""

import argparse
import dataclasses
import json
import pathlib
import sys
import tempfile

import golden_folder  # noqa: F401
import missing_packages

missing_packages.require("torch", "torchvision", "safetensors", "numpy", "PIL")

import numpy
import torch
from PIL import Image
from safetensors.torch import load_file

from peer_models import build
from programs import ROOT, draw_images, metadata_of, run

STEPS, TIMES = 4, 3.0
STEPS_BEFORE, APART = (0, 1, 3), 1e-9  # of PyTorch's runs
RATE = 0.02


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


def groups_of(case, model):
    parameters = list(model.parameters())
    if "decay_norms_and_biases=false" in case.settings:
        return [{"params": [p for p in parameters if p.ndim > 1]},
                {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0}]
    return [{"params": parameters}]


def loaded(file, case, dtype=torch.float32):
    """Model and optimiser from an exported checkpoint."""
    saved = torch.load(file, weights_only=True)
    model = build(case.model, 5, case.size, dropout=0.0).to(dtype).train()
    model.load_state_dict(saved["model"], strict=True)
    # Other settings than the run's: all must come out of the file.
    optimizer = torch.optim.SGD(groups_of(case, model), lr=123.0, momentum=0.5, weight_decay=0.3)
    optimizer.load_state_dict(saved["optimizer"])
    return model, optimizer


def stepped(file, case, images, labels, dtype):
    model, optimizer = loaded(file, case, dtype)
    take_step(model, optimizer, images.to(dtype), labels)
    return numbers(model, optimizer)


def take_step(model, optimizer, images, labels):
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(model(images), labels).backward()
    optimizer.step()


def numbers(model, optimizer):
    state = [value.double().flatten() for name, value in model.state_dict().items() if value.is_floating_point()]
    buffers = [optimizer.state[p]["momentum_buffer"].double().flatten() if "momentum_buffer" in optimizer.state[p]
               else torch.zeros(p.numel(), dtype=torch.float64) for p in model.parameters()]
    return torch.cat(state), torch.cat(buffers)


def numbers_in(checkpoint, model):
    """The same of a run's checkpoint, in the order of a model in PyTorch."""
    tensors = load_file(checkpoint)
    state = [tensors[f"model.{name}"].double().flatten() for name, value in model.state_dict().items()
             if value.is_floating_point()]
    return torch.cat(state), torch.cat([tensors[f"momentum.{name}"].double().flatten() for name, _ in model.named_parameters()])


def compare(case, programs, folder):
    """For each step: its learning rate, and of weights and of momentum buffers how far the run and PyTorch are from f64."""
    pixels, labels = drawn_images(folder / "data", case.size)
    train(case, programs, folder, len(labels), STEPS, "--set", f"training.keep_checkpoints={STEPS + 1}")
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


def train(case, programs, folder, batch, epochs, *more):
    """A run of Vitrine's, in which an epoch is a step."""
    settings = [part for setting in case.settings for part in ("--set", f"phase.{setting}")]
    dropout = ["--dropout", 0] if case.model == "mobilenet_v2" else []
    run(programs / "train", "--data", folder / "data", "--model", case.model, "--image-size", case.size, "--batch-size", batch,
        "--epochs", epochs, "--lr", RATE, "--device", "cpu", "--quiet", "--out", folder / "run", *dropout, *settings, *more)


def settings_in_torch(case):
    given = dict(setting.split("=") for setting in case.settings)
    return {"lr": RATE, "momentum": 0.9, "weight_decay": float(given.get("weight_decay", 1e-4)),
            "nesterov": given.get("nesterov") == "true"}


def goes_on_here(case, programs, folder, before):
    """How far apart weights and momentum buffers are after a step that follows `before` steps in PyTorch, as shares of the
    change."""
    pixels, labels = drawn_images(folder / "data", case.size)
    images = torch.from_numpy(pixels.transpose(0, 3, 1, 2) / 128.0 - 1.0)
    torch.manual_seed(5)
    model = build(case.model, 5, case.size, dropout=0.0).double().train()
    optimizer = torch.optim.SGD(groups_of(case, model), **settings_in_torch(case))
    for _ in range(before):
        take_step(model, optimizer, images, labels)
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": before}, folder / "there.pth")
    train(case, programs, folder, len(labels), 1, "--init", folder / "there.pth", "--init-optimizer", "--precision", "f64",
          "--schedule", "constant", "--max-steps", 1, "--dump-batches", 1)
    batch = load_file(folder / "run/batches/batch-000000001.safetensors")
    old = numbers(model, optimizer)
    take_step(model, optimizer, batch["images"].double(), batch["labels"])
    there, here = numbers(model, optimizer), numbers_in(folder / "run/checkpoints/step-000000001.safetensors", model)
    return [float((here[i] - there[i]).norm() / (there[i] - old[i]).norm()) for i in (0, 1)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin")
    parser.add_argument("--only", default="", help="models whose name contains this")
    options = parser.parse_args()
    cases = [case for case in CASES if options.only in case.model]
    print(f"PyTorch {torch.__version__}\n")
    print("| model | settings | after step | learning rate | weights: the run | PyTorch | momentum: the run | PyTorch |")
    print("|---|---|---|---|---|---|---|---|")
    wrong = 0
    for case in cases:
        with tempfile.TemporaryDirectory() as folder:
            for step, rate, shares in compare(case, options.bin, pathlib.Path(folder)):
                wrong += not all(ours <= max(case.allowed, TIMES * theirs) for ours, theirs in shares)
                cells = " | ".join(f"{share:.1e}" for pair in shares for share in pair)
                print(f"| {case.model} | {', '.join(case.settings)} | {step} | {rate:.3g} | {cells} |", flush=True)
    print("\n| model | settings | after steps in PyTorch | weights | momentum |")
    print("|---|---|---|---|---|")
    for case in cases:
        for before in STEPS_BEFORE:
            with tempfile.TemporaryDirectory() as folder:
                shares = goes_on_here(case, options.bin, pathlib.Path(folder), before)
            wrong += not all(share <= APART for share in shares)
            cells = " | ".join(f"{share:.1e}" for share in shares)
            print(f"| {case.model} | {', '.join(case.settings)} | {before} | {cells} |", flush=True)
    if wrong:
        sys.exit(f"compare_continuing: {wrong} steps are further apart than is allowed")


if __name__ == "__main__":
    main()

"""Trains a model on Fashion-MNIST with the same settings in Vitrine and in PyTorch, several seeds each, and compares the
validation accuracy after each epoch: the means should be no further apart than the seeds are.

    python tests/peers/compare_curves.py --model basic_block_net [--subset 0.2 --epochs 5 --seeds 3]

The seeds choose other images, first weights and orders in each program, so that only distributions can be compared.
"""

import argparse
import json
import pathlib
import re
import statistics
import sys
import tempfile

import golden_folder  # noqa: F401
from missing_packages import require
from programs import ROOT, run

HERE = pathlib.Path(__file__).resolve().parent


def vitrine_curve(options, seed):
    with tempfile.TemporaryDirectory() as folder:
        run(options.train, "--model", options.model, "--image-size", 32, "--batch-size", options.batch_size,
            "--epochs", options.epochs, "--lr", options.lr, "--subset", options.subset, "--seed", seed,
            "--schedule", "one_cycle", "--threads", options.threads, "--quiet", "--out", f"{folder}/run")
        lines = pathlib.Path(folder, "run", "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)["val_accuracy"] for line in lines]


def torch_curve(options, seed):
    text = run(sys.executable, HERE / "fashion_mnist.py", "--model", options.model, "--image-size", 32, "--batch-size",
               options.batch_size, "--epochs", options.epochs, "--lr", options.lr, "--subset", options.subset, "--seed",
               seed, "--threads", options.threads)
    return [float(value) for value in re.findall(r"test accuracy ([0-9.]+)", text)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", type=pathlib.Path, default=ROOT / "build/release/bin/train")
    parser.add_argument("--model", choices=("basic_block_net", "mobilenet_v2"), default="basic_block_net")
    parser.add_argument("--subset", type=float, default=0.2)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=0.0, help="the peak; 0: 0.1, or 0.02 for mobilenet_v2")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    require("torch", "torchvision", "numpy", "PIL")
    options.lr = options.lr or (0.02 if options.model == "mobilenet_v2" else 0.1)
    ours = [vitrine_curve(options, seed) for seed in range(options.seeds)]
    theirs = [torch_curve(options, seed) for seed in range(options.seeds)]
    print("| epoch | Vitrine, mean (range) | PyTorch, mean (range) | apart | within the spread |")
    print("|---|---|---|---|---|")
    for epoch, (left, right) in enumerate(zip(zip(*ours), zip(*theirs)), start=1):
        means = statistics.mean(left), statistics.mean(right)
        spread = max(max(left) - min(left), max(right) - min(right))
        apart = abs(means[0] - means[1])
        print(f"| {epoch} | {means[0]:.4f} ({min(left):.4f}–{max(left):.4f}) | {means[1]:.4f} ({min(right):.4f}–"
              f"{max(right):.4f}) | {apart:.4f} | {'yes' if apart <= spread else 'no'} |", flush=True)


if __name__ == "__main__":
    main()

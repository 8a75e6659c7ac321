"""Trains `best` and `stage1-baseline` on Fashion-MNIST at image size 32 for equally many epochs, several seeds each, and
compares the best validation accuracy.

    python tests/peers/compare_recipes.py [--epochs 5 --seeds 3 --subset 1.0]
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import statistics
import tempfile

from programs import ROOT, run

RECIPES = ("stage1-baseline", "best")


def best_accuracy(options, recipe, seed):
    """Of a run on one thread: as many of them as there are cores take less time than one after the other on all."""
    with tempfile.TemporaryDirectory() as folder:
        events = run(options.train, ROOT / f"tools/recipes/{recipe}.toml", "--out", f"{folder}/run", "--json", "--seed",
                     seed, "--epochs", options.epochs, "--subset", options.subset, "--image-size", 32, "--threads", 1,
                     "--set", "transforms.resize=32")
        return json.loads(events.splitlines()[-1])["best_val_accuracy"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", type=pathlib.Path, default=ROOT / "build/release/bin/train")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--subset", type=float, default=1.0)
    options = parser.parse_args()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = {recipe: [pool.submit(best_accuracy, options, recipe, seed) for seed in range(options.seeds)]
                for recipe in RECIPES}
    print("| recipe | best val_accuracy, mean | each seed |")
    print("|---|---|---|")
    for recipe, futures in runs.items():
        accuracies = [future.result() for future in futures]
        listed = ", ".join(f"{accuracy:.4f}" for accuracy in accuracies)
        print(f"| {recipe} | {statistics.mean(accuracies):.4f} | {listed} |", flush=True)


if __name__ == "__main__":
    main()

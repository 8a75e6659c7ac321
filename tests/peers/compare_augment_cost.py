"""What augmentation costs in torchvision and here, for the same pipelines, on the same machine in the same run.

    python tests/peers/compare_augment_cost.py [--images 256] [--rounds 3]

torchvision takes PIL images in memory (so nothing is read or decoded) to normalised tensors: in a plain loop with one
thread, and in a DataLoader with two workers. Vitrine's figures are `bench augment`'s, batches of 32 with all threads.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import time

import golden_folder  # noqa: F401
import numpy as np
import torch
import torchvision
import torchvision.transforms as T
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[2]
BATCH = 32


def noisy(batch):
    """Poisson noise as a recipe's poisson_noise adds it to a whole batch."""
    noise = torch.poisson(torch.full_like(batch, 5.0))
    return (batch + noise / noise.max()).clamp(0, 1)


def pipelines(size):
    """{name in bench augment: (transform of an image, of a batch)}"""
    resize = [T.Resize((size, size))]
    end = [T.ToTensor(), T.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])]
    jitter, rotation, flip, gray = T.ColorJitter(0.5, 0.6), T.RandomRotation(45), T.RandomHorizontalFlip(), T.RandomGrayscale(0.2)
    heavy = T.Compose(resize + [jitter, rotation, flip, T.RandomVerticalFlip(0.05), gray] + end)
    nested = T.RandomChoice([T.Compose([flip, T.RandomPosterize(2), T.RandAugment()]),
                             T.RandomChoice([jitter, rotation, flip, gray]), T.TrivialAugmentWide()], p=[0.2, 0.4, 0.4])
    same = lambda batch: batch
    return {"resize and normalize": (T.Compose(resize + end), same),
            "jitter, rotation, flips, grayscale": (heavy, same),
            "the same with Poisson noise": (heavy, noisy),
            "posterize, rand_augment": (T.Compose(resize + [T.RandomPosterize(2), T.RandAugment()] + end), same),
            "nested random_choice": (T.Compose(resize + [nested] + end), same)}


class Images(torch.utils.data.Dataset):
    def __init__(self, images, transform):
        self.images, self.transform = images, transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.transform(self.images[index])


def loop_seconds(images, transform, of_batch):
    start = time.perf_counter()
    for first in range(0, len(images), BATCH):
        of_batch(torch.stack([transform(image) for image in images[first:first + BATCH]]))
    return (time.perf_counter() - start) / len(images)


def loader_seconds(images, transform, of_batch, workers):
    loader = torch.utils.data.DataLoader(Images(images, transform), BATCH, num_workers=workers, persistent_workers=True)
    times = []
    for _ in range(2):  # the first round starts the workers
        start = time.perf_counter()
        for batch in loader:
            of_batch(batch)
        times.append((time.perf_counter() - start) / len(images))
    return times[-1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bench", default=ROOT / "build/release/bin/bench")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(1)
    images = [Image.fromarray(rng.integers(0, 256, (64, 64, 3), np.uint8)) for _ in range(arguments.images)]
    theirs, ours, shares = {}, {}, {}
    for _ in range(arguments.rounds):
        report = json.loads(subprocess.run([arguments.bench, "augment", "--device", "cpu", "--json", "--steps", "6"],
                                           check=True, capture_output=True).stdout)
        for pipeline in report["pipelines"]:
            if "refused" not in pipeline:
                ours.setdefault(pipeline["name"], []).append(pipeline["seconds_median"] / BATCH)
                shares.setdefault(pipeline["name"], []).append(pipeline["share_of_step"])
        for name, both in pipelines(report["image_size"]).items():
            theirs.setdefault(name, []).append((loop_seconds(images, *both), loader_seconds(images, *both, 2)))
    print(f"torchvision {torchvision.__version__}; milliseconds an image, medians of {arguments.rounds} rounds;"
          f" 64x64 to {report['image_size']}x{report['image_size']}")
    print(f"{'pipeline':36}{'torchvision':>12}{'2 workers':>11}{'Vitrine':>9}{'of a step':>11}")
    for name, times in theirs.items():
        one, two = (1e3 * statistics.median(column) for column in zip(*times))
        mine = f"{1e3 * statistics.median(ours[name]):9.3f}{statistics.median(shares[name]):11.2%}" if name in ours else ""
        print(f"{name:36}{one:12.3f}{two:11.3f}{mine}")


if __name__ == "__main__":
    main()

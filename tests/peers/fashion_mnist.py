"""Trains on Fashion-MNIST in PyTorch with a one-cycle schedule: the accuracy and the time to compare with.

    python tests/peers/fashion_mnist.py --model basic_block_net --epochs 6
"""

import argparse
import pathlib
import time

import golden_folder  # noqa: F401
import torch
from torch.nn import functional

from fashion_mnist_images import FOLDER, accuracy, load, normalise
from peer_models import NAMES, build


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, default=FOLDER)
    parser.add_argument("--model", choices=NAMES, default="basic_block_net")
    parser.add_argument("--image-size", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--lr", type=float, default=0.1, help="the peak of the cycle")
    parser.add_argument("--momentum", type=float, default=0.9)
    parser.add_argument("--weight-decay", type=float, default=1e-4)
    parser.add_argument("--label-smoothing", type=float, default=0.0)
    parser.add_argument("--cycle-momentum", action="store_true", help="momentum falls while the rate rises")
    parser.add_argument("--max-steps", type=int, default=0, help="stop early; 0: never")
    parser.add_argument("--subset", type=float, default=1.0, help="share of the training images, drawn by the seed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def train_epoch(model, optimiser, scheduler, images, labels, statistics, options, steps: int) -> float:
    """The mean loss of at most `steps` steps, over whole batches in a random order."""
    model.train()
    total = 0.0
    whole = len(labels) // options.batch_size * options.batch_size
    order = torch.randperm(len(labels))[:whole].split(options.batch_size)[:steps]
    for samples in order:
        optimiser.zero_grad(set_to_none=True)
        logits = model(normalise(images[samples], *statistics))
        loss = functional.cross_entropy(logits, labels[samples], label_smoothing=options.label_smoothing)
        loss.backward()
        optimiser.step()
        scheduler.step()
        total += loss.item()
    return total / len(order)


def main() -> None:
    options = parse_arguments()
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    images, labels = load(True, options.image_size, options.data)
    test_images, test_labels = load(False, options.image_size, options.data)
    if options.subset < 1.0:
        kept = torch.randperm(len(labels))[:round(options.subset * len(labels))]
        images, labels = images[kept], labels[kept]
    pixels = images.double() / 255.0
    statistics = [pixels.mean().item()] * 3, [pixels.std(correction=0).item()] * 3
    del pixels

    model = build(options.model, 10, options.image_size).to(memory_format=torch.channels_last)
    optimiser = torch.optim.SGD(model.parameters(), lr=options.lr, momentum=options.momentum,
                                weight_decay=options.weight_decay)
    steps_per_epoch = len(labels) // options.batch_size  # as Vitrine, without an incomplete last batch
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=options.lr,
                                                    total_steps=options.epochs * steps_per_epoch,
                                                    cycle_momentum=options.cycle_momentum)
    start = time.perf_counter()
    left = options.max_steps or options.epochs * steps_per_epoch
    for epoch in range(1, options.epochs + 1):
        loss = train_epoch(model, optimiser, scheduler, images, labels, statistics, options, left)
        left -= min(left, steps_per_epoch)
        score = accuracy(model, test_images, test_labels, *statistics)
        print(f"epoch {epoch}: train loss {loss:.4f}, test accuracy {score:.4f}, "
              f"{time.perf_counter() - start:.1f} s", flush=True)
        if left == 0:
            break


if __name__ == "__main__":
    main()

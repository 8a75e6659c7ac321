"""Is the accuracy of a short training in Vitrine that of PyTorch? Pairs of runs on Fashion-MNIST: in each pair both have the
same subset, order, normalisation and first weights; or all but one of them (--own).

    python tests/peers/compare_accuracy.py --seeds 10 --results pairs.jsonl
    python tests/peers/compare_accuracy.py --seeds 10 --results pairs.jsonl --own weights

What PyTorch is fed is drawn again from Vitrine's seed (vitrine_draws.py) and compared with what `train --dump-batches`
wrote, over three epochs of a small subset and the first batch of each run. The masks of dropout differ, and the roundings,
which training magnifies: after some steps the two runs of a pair are as far apart as two seeds. So only many pairs say
something: the mean of their differences is printed with its 95% confidence interval (Student's t). --results keeps each
run as a line, and a run that is there is not repeated.
"""

import argparse
import json
import math
import pathlib
import statistics
import sys
import tempfile
import time

import golden_folder  # noqa: F401
from missing_packages import require
from programs import ROOT, metadata_of, run

# Two-sided 95% quantiles of Student's t for 1 … 30 degrees of freedom.
T95 = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
       2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042]  # fmt: skip


def train_here(options, seed, folder, subset, epochs, batches, *more):
    """A run, whose folder has its first weights and batches too."""
    dropout = ["--dropout", options.dropout] if options.model == "mobilenet_v2" else []
    run(options.train, "--model", options.model, "--image-size", 32, "--batch-size", options.batch_size, "--epochs", epochs,
        "--lr", options.lr, *dropout, "--subset", subset, "--seed", seed, "--schedule", "one_cycle", "--threads",
        options.threads, "--dump-batches", batches, "--quiet", "--out", folder, *more)
    return folder


class Data:
    """Fashion-MNIST, and the share of it that a seed draws."""

    def __init__(self):
        import fashion_mnist_images as source
        import torch

        self.source = source
        self.pixels = source.read_idx(source.FOLDER / "train-images-idx3-ubyte.gz")
        self.labels = source.read_idx(source.FOLDER / "train-labels-idx1-ubyte.gz").astype("int64")
        self.test_images, self.test_labels = source.load(False, 32)
        self.torch = torch

    def training(self, kept):
        images = self.source.resized(self.pixels[kept], 32)
        return self.torch.from_numpy(images.copy()).unsqueeze(1), self.torch.from_numpy(self.labels[kept])

    def drawn(self, share, seed, own_subset=False):
        import vitrine_draws

        if own_subset:
            generator = self.torch.Generator().manual_seed(seed)
            order = self.torch.randperm(len(self.labels), generator=generator)
            return self.training(order[:round(share * len(self.labels))].numpy())
        return self.training(vitrine_draws.subset(self.labels, share, seed))


def settings_of(folder):
    """Mean and deviation that the run normalised with."""
    metadata = metadata_of(folder / "last.safetensors")
    return json.loads(metadata["mean"]), json.loads(metadata["deviation"])


def check_batches(data, folder, images, labels, seed, batch_size, count):
    """Ends the program where the first `count` batches, as they were dumped, are not those that are drawn here."""
    import vitrine_draws
    from safetensors.torch import load_file

    per_epoch = len(labels) // batch_size
    paths = sorted((folder / "batches").glob("batch-*.safetensors"))
    if len(paths) != count:
        sys.exit(f"compare_accuracy: {len(paths)} of {count} batches were dumped")
    for path in paths:
        epoch, index = divmod(int(path.stem.split("-")[1]) - 1, per_epoch)
        order = vitrine_draws.epoch_order(seed, epoch, len(labels))
        samples = data.torch.tensor(order[index * batch_size:(index + 1) * batch_size])
        dumped = load_file(path)
        same = (samples == dumped["samples"]).all() and (labels[samples] == dumped["labels"]).all()
        apart = (data.source.normalise(images[samples], *settings_of(folder)) - dumped["images"]).abs().max().item()
        if not same or apart > 1e-5:
            sys.exit(f"compare_accuracy: {path.name} of seed {seed} is not what is drawn here: {apart}")


def train_there(options, data, folder, seed, images, labels):
    """PyTorch's accuracy after the last epoch, and its mean loss in it."""
    import torch
    import vitrine_draws
    from peer_models import build
    from safetensors.torch import load_file
    from torch.nn import functional

    torch.manual_seed(seed)  # of the masks of dropout, and of what is its own
    arguments = {"dropout": options.dropout} if options.model == "mobilenet_v2" else {}
    model = build(options.model, 10, 32, **arguments).to(memory_format=torch.channels_last)
    if options.own != "weights":
        model.load_state_dict(load_file(folder / "batches/weights.safetensors"), strict=True)
    normalisation = settings_of(folder)
    if options.own == "subset":
        pixels = images.double() / 255.0
        normalisation = [pixels.mean().item()] * 3, [pixels.std(correction=0).item()] * 3
    optimiser = torch.optim.SGD(model.parameters(), lr=options.lr, momentum=0.9, weight_decay=1e-4)
    batches = len(labels) // options.batch_size
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=options.lr, total_steps=options.epochs * batches,
                                                    cycle_momentum=False)
    for epoch in range(options.epochs):
        model.train()
        order = (torch.randperm(len(labels)) if options.own == "order" else
                 torch.tensor(vitrine_draws.epoch_order(seed, epoch, len(labels))))
        total = 0.0
        for samples in order[:batches * options.batch_size].split(options.batch_size):
            optimiser.zero_grad(set_to_none=True)
            loss = functional.cross_entropy(model(data.source.normalise(images[samples], *normalisation)), labels[samples])
            loss.backward()
            optimiser.step()
            scheduler.step()
            total += loss.item()
    return data.source.accuracy(model, data.test_images, data.test_labels, *normalisation), total / batches


def setting(options):
    return {key: getattr(options, key) for key in ("model", "subset", "epochs", "batch_size", "lr", "dropout")}


def known(options, **wanted):
    """The line of a run that was made before, or none."""
    if not options.results or not options.results.exists():
        return None
    lines = [json.loads(line) for line in options.results.read_text().splitlines()]
    wanted |= setting(options)
    return next((line for line in lines if all(line.get(key) == value for key, value in wanted.items())), None)


def keep(options, **line):
    line = setting(options) | line
    if options.results:
        with options.results.open("a") as file:
            file.write(json.dumps(line) + "\n")
    return line


def pair(options, data, seed):
    """The lines of both runs of a seed."""
    here = known(options, side="vitrine", seed=seed)
    there = known(options, side="pytorch", seed=seed, own=options.own)
    if here and there:
        return here, there
    with tempfile.TemporaryDirectory() as place:
        start = time.perf_counter()
        # Of a run that is known, the first weights and batch are all that is needed.
        folder = train_here(options, seed, pathlib.Path(place, "run"), options.subset, options.epochs, 1,
                            *(["--max-steps", 1] if here else []))
        images, labels = data.drawn(options.subset, seed)
        check_batches(data, folder, images, labels, seed, options.batch_size, 1)
        if not here:
            last = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()][-1]
            here = keep(options, side="vitrine", seed=seed, accuracy=last["val_accuracy"], loss=last["train_loss"],
                        seconds=round(time.perf_counter() - start))
        if not there:
            start = time.perf_counter()
            if options.own == "subset":
                images, labels = data.drawn(options.subset, seed, own_subset=True)
            accuracy, loss = train_there(options, data, folder, seed, images, labels)
            there = keep(options, side="pytorch", seed=seed, own=options.own, accuracy=accuracy, loss=loss,
                         seconds=round(time.perf_counter() - start))
    return here, there


def interval(values):
    """Mean and half of the width of its 95% confidence interval."""
    quantile = T95[min(len(values) - 2, len(T95) - 1)]
    return statistics.mean(values), quantile * statistics.stdev(values) / math.sqrt(len(values))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", type=pathlib.Path, default=ROOT / "build/release/bin/train")
    parser.add_argument("--model", choices=("basic_block_net", "mobilenet_v2"), default="mobilenet_v2")
    parser.add_argument("--subset", type=float, default=0.2)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=0.02, help="the peak of the cycle")
    parser.add_argument("--dropout", type=float, default=0.2)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--own", choices=("nothing", "weights", "order", "subset"), default="nothing",
                        help="what PyTorch draws itself")
    parser.add_argument("--results", type=pathlib.Path, help="a file of runs, a line each, to go on with")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    require("torch", "torchvision", "safetensors", "numpy", "PIL")
    import torch

    torch.set_num_threads(options.threads)
    data = Data()
    with tempfile.TemporaryDirectory() as place:  # three epochs of 180 images
        count = 3 * (180 // options.batch_size)
        folder = train_here(options, 7, pathlib.Path(place, "run"), 0.003, 3, count)
        check_batches(data, folder, *data.drawn(0.003, 7), 7, options.batch_size, count)
    print("| seed | Vitrine | PyTorch | points apart | last training loss, Vitrine's and PyTorch's |\n|---|---|---|---|---|")
    apart = []
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        here, there = pair(options, data, seed)
        apart.append(100 * (here["accuracy"] - there["accuracy"]))
        print(f"| {seed} | {here['accuracy']:.4f} | {there['accuracy']:.4f} | {apart[-1]:+.2f} | {here['loss']:.4f}, "
              f"{there['loss']:.4f} |", flush=True)
    if len(apart) > 1:
        mean, half = interval(apart)
        print(f"\n{len(apart)} pairs: Vitrine − PyTorch is {mean:+.2f} points, 95% confidence {mean - half:+.2f} to "
              f"{mean + half:+.2f}")


if __name__ == "__main__":
    main()

"""Batches in shards here, and processes of PyTorch's DistributedDataParallel (gloo): the same training.

    python tests/peers/compare_shards.py [--models mobilenet_v2 basic_block_net] [--shards 2 4] [--steps 20] [--only clipping]

From the same first weights, each process is fed one shard of each batch (train --dump-batches), in f64. The losses and norms of the
gradients of all steps, the learning rates and the weights afterwards must agree within 1e-9, running statistics included. Each process
keeps its own of these (broadcast_buffers=False); the model here has their mean. Ends with code 1 where something differs.
"""

import argparse
import pathlib
import sys
import tempfile
import warnings

import golden_folder  # noqa: F401
import programs
from compare_training import (ALLOWED, BATCH, CLASSES, SETTINGS, SIZE, TorchTraining, distance, lines_of, train_here, write_recipe)
from missing_packages import require

sys.path.insert(0, str(programs.ROOT / "tests/processes"))
from reserved_port import number_of, reserve_port  # noqa: E402

NAMES = ["plain", "nesterov, decay of weights alone", "label smoothing", "clipping", "averaged weights", "accumulation of 2, clipping",
         "flips and crops", "mixup", "warm-up, hold, cosine"]
TRAIN = 100  # images of a class; a shard has as many as a batch of compare_training
FIGURES = ["loss", "gradient_norm", "learning_rate"]


class TorchProcess(TorchTraining):
    """One of the processes, on its shard of each batch."""

    images = CLASSES * TRAIN

    def __init__(self, rank, shards, *arguments):
        import torch

        super().__init__(*arguments)
        self.rank, self.shards = rank, shards
        warnings.simplefilter("ignore", FutureWarning)  # newer versions have another word for it, which does less
        self.forward = torch.nn.parallel.DistributedDataParallel(self.model, broadcast_buffers=False)

    def batch_loss(self, number):
        return super().batch_loss((number - 1) * self.shards + self.rank + 1)


def process(rank, shards, port, arguments, steps, steps_per_epoch, results):
    import torch
    import torch.distributed as distributed

    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=shards)
    training = TorchProcess(rank, shards, *arguments)
    lines = training.train(steps, steps_per_epoch, [])
    losses = torch.tensor([line["loss"] for line in lines], dtype=torch.float64)
    distributed.all_reduce(losses)
    state = training.state()
    for value in state.values():  # parameters are the same in all of them
        if value.is_floating_point():
            distributed.all_reduce(value)
            value /= shards
    if rank == 0:
        for line, loss in zip(lines, losses.tolist()):
            line["loss"] = loss / shards
        torch.save((lines, {name: value.contiguous() for name, value in state.items()}), results)
    distributed.destroy_process_group()


def compare(options, data, model, shards, name, folder):
    """The largest distances of loss, norm, learning rate and weights."""
    import torch
    from safetensors.torch import load_file

    recipe, run, results = folder / "recipe.toml", folder / "run", folder / "there.pt"
    settings = SETTINGS[name]
    settings = settings | {"training": settings.get("training", {}) | {"batch_size": BATCH * shards, "shards": shards}}
    phase, training = write_recipe(recipe, data, model, settings, "f64")
    accumulate = training.get("accumulate", 1)
    train_here(options, recipe, run, options.steps, options.steps * accumulate * shards)
    here = lines_of(run / "steps.jsonl")
    if len(here) != options.steps:
        sys.exit(f"compare_shards: {name}: {len(here)} of {options.steps} steps are in steps.jsonl")
    steps_per_epoch = CLASSES * TRAIN // training["batch_size"] // accumulate
    arguments = (run, model, phase, training, torch.float64)
    with reserve_port() as reserved:
        torch.multiprocessing.spawn(process, nprocs=shards,
                                    args=(shards, number_of(reserved), arguments, options.steps, steps_per_epoch, results))
    there, state = torch.load(results, weights_only=True)
    worst = {key: max(distance(a[key], b[key]) for a, b in zip(here, there)) for key in FIGURES}
    mine = load_file(run / "last.safetensors")
    away = {key: ((mine[key].double() - value.double()).abs().max() / (1e-3 + value.double().abs().max())).item()
            for key, value in state.items()}
    statistics = {key: value for key, value in away.items() if "running" in key}
    return list(worst.values()) + [max(away.values()), max(statistics.values())]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", type=pathlib.Path, default=programs.ROOT / "build/release/bin/train")
    parser.add_argument("--models", nargs="+", default=["mobilenet_v2", "basic_block_net"])
    parser.add_argument("--shards", nargs="+", type=int, default=[2, 4])
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--only", default="", help="settings whose name contains this")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    require("torch", "torchvision", "safetensors", "numpy", "PIL")
    failed = False
    print("| f64, after", options.steps, "steps | shards | loss | norm of the gradients | learning rate | weights | of these, running "
          "statistics |\n|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        data = pathlib.Path(folder, "images")
        programs.draw_images(data, CLASSES, TRAIN, val=4, size=SIZE)
        for model in options.models:
            for shards in options.shards:
                for name in NAMES:
                    if options.only not in name:
                        continue
                    with tempfile.TemporaryDirectory() as one:
                        worst = compare(options, data, model, shards, name, pathlib.Path(one))
                    differs = max(worst) > ALLOWED
                    failed |= differs
                    print(f"| {model}: {name} | {shards} |", " | ".join(f"{value:.1e}" for value in worst),
                          "|" + (" **differs**" if differs else ""), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

"""The same training in Vitrine and in PyTorch: the same first weights, the same batches (train --dump-batches), the same settings.

    python tests/peers/compare_training.py [--models mobilenet_v2 basic_block_net] [--steps 20] [--only clipping]

In f64 for 20 steps with each setting in turn: the losses and the norms of the gradients of all steps, the learning rates,
and the weights afterwards (or their average) must agree within 1e-9. In f32 for 100 steps: training magnifies every
rounding, so PyTorch's own distance from its f64 run is the measure for Vitrine's. Ends with code 1 where one differs.
"""

import argparse
import json
import pathlib
import sys
import tempfile

import golden_folder  # noqa: F401
import programs
from missing_packages import require

ALLOWED = 1e-9
CLASSES, SIZE, BATCH, TRAIN = 4, 32, 16, 25  # 6 steps an epoch
# Low enough that a rounding does not grow to 1e-9 within the steps: with batch norms over 16 values MobileNetV2 starts with
# gradients of norm 180, and at 0.0005 PyTorch is 1e-7 away from itself after eight steps if its weights change by 1e-14.
RATES = {"mobilenet_v2": 2e-5, "basic_block_net": 0.02, "resnet18": 0.0005}
# Rates are multiples of the model's.
SCHEDULERS = [
    {"kind": "step", "step_size": 4, "gamma": 0.5, "per": "batch"},
    {"kind": "multi_step", "milestones": [1, 2], "gamma": 0.3, "per": "epoch"},
    {"kind": "exponential", "gamma": 0.95, "per": "batch"},
    {"kind": "cyclic", "base_lr": 0.1, "max_lr": 1.0, "step_size_up": 5, "mode": "triangular2",
     "cycle_momentum": True, "base_momentum": 0.8, "max_momentum": 0.95, "per": "batch"},
    {"kind": "cosine", "period": 20, "min_lr": 0.01, "per": "batch"},
    {"kind": "cosine_warm_restarts", "first_period": 5, "period_factor": 2, "min_lr": 0.01, "per": "batch"},
    {"kind": "one_cycle", "max_lr": 1.0, "total_steps": 40, "cycle_momentum": True, "per": "batch"},
    {"kind": "polynomial", "total_steps": 30, "power": 2.0, "per": "batch"},
    {"kind": "reduce_on_plateau", "metric": "val_loss", "patience": 0, "factor": 0.5,
     "threshold": 0.9999, "per": "epoch"},
]
SETTINGS = {
    "plain": {},
    "without momentum": {"phase": {"momentum": 0.0}},
    "nesterov, decay of weights alone": {
        "phase": {"nesterov": True, "weight_decay": 0.01, "decay_norms_and_biases": False}},
    "label smoothing": {"training": {"label_smoothing": 0.1}},
    "clipping": {"training": {"clip_norm": 0.5}},
    "averaged weights": {"training": {"ema_decay": 0.9}},
    "accumulation of 2, clipping": {"training": {"accumulate": 2, "clip_norm": 1.0}},
    "flips and crops": {"augment": [{"op": "random_horizontal_flip"}, {"op": "random_crop", "size": SIZE, "padding": 4}]},
    "mixup": {"batch": {"mixup": 0.4}},
    "cutmix, label smoothing": {"batch": {"cutmix": 1.0}, "training": {"label_smoothing": 0.1}},
    "class weights": {"training": {"class_weights": [0.5, 4.0, 0.0, 1.5]}},
    "class weights, label smoothing": {"training": {"class_weights": [0.5, 4.0, 1.0, 20.0], "label_smoothing": 0.1}},
    "class weights, mixup, accumulation": {"training": {"class_weights": [0.5, 4.0, 1.0, 20.0], "label_smoothing": 0.2, "accumulate": 2},
                                           "batch": {"mixup": 0.4}},
    "sampler": {"training": {"sampler": [1.0, 5.0, 0.0, 2.0]}, "augment": [{"op": "random_horizontal_flip"}]},
    "warm-up, cosine": {"phase": {"scheduler": {"kind": "cosine", "period": 16, "per": "batch"},
                                  "warmup": {"length": 4, "start_factor": 0.1, "per": "batch"}}},
    "warm-up, hold, cosine": {"phase": {"scheduler": {"kind": "cosine", "period": 8, "per": "batch"},
                                        "warmup": {"length": 4, "start_factor": 0.1, "per": "batch"},
                                        "hold": {"length": 8, "per": "batch"}}},
    **{f"scheduler {spec['kind']}": {"phase": {"scheduler": spec}} for spec in SCHEDULERS},
}


def write_recipe(path, data, model, settings, precision):
    from torch_schedulers import to_toml

    phase = {"epochs": 100, "lr": RATES[model], "momentum": 0.9, "weight_decay": 0.0001} | settings.get("phase", {})
    if "scheduler" in phase:
        phase["scheduler"] = {key: value * RATES[model] if key in ("base_lr", "max_lr", "min_lr") else value
                              for key, value in phase["scheduler"].items()}
    training = {"batch_size": BATCH, "precision": precision, "checkpoint_minutes": 100} | settings.get("training", {})
    names = sorted(each.name for each in (data / "train").iterdir())
    for key in ("class_weights", "sampler"):  # for each class
        if key in training:
            training[key] = dict(zip(names, training[key]))
    transforms = {"augment": settings.get("augment", []), "batch": settings.get("batch", {})}
    text = f"[data]\n{to_toml({'path': str(data), 'image_size': SIZE})}[model]\n{to_toml({'name': model})}"
    text += "dropout = 0.0\n" if model == "mobilenet_v2" else ""
    text += "[transforms]\n" + to_toml({key: value for key, value in transforms.items() if value})
    path.write_text(f"{text}[training]\n{to_toml(training)}[[phase]]\n{to_toml(phase)}")
    return phase, training


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def train_here(options, recipe, run, steps, batches):
    programs.run(options.train, recipe, "--out", run, "--max-steps", steps, "--dump-batches", batches, "--quiet",
                 "--threads", options.threads)


def warmed_up_average(decay):
    """For AveragedModel: a decay of min(decay, (1 + updates) / (10 + updates)), and counters as they are."""
    def update(averages, values, updates):
        share = 1 - min(decay, (1 + updates.item()) / (10 + updates.item()))
        for average, value in zip(averages, values):
            average.lerp_(value, share) if average.is_floating_point() else average.copy_(value)
    return update


class TorchTraining:
    """The run of a folder once more, with PyTorch's own parts."""

    images = CLASSES * TRAIN

    def __init__(self, run, model, phase, training, dtype):
        import peer_models
        import torch
        from safetensors.torch import load_file
        from torch.optim.swa_utils import AveragedModel
        from torch_schedulers import after_others, make

        self.run, self.training, self.dtype = run, training, dtype
        arguments = {"dropout": 0.0} if model == "mobilenet_v2" else {}
        self.model = peer_models.build(model, CLASSES, SIZE, **arguments).to(dtype).to(memory_format=torch.channels_last)
        self.model.load_state_dict(load_file(run / "batches/weights.safetensors"), strict=True)
        self.optimiser = torch.optim.SGD(self.groups(phase), lr=phase["lr"], momentum=phase["momentum"],
                                         nesterov=phase.get("nesterov", False))
        case = {"scheduler": phase.get("scheduler", {"kind": "constant"})}
        case |= {part: phase[part] for part in ("warmup", "hold") if part in phase}
        self.per = case["scheduler"].get("per", "epoch")
        self.metric = case["scheduler"].get("metric") if case["scheduler"]["kind"] == "reduce_on_plateau" else None
        self.scheduler = after_others(case, self.optimiser, make(case["scheduler"], self.optimiser))
        self.forward = self.model
        self.average = None
        if training.get("ema_decay"):
            self.average = AveragedModel(self.model, multi_avg_fn=warmed_up_average(training["ema_decay"]),
                                         use_buffers=True)
        weights = training.get("class_weights")
        self.loss = torch.nn.CrossEntropyLoss(
            weight=None if weights is None else torch.tensor(list(weights.values()), dtype=dtype),
            label_smoothing=training.get("label_smoothing", 0.0))

    def groups(self, phase):
        decay = phase["weight_decay"]
        if phase.get("decay_norms_and_biases", True):
            return [{"params": list(self.model.parameters()), "weight_decay": decay}]
        weights = [each for each in self.model.parameters() if each.dim() > 1]
        others = [each for each in self.model.parameters() if each.dim() <= 1]
        return [{"params": weights, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]

    def batch_loss(self, number):
        from safetensors.torch import load_file

        batch = load_file(self.run / f"batches/batch-{number:09}.safetensors")
        logits = self.forward(batch["images"].to(self.dtype))
        if "labels_b" not in batch:
            return self.loss(logits, batch["labels"])
        share = batch["lambda"].item()
        return share * self.loss(logits, batch["labels"]) + (1 - share) * self.loss(logits, batch["labels_b"])

    def step(self, number, accumulate, first):
        """Loss, norm of the gradients and learning rate of a step."""
        import torch

        self.optimiser.zero_grad()
        total = 0.0
        for index in range(accumulate):
            loss = self.batch_loss(first + index) / accumulate
            loss.backward()
            total += loss.item()
        limit = self.training.get("clip_norm") or float("inf")
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), limit).item()
        rate = self.optimiser.param_groups[0]["lr"]
        self.optimiser.step()
        if self.average is not None:
            self.average.update_parameters(self.model)
        return {"step": number, "loss": total, "gradient_norm": norm, "learning_rate": rate}

    def train(self, steps, steps_per_epoch, epochs):
        accumulate = self.training.get("accumulate", 1)
        lines = []
        for number in range(1, steps + 1):
            # An epoch's incomplete last step is left out, and so are its batches' numbers.
            epoch, in_epoch = divmod(number - 1, steps_per_epoch)
            first = epoch * (self.images // self.training["batch_size"]) + in_epoch * accumulate + 1
            lines.append(self.step(number, accumulate, first))
            if self.scheduler is None:
                continue
            if self.per == "batch":
                self.scheduler.step()
            elif number % steps_per_epoch == 0 and number < steps:
                self.scheduler.step(*([epochs[number // steps_per_epoch - 1][self.metric]] if self.metric else []))
        return lines

    def state(self):
        return (self.average.module if self.average is not None else self.model).state_dict()


def distance(a, b):
    return abs(a - b) / max(1.0, abs(b))


def compare(options, data, model, name, precision, steps, folder):
    """The largest distances of loss, norm, learning rate and weights; and PyTorch's losses beside Vitrine's."""
    import torch
    from safetensors.torch import load_file

    recipe, run = folder / "recipe.toml", folder / "run"
    phase, training = write_recipe(recipe, data, model, SETTINGS[name], precision)
    accumulate = training.get("accumulate", 1)
    batches_per_epoch = CLASSES * TRAIN // BATCH
    train_here(options, recipe, run, steps, steps * accumulate)
    here = lines_of(run / "steps.jsonl")
    peer = TorchTraining(run, model, phase, training, torch.float64 if precision == "f64" else torch.float32)
    there = peer.train(steps, batches_per_epoch // accumulate, lines_of(run / "metrics.jsonl"))
    if len(here) != steps:
        sys.exit(f"compare_training: {name}: {len(here)} of {steps} steps are in steps.jsonl")
    worst = {key: max(distance(a[key], b[key]) for a, b in zip(here, there))
             for key in ("loss", "gradient_norm", "learning_rate")}
    mine, state = load_file(run / "last.safetensors"), peer.state()
    worst["weights"] = max(((mine[key].double() - value.double()).abs().max() / (1e-3 + value.double().abs().max())).item()
                           for key, value in state.items())
    return worst, here, there, run, (phase, training)


def exact(options, data):
    """Every setting in f64."""
    failed = False
    print("| f64, after", options.steps, "steps | loss | norm of the gradients | learning rate | weights |\n|---|---|---|---|---|")
    for model in options.models:
        for name in SETTINGS:
            if options.only and options.only not in name:
                continue
            with tempfile.TemporaryDirectory() as folder:
                worst = compare(options, data, model, name, "f64", options.steps, pathlib.Path(folder))[0]
            differs = max(worst.values()) > ALLOWED
            failed |= differs
            print(f"| {model}: {name} |", " | ".join(f"{value:.1e}" for value in worst.values()),
                  "|" + (" **differs**" if differs else ""), flush=True)
    return failed


def rounded(options, data):
    """100 steps in f32, beside PyTorch's own distance from f64."""
    import torch

    failed = False
    print("\n| f32, 100 steps: mean distance of the losses from f64 | Vitrine | PyTorch | first loss, last loss |\n|---|---|---|---|")
    for model in options.models:
        with tempfile.TemporaryDirectory() as folder:
            _, here, there, run, settings = compare(options, data, model, "plain", "f32", 100, pathlib.Path(folder))
            true = TorchTraining(run, model, *settings, torch.float64).train(100, CLASSES * TRAIN // BATCH, [])
        mine, peers = (sum(abs(a["loss"] - b["loss"]) for a, b in zip(lines, true)) / 100 for lines in (here, there))
        # Chaos decides how far each gets; ten times the peer's distance would be something else.
        differs = mine > 10 * peers + 1e-6
        failed |= differs
        print(f"| {model} | {mine:.1e} | {peers:.1e} | {here[0]['loss']:.4f}, {here[-1]['loss']:.4f} |"
              + (" **differs**" if differs else ""), flush=True)
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", type=pathlib.Path, default=programs.ROOT / "build/release/bin/train")
    parser.add_argument("--models", nargs="+", default=["mobilenet_v2", "basic_block_net"])
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--only", default="", help="settings whose name contains this; f64 alone")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    require("torch", "torchvision", "safetensors", "numpy", "PIL")
    import torch

    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        data = pathlib.Path(folder, "images")
        programs.draw_images(data, CLASSES, TRAIN, val=4, size=SIZE)
        failed = exact(options, data)
        if not options.only:
            failed |= rounded(options, data)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

"""Writes schedulers.json: sequences of PyTorch's learning-rate schedulers over 1,000 steps.

    python tests/golden/make_schedulers.py

Kept are the first 40 steps and each 37th after that. 37 is prime to the periods, so all places of a cycle are met.
"""

import json
import math
import pathlib
import random

import missing_packages  # noqa: F401
import torch
from torch_schedulers import to_toml, torch_sequence

STEPS = 1000
KEPT = [*range(40), *range(40, STEPS, 37), STEPS - 1]


def scheduler(kind: str, **settings) -> dict:
    return {"learning_rate": 0.1, "momentum": 0.9, "steps": STEPS,
            "scheduler": {"kind": kind, "per": "batch"} | settings}


def warm(case: dict, length: int, start_factor: float) -> dict:
    return case | {"warmup": {"length": length, "start_factor": start_factor, "per": case["scheduler"]["per"]}}


def held(case: dict, length: int) -> dict:
    return case | {"hold": {"length": length, "per": case["scheduler"]["per"]}}


def plateau(metrics: list[float], **settings) -> dict:
    return scheduler("reduce_on_plateau", **settings, per="epoch") | {"metrics": metrics}


def noisy_loss(seed: int, fall: float) -> list[float]:
    generator = random.Random(seed)
    return [round(0.2 + 2 * math.exp(-step / fall) + generator.uniform(0, 0.3), 3) for step in range(STEPS)]


def cases() -> list[dict]:
    study = {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 5}
    loss = noisy_loss(1, 150)
    return [
        scheduler("step", step_size=30), scheduler("step", step_size=1, gamma=0.99), scheduler("step", step_size=7, gamma=0.5),
        scheduler("multi_step", milestones=[5, 20, 700]), scheduler("multi_step", milestones=[20, 3, 3, 999], gamma=0.3),
        scheduler("exponential", gamma=0.99), scheduler("exponential", gamma=1.002), scheduler("exponential", gamma=0.5),
        scheduler("cyclic", **study, mode="triangular2"), scheduler("cyclic", **study),
        scheduler("cyclic", **study, step_size_down=12, mode="triangular2", base_momentum=0.7, max_momentum=0.97),
        scheduler("cyclic", base_lr=0.0, max_lr=0.3, step_size_up=1),
        scheduler("cyclic", base_lr=1e-4, max_lr=0.5, step_size_up=83, mode="exp_range", gamma=0.995),
        scheduler("cyclic", **study, mode="exp_range", cycle_momentum=False),
        scheduler("cosine", period=100), scheduler("cosine", period=1000), scheduler("cosine", period=1, min_lr=0.01),
        scheduler("cosine", period=7, min_lr=1e-4), scheduler("cosine", period=333, min_lr=0.2),
        scheduler("cosine_warm_restarts", first_period=10), scheduler("cosine_warm_restarts", first_period=1),
        scheduler("cosine_warm_restarts", first_period=10, period_factor=2, min_lr=1e-3),
        scheduler("cosine_warm_restarts", first_period=3, period_factor=3),
        scheduler("one_cycle", max_lr=0.3, total_steps=1000),
        scheduler("one_cycle", max_lr=0.3, total_steps=1000, anneal="linear", pct_start=0.25, div_factor=10.0),
        scheduler("one_cycle", max_lr=0.3, total_steps=1000, three_phase=True, final_div_factor=100.0),
        scheduler("one_cycle", max_lr=0.3, total_steps=1000, three_phase=True, pct_start=0.7, anneal="linear"),
        scheduler("one_cycle", max_lr=0.3, total_steps=1000, cycle_momentum=False),
        scheduler("one_cycle", max_lr=0.3, total_steps=1000, pct_start=0.0, base_momentum=0.5, max_momentum=0.6),
        scheduler("one_cycle", max_lr=0.3, total_steps=1) | {"steps": 1},
        scheduler("one_cycle", max_lr=0.3, total_steps=3) | {"steps": 3},
        scheduler("polynomial", total_steps=1000), scheduler("polynomial", total_steps=300, power=2.0),
        scheduler("polynomial", total_steps=37, power=0.9), scheduler("polynomial", total_steps=1, power=0.0),
        warm(scheduler("step", step_size=30), 10, 0.1), warm(scheduler("multi_step", milestones=[5, 20]), 1, 0.5),
        warm(scheduler("exponential", gamma=0.99), 300, 0.001),
        warm(scheduler("cyclic", **study, mode="triangular2"), 20, 0.01),
        warm(scheduler("cosine", period=995), 5, 1 / 3), warm(scheduler("cosine", period=50, min_lr=0.01), 25, 1.0),
        warm(scheduler("cosine_warm_restarts", first_period=10, period_factor=2), 7, 0.2),
        warm(scheduler("one_cycle", max_lr=0.3, total_steps=900), 100, 0.01),
        warm(scheduler("polynomial", total_steps=900), 37, 0.05), warm(scheduler("exponential", gamma=0.9), 2000, 0.01),
        held(scheduler("step", step_size=30), 100), held(scheduler("cosine", period=200), 800),
        held(warm(scheduler("cosine", period=157), 43, 0.05), 800), held(warm(scheduler("polynomial", total_steps=200), 1, 0.5), 1),
        held(warm(scheduler("cyclic", **study, mode="triangular2"), 20, 0.01), 33),
        held(warm(scheduler("one_cycle", max_lr=0.3, total_steps=600), 100, 0.01), 300),
        held(warm(scheduler("cosine_warm_restarts", first_period=10, period_factor=2), 7, 0.2), 2000),
        plateau(loss), plateau(loss, factor=0.5, patience=0, min_lr=1e-3),
        plateau([round(1 - value / 3, 3) for value in loss], metric="val_accuracy", patience=5, cooldown=7, factor=0.7),
        plateau(loss, metric="train_loss", threshold=0.05, threshold_mode="absolute", patience=20, eps=1e-3, factor=0.3),
    ]


def main() -> None:
    lines = []
    for case in cases():
        sequence = torch_sequence(case)
        kept = [step for step in KEPT if step < case["steps"]]
        momenta = [sequence[step][1] for step in kept]
        entry = {"toml": to_toml(case), "steps": kept, "learning_rate": [sequence[step][0] for step in kept],
                 "momentum": momenta[:1] if len(set(momenta)) == 1 else momenta}
        if kept == KEPT:
            del entry["steps"]
        lines.append("  " + json.dumps(entry))
    text = f'{{\n "torch": {json.dumps(torch.__version__)},\n "steps": {json.dumps(KEPT)},\n "cases": [\n'
    path = pathlib.Path(__file__).parent / "schedulers.json"
    path.write_text(text + ",\n".join(lines) + "]\n}\n")


if __name__ == "__main__":
    main()

"""Compares random learning-rate schedulers with the installed PyTorch's over 1,000 steps each, momentum included.

    python tests/peers/compare_schedulers.py [--schedules build/release/bin/schedules] [--cases 3000] [--seed 1]

Prints the worst relative difference of each kind, and ends with code 1 if one is above 1e-12.
"""

import argparse
import random
import subprocess
import sys
import time

import golden_folder  # noqa: F401
import numpy
import torch
from torch_schedulers import CLASSES, to_toml, torch_sequence


STEPS = 1000
ALLOWED = 1e-12


class Draw:
    """Parameters as people choose them, and as nobody does."""

    def __init__(self, seed: int):
        self.random = random.Random(seed)

    def rate(self) -> float:
        return 10 ** self.random.uniform(-5, 0.5)

    def length(self) -> int:
        """1 … 3000, small ones as often as large ones."""
        return int(10 ** self.random.uniform(0, 3.5))

    def gamma(self) -> float:
        return self.random.choice([self.random.uniform(0.01, 1), 1 - 10 ** self.random.uniform(-6, -1), 1.0005])

    def flag(self) -> bool:
        return self.random.random() < 0.5

    def momenta(self) -> dict:
        low, high = sorted((self.random.uniform(0, 0.99), self.random.uniform(0, 0.99)))
        return {"cycle_momentum": self.flag(), "base_momentum": low, "max_momentum": high}

    def step(self) -> dict:
        return {"step_size": self.length(), "gamma": self.gamma()}

    def multi_step(self) -> dict:
        return {"milestones": [self.length() for _ in range(self.random.randint(1, 6))], "gamma": self.gamma()}

    def exponential(self) -> dict:
        return {"gamma": self.gamma()}

    def cyclic(self) -> dict:
        low, high = sorted((self.rate(), self.rate()))
        spec = {"base_lr": low, "max_lr": high, "step_size_up": self.length(), "gamma": self.gamma(),
                "mode": self.random.choice(["triangular", "triangular2", "exp_range"])} | self.momenta()
        return spec | ({"step_size_down": self.length()} if self.flag() else {})

    def cosine(self) -> dict:
        return {"period": self.length(), "min_lr": self.random.choice([0.0, self.rate()])}

    def cosine_warm_restarts(self) -> dict:
        return {"first_period": self.length(), "period_factor": self.random.randint(1, 4),
                "min_lr": self.random.choice([0.0, self.rate()])}

    def reduce_on_plateau(self) -> dict:
        return {"metric": self.random.choice(["val_loss", "val_accuracy", "train_loss"]),
                "factor": self.random.uniform(0.05, 0.95), "patience": self.random.randint(0, 40),
                "threshold": 10 ** self.random.uniform(-5, -0.5), "cooldown": self.random.randint(0, 20),
                "threshold_mode": self.random.choice(["relative", "absolute"]),
                "min_lr": self.random.choice([0.0, self.rate() / 100]), "eps": 10 ** self.random.uniform(-9, -3)}

    def one_cycle(self) -> dict:
        return {"max_lr": self.rate(), "total_steps": self.length(), "pct_start": self.random.uniform(0, 0.999),
                "anneal": self.random.choice(["cosine", "linear"]), "div_factor": 10 ** self.random.uniform(0, 3),
                "final_div_factor": 10 ** self.random.uniform(0, 5), "three_phase": self.flag()} | self.momenta()

    def polynomial(self) -> dict:
        return {"total_steps": self.length(), "power": self.random.choice([1.0, 2.0, self.random.uniform(0, 5)])}

    def metrics(self) -> list[float]:
        """Better with time, noisy, sometimes not a number."""
        fall, noise, sign = self.length(), self.random.uniform(0, 0.3), self.random.choice([1, -1])
        values = [1 + sign * numpy.exp(-step / fall) + self.random.uniform(0, noise) for step in range(STEPS)]
        if self.flag():
            values[self.random.randrange(STEPS)] = float("nan")
        return [float(value) for value in values]

    def case(self, kind: str) -> dict:
        per = "epoch" if kind == "reduce_on_plateau" else self.random.choice(["batch", "epoch"])
        spec = {"kind": kind, "per": per} | getattr(self, kind)()
        case = {"learning_rate": self.rate(), "momentum": self.random.uniform(0, 0.99), "steps": STEPS,
                "scheduler": spec}
        if kind == "reduce_on_plateau":
            return case | {"metrics": self.metrics()}
        warm = self.length() if self.flag() else 0
        if warm:
            case["warmup"] = {"length": warm, "start_factor": 10 ** self.random.uniform(-4, 0), "per": per}
        hold = self.length() if self.flag() else 0
        if hold:
            case["hold"] = {"length": hold, "per": per}
        if kind == "one_cycle":  # PyTorch ends with an error
            case["steps"] = min(STEPS, warm + hold + spec["total_steps"])
        return case


def differences(ours: numpy.ndarray, theirs: numpy.ndarray) -> numpy.ndarray:
    scale = numpy.maximum(numpy.abs(ours), numpy.abs(theirs))
    return numpy.abs(ours - theirs) / numpy.where(scale == 0, 1, scale)


def vitrine_sequences(program: str, cases: list[dict]) -> list[numpy.ndarray]:
    text = "\n".join("[[case]]\n" + to_toml(case) for case in cases)
    numbers = numpy.frombuffer(subprocess.run([program], input=text.encode(), capture_output=True, check=True).stdout)
    ends = numpy.cumsum([2 * case["steps"] for case in cases])
    assert numbers.size == ends[-1]
    return [part.reshape(-1, 2) for part in numpy.split(numbers, ends[:-1])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--schedules", default="build/release/bin/schedules")
    parser.add_argument("--cases", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    draw, start = Draw(arguments.seed), time.monotonic()
    kinds = list(CLASSES)
    cases = [draw.case(kinds[i % len(kinds)]) for i in range(arguments.cases)]
    worst, identical = dict.fromkeys(kinds, (0.0, 0, None)), dict.fromkeys(kinds, 0)
    for case, ours in zip(cases, vitrine_sequences(arguments.schedules, cases)):
        difference = differences(ours, numpy.array(torch_sequence(case)))
        kind, step = case["scheduler"]["kind"], int(difference.max(axis=1).argmax())
        identical[kind] += int(difference.max() == 0)
        worst[kind] = max(worst[kind], (float(difference.max()), step, case), key=lambda entry: entry[0])
    print(f"torch {torch.__version__}, {len(cases)} schedulers, {time.monotonic() - start:.0f} s")
    for kind, (difference, step, case) in worst.items():
        count = len(cases[kinds.index(kind)::len(kinds)])
        print(f"{kind:22} {count:4} cases, {identical[kind]:4} identical; worst difference {difference:.1e}")
        if not difference <= ALLOWED:
            print(f"  at step {step} of:\n{to_toml(case | {'metrics': []})}")
    sys.exit(0 if all(entry[0] <= ALLOWED for entry in worst.values()) else 1)


if __name__ == "__main__":
    main()

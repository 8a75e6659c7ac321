"""Races Vitrine's training step against PyTorch's on this machine, in turns, and prints a Markdown table.

    python tests/peers/compare_steps.py [--bench build/release/bin/bench] [--rounds 3]

PyTorch is that of the Python that runs this script.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
from dataclasses import dataclass, field

import golden_folder  # noqa: F401
from missing_packages import require

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]


@dataclass
class Setting:
    model: str
    image_size: int
    batch_size: int
    classes: int
    steps: int  # of one turn
    vitrine: list[float] = field(default_factory=list)  # median seconds per step of each turn
    torch: list[float] = field(default_factory=list)

    def arguments(self, threads: int) -> list[str]:
        values = {"--model": self.model, "--image-size": self.image_size, "--batch-size": self.batch_size,
                  "--classes": self.classes, "--steps": self.steps, "--threads": threads}
        return [str(part) for pair in values.items() for part in pair] + ["--json"]

    def row(self) -> str:
        ratios = [torch / vitrine for torch, vitrine in zip(self.torch, self.vitrine)]
        return (f"| {self.model} | {self.image_size} | {self.batch_size} | {statistics.median(self.vitrine):.4f} "
                f"| {statistics.median(self.torch):.4f} | {statistics.median(ratios):.2f}× "
                f"| {min(ratios):.2f}–{max(ratios):.2f} |")


SETTINGS = [
    Setting("mobilenet_v2", 224, 32, 1000, steps=4),
    Setting("mobilenet_v2", 64, 64, 1000, steps=8),
    Setting("basic_block_net", 32, 128, 10, steps=16),
]


def seconds_of(command: list[str]) -> float:
    """The median of one turn."""
    finished = subprocess.run(command, capture_output=True, text=True)
    if finished.returncode != 0:
        sys.exit(f"compare_steps: {' '.join(command)} failed: {finished.stderr.strip()}")
    return json.loads(finished.stdout)["seconds_median"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bench", type=pathlib.Path, default=ROOT / "build/release/bin/bench")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    require("torch", "torchvision")
    if not options.bench.exists():
        sys.exit(f"compare_steps: {options.bench} does not exist; build it with `cmake --build build/release`")

    print("| model | image | batch | Vitrine s/step | PyTorch s/step | Vitrine is faster by | ratios of the rounds |")
    print("|---|---|---|---|---|---|---|")
    for setting in SETTINGS:
        arguments = setting.arguments(options.threads)
        for _ in range(options.rounds):
            setting.vitrine.append(seconds_of([str(options.bench), "step", *arguments]))
            setting.torch.append(seconds_of([sys.executable, str(HERE / "torch_step.py"), *arguments]))
        print(setting.row(), flush=True)


if __name__ == "__main__":
    main()

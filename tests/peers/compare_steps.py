"""Races Vitrine's training step, or its evaluation, against PyTorch's on this machine, in turns, and prints a Markdown table.

    python tests/peers/compare_steps.py [--bench build/release/bin/bench] [--rounds 3] [--peers eager,compile] [--evaluation]

PyTorch is that of the Python that runs this script, once as it is and once with torch.compile. Another build of bench is a peer, too:
`--peers OTHER/bin/bench` says what a change has brought.
"""

import argparse
import json
import pathlib
import statistics
import sys
from dataclasses import dataclass, field

import golden_folder  # noqa: F401
from missing_packages import require
from programs import ROOT, run

HERE = pathlib.Path(__file__).resolve().parent


@dataclass
class Setting:
    model: str
    image_size: int
    batch_size: int
    classes: int
    steps: int  # of one turn
    seconds: dict[str, list[float]] = field(default_factory=dict)  # by who: the median seconds per step of each turn

    def arguments(self, threads: int) -> list[str]:
        values = {"--model": self.model, "--image-size": self.image_size, "--batch-size": self.batch_size,
                  "--classes": self.classes, "--steps": self.steps, "--threads": threads}
        return [str(part) for pair in values.items() for part in pair] + ["--json"]

    def rows(self) -> list[str]:
        own, *peers = self.seconds
        return [self.row(own, peer) for peer in peers]

    def row(self, own: str, peer: str) -> str:
        ratios = [theirs / ours for theirs, ours in zip(self.seconds[peer], self.seconds[own])]
        return (f"| {self.model} | {self.image_size} | {self.batch_size} | {statistics.median(self.seconds[own]):.4f} "
                f"| {peer} | {statistics.median(self.seconds[peer]):.4f} | {statistics.median(ratios):.2f}× "
                f"| {min(ratios):.2f}–{max(ratios):.2f} |")


SETTINGS = [
    Setting("mobilenet_v2", 224, 32, 1000, steps=4),
    Setting("mobilenet_v2", 64, 64, 1000, steps=8),
    Setting("mobilenet_v2", 32, 32, 200, steps=16),
    Setting("basic_block_net", 32, 128, 10, steps=16),
    Setting("basic_block_net", 32, 16, 10, steps=32),
]


def seconds_of(command: list[str]) -> float:
    """The median of one turn."""
    return json.loads(run(*command))["seconds_median"]


def command_of(peer: str, evaluation: bool) -> list[str]:
    torch_step = [sys.executable, str(HERE / "torch_step.py"), *(["--evaluation"] if evaluation else [])]
    bench = [peer, "eval" if evaluation else "step"]
    return {"eager": torch_step, "compile": [*torch_step, "--compile"]}.get(peer, bench)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bench", type=pathlib.Path, default=ROOT / "build/release/bin/bench")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peers", default="eager,compile", help="eager, compile, or the path of another bench")
    parser.add_argument("--evaluation", action="store_true", help="the logits alone, in place of training steps")
    options = parser.parse_args()
    peers = options.peers.split(",")
    if {"eager", "compile"} & set(peers):
        require("torch", "torchvision")
    if not options.bench.exists():
        sys.exit(f"compare_steps: {options.bench} does not exist; build it with `cmake --build build/release`")

    print("| model | image | batch | Vitrine s/step | peer | its s/step | Vitrine is faster by | ratios of the rounds |")
    print("|---|---|---|---|---|---|---|---|")
    for setting in SETTINGS:
        commands = {who: command_of(who, options.evaluation) for who in [str(options.bench), *peers]}
        for _ in range(options.rounds):
            for who, command in commands.items():
                seconds = seconds_of([*command, *setting.arguments(options.threads)])
                setting.seconds.setdefault(who, []).append(seconds)
        print("\n".join(setting.rows()), flush=True)


if __name__ == "__main__":
    main()

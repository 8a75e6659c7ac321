"""Runs of four shards, alone or by several processes, and whether they ended with the same bytes: for slurm.py and several_hosts.py."""

import subprocess

from run_folders import write_data

RECIPE = """seed = 3
[model]
name = "mobilenet_v2"
width_mult = 0.25
[training]
batch_size = 16
shards = 4
ema_decay = 0.9
clip_norm = 1.0
[[phase]]
epochs = 8
lr = 0.02
"""
FILES = ["metrics.jsonl", "steps.jsonl", "last.safetensors", "best.safetensors"]


class ShardedRuns:
    def __init__(self, train, folder):
        self.train, self.folder = train.resolve(), folder
        write_data(folder / "data")
        (folder / "recipe.toml").write_text(RECIPE)

    def command(self, out, *more):
        return [self.train, self.folder / "recipe.toml", "--data", self.folder / "data", "--cache", self.folder / "cache", "--image-size",
                "16", "--threads", "1", "--quiet", "--out", self.folder / out, *more]

    def alone(self, out, *more):
        subprocess.run([str(each) for each in self.command(out, *more)], check=True)

    def same(self, a, b):
        return all((self.folder / a / file).read_bytes() == (self.folder / b / file).read_bytes() for file in FILES)

    def processes_left(self):
        return subprocess.run(["pgrep", "-f", f"^{self.train}"], capture_output=True, text=True).stdout.split()


def check(good, what):
    print(f"{'yes' if good else 'NO '}  {what}", flush=True)
    return good

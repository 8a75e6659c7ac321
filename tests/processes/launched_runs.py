"""Runs of several processes in a folder of their own, launched by mpirun or by launch.py: what processes_test.py stands on."""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "stress"))
from run_folders import write_data  # noqa: E402

OPTIONS = argparse.Namespace()  # of the command line
FILES = ["metrics.jsonl", "steps.jsonl", "last.safetensors", "best.safetensors", "validation.json"]
SHARDS = "[training]\nbatch_size = 16\nshards = 4\n"
TWO_PHASES = '[[phase]]\nepochs = 2\nlr = 0.05\n[[phase]]\nepochs = 1\nlr = 0.01\nstart_from = "best"\nreset_momentum = true\n'
RECIPES = {
    # Whatever has a state of its own.
    "basic": (SHARDS + "ema_decay = 0.9\nclip_norm = 1.0\naccumulate = 2\nwatch = 2\n"
              '[transforms]\naugment = [{ op = "random_horizontal_flip" }]\nbatch = { mixup = 0.4 }\n' + TWO_PHASES, []),
    # The last batch norms of these see four values, so that gradients have norms of 1e4 and more: not clipped, whether a run overflows
    # is told by roundings.
    "mobilenet": ('[model]\nname = "mobilenet_v2"\nwidth_mult = 0.25\n' + SHARDS + "clip_norm = 1.0\nskip_outliers = 50.0\n"
                  + TWO_PHASES + 'freeze = "features.*"\n', []),
    # Batch norm over all shards: whoever has them.
    "sync": ('[model]\nname = "mobilenet_v2"\nwidth_mult = 0.25\n' + SHARDS + "sync_batch_norm = true\nclip_norm = 1.0\naccumulate = 2\nwatch = 2\n"
             '[transforms]\nbatch = { mixup = 0.4 }\n' + TWO_PHASES + 'freeze = "features.?.*"\n', []),
    "bf16": (SHARDS + 'precision = "bf16"\n[[phase]]\nepochs = 1\nlr = 0.05\n', ["--device", "reference"]),
    "bf16-cpu": ('[model]\nname = "mobilenet_v2"\nwidth_mult = 0.25\n' + SHARDS
                 + 'clip_norm = 1.0\nprecision = "bf16"\n[[phase]]\nepochs = 1\nlr = 0.01\n', ["--device", "cpu"]),
}
# MPI has leaks of its own, which are not what a sanitizer is asked about.
ENVIRONMENT = os.environ | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "ASAN_OPTIONS": "detect_leaks=0",
                            "VITRINE_SIMT_GPUS": "4"}


def device_of(name, more):
    """A device's memory is the host's, or it has ways of its own to other devices."""
    if not OPTIONS.collective:
        return RECIPES[name][1]
    given = {"--device": "simt", "--collective": OPTIONS.collective}
    return [part for option, value in given.items() if option not in more for part in (option, value)]


def long_run(epochs):
    """The simt device takes longer for each."""
    return ["--set", f"phase.1.epochs={epochs // 8 if OPTIONS.collective else epochs}"]


# Of triples: the first process that has another command, how long the command is, and the command.
THE_OWN_COMMAND = 'until [ "$OMPI_COMM_WORLD_RANK" -lt "$1" ]; do shift $(($2 + 2)); done; exec "${@:3:$2}"'


def launched_each(commands):
    """So many processes by each command."""
    if OPTIONS.by == "mpirun":
        # A process finds its command by its number: mpirun of Open MPI 5.0.7 dies of several commands.
        parts, first = ["mpirun", "--oversubscribe", "-np", sum(processes for processes, _ in commands), "bash", "-c", THE_OWN_COMMAND, "bash"], 0
        for processes, command in commands:
            first += processes
            parts += [first, len(command), *command]
    else:
        parts = [sys.executable, HERE / "launch.py"] + sum(([processes, *command, ":"] for processes, command in commands), [])[:-1]
    return [str(each) for each in parts]


def launched(processes, command):
    return launched_each([(processes, command)]) if processes > 1 else [str(each) for each in command]


class Folder(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.temporary.name)
        (self.path / "t").mkdir()
        self.environment = ENVIRONMENT | {"TMPDIR": str(self.path / "t")}
        write_data(self.path / "data")
        for name, (text, _) in RECIPES.items():
            (self.path / f"{name}.toml").write_text("seed = 3\n" + text)

    def tearDown(self):
        left = list((self.path / "t").glob("vitrine-process-*"))
        self.temporary.cleanup()
        self.assertEqual([], left, "a process left its copy of the run's folder")

    def arguments(self, name, out, *more):
        return [OPTIONS.train, self.path / f"{name}.toml", "--data", self.path / "data", "--cache", self.path / "cache", "--image-size",
                "16", "--threads", "1", "--quiet", "--out", self.path / out, *device_of(name, more), *more]

    def start(self, processes, name, out, *more):
        return subprocess.Popen(launched(processes, self.arguments(name, out, *more)), env=self.environment, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def train(self, processes, name, out, *more, code=0):
        started = self.start(processes, name, out, *more)
        _, told = started.communicate(timeout=300)
        self.assertEqual(code, started.returncode, told)
        return told

    @staticmethod
    def children(run):
        return subprocess.run(["pgrep", "-P", str(run.pid)], capture_output=True, text=True).stdout.split()

    @staticmethod
    def rank_of(pid):
        name = {"mpirun": b"OMPI_COMM_WORLD_RANK=", "variables": b"RANK="}[OPTIONS.by]
        variables = pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        return next((int(each.split(b"=")[1]) for each in variables if each.startswith(name)), None)

    @staticmethod
    def size_of(file):
        return file.stat().st_size if file.exists() else 0

    @staticmethod
    def wait_for(file):
        for _ in range(3000):
            if file.exists():
                return
            time.sleep(0.01)

    def remove_what_kills_leave(self):
        """SIGKILL leaves nobody to do it."""
        for left in (self.path / "t").glob("vitrine-process-*"):
            subprocess.run(["rm", "-r", left], check=True)

    def check_same(self, out, expected):
        files = FILES + (["watch.jsonl"] if (self.path / expected / "watch.jsonl").exists() else [])
        files += [str(each.relative_to(self.path / expected)) for each in (self.path / expected / "checkpoints").iterdir()]
        for file in files:
            self.assertEqual((self.path / expected / file).read_bytes(), (self.path / out / file).read_bytes(), f"{out}/{file}")

    def predictions(self, out):
        """What predict prints of the validation images, and the network's own numbers."""
        logits = self.path / "logits.csv"
        command = [OPTIONS.train.with_name("predict"), self.path / out / "best.safetensors", self.path / "data/val", "--logits", logits]
        told = subprocess.run([str(each) for each in command], env=self.environment, capture_output=True, text=True, check=True)
        self.assertEqual(18, len(told.stdout.splitlines()))
        return told.stdout, logits.read_bytes()

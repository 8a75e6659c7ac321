"""Several processes train together, and the result is that of one: the same bytes.

    python3 tests/processes/processes_test.py --train build/release/bin/train [--by variables] [--kills 3] [--collective nccl]

For each recipe: one process alone, 2 and 4 of them, and a run whose number of processes changes on the way, after stops and after
kills. Every file that holds numbers is compared. Then what is refused: by all, by one, and with which words. They are launched by Open
MPI's mpirun, or, by variables, by launch.py, and then nobody ends those that another one's failure leaves behind.
With --collective all of it is on the simt device, whose memory is not the host's: `host` by copies, `nccl` where the train that is
given has a stand-in of NCCL (train_vendor).
"""

import argparse
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "stress"))
from run_folders import write_data  # noqa: E402

OPTIONS = None
FILES = ["metrics.jsonl", "steps.jsonl", "last.safetensors", "best.safetensors", "validation.json"]
SHARDS = "[training]\nbatch_size = 16\nshards = 4\n"
TWO_PHASES = '[[phase]]\nepochs = 2\nlr = 0.05\n[[phase]]\nepochs = 1\nlr = 0.01\nstart_from = "best"\nreset_momentum = true\n'
RECIPES = {
    # Whatever has a state of its own.
    "basic": (SHARDS + "ema_decay = 0.9\nclip_norm = 1.0\naccumulate = 2\nwatch = 2\n"
              '[transforms]\naugment = [{ op = "random_horizontal_flip" }]\nbatch = { mixup = 0.4 }\n' + TWO_PHASES, []),
    "mobilenet": ('[model]\nname = "mobilenet_v2"\nwidth_mult = 0.25\n' + SHARDS + "skip_outliers = 50.0\n"
                  + TWO_PHASES + 'freeze = "features.*"\n', []),
    # Batch norm over all shards: whoever has them.
    "sync": ('[model]\nname = "mobilenet_v2"\nwidth_mult = 0.25\n' + SHARDS + "sync_batch_norm = true\nclip_norm = 1.0\naccumulate = 2\nwatch = 2\n"
             '[transforms]\nbatch = { mixup = 0.4 }\n' + TWO_PHASES + 'freeze = "features.?.*"\n', []),
    "bf16": (SHARDS + 'precision = "bf16"\n[[phase]]\nepochs = 1\nlr = 0.05\n', ["--device", "reference"]),
    "bf16-cpu": ('[model]\nname = "mobilenet_v2"\nwidth_mult = 0.25\n' + SHARDS + 'precision = "bf16"\n[[phase]]\nepochs = 1\nlr = 0.05\n',
                 ["--device", "cpu"]),
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


def launched_each(commands):
    """So many processes by each command."""
    parts = [[*(["-np"] if OPTIONS.by == "mpirun" else []), processes, *command, ":"] for processes, command in commands]
    launcher = ["mpirun", "--oversubscribe"] if OPTIONS.by == "mpirun" else [sys.executable, HERE / "launch.py"]
    return [str(each) for each in launcher + sum(parts, [])[:-1]]


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


class SameBits(Folder):
    def test_any_number_of_processes(self):
        for name in RECIPES:
            self.train(1, name, f"{name}-1")
            for processes in (2, 4):
                self.train(processes, name, f"{name}-{processes}")
                self.check_same(f"{name}-{processes}", f"{name}-1")
                self.assertEqual(self.predictions(f"{name}-1"), self.predictions(f"{name}-{processes}"))

    def test_another_number_after_each_stop(self):
        self.train(1, "basic", "whole")
        for processes, steps in ((4, 1), (1, 3), (2, 4), (4, 6)):
            self.train(processes, "basic", "parts", "--max-steps", steps)
        self.train(2, "basic", "parts")
        self.check_same("parts", "whole")

    def test_another_number_after_each_kill(self):
        arguments = [*long_run(60 * OPTIONS.kills), "--set", "training.checkpoint_minutes=0"]
        self.train(1, "basic", "whole", *arguments)
        generator = random.Random(OPTIONS.kills)
        kills = 0
        for _ in range(OPTIONS.kills):
            before = self.size_of(self.path / "killed/steps.jsonl")
            run = self.start(generator.choice((2, 4)), "basic", "killed", *arguments)
            while run.poll() is None and self.size_of(self.path / "killed/steps.jsonl") == before:
                time.sleep(0.005)  # until it trains, however long it takes to begin
            time.sleep(generator.uniform(0, 0.2))
            if children := self.children(run):
                os.kill(int(generator.choice(children)), signal.SIGKILL)
            _, told = run.communicate(timeout=60)  # the launcher ends the others, or they end by themselves
            kills += run.returncode != 0
            self.assertNotIn("had not ended", told)
            self.assertLessEqual(told.count("has ended, or the connection to it is lost"), 1, told)
            self.remove_what_kills_leave()
        self.assertGreater(2 * kills, OPTIONS.kills, "most runs had ended before they were killed")
        self.train(1, "basic", "killed", *arguments)
        self.check_same("killed", "whole")

    def test_a_launcher_that_is_asked_to_end(self):
        """SIGTERM goes to the launcher, which hands it on: a checkpoint of a step's end is written."""
        long = [*long_run(200), "--set", "training.checkpoint_minutes=0"]
        self.train(1, "basic", "whole", *long)
        run = self.start(2, "basic", "ended", *long)
        self.wait_for(self.path / "ended/metrics.jsonl")
        run.send_signal(signal.SIGTERM)
        _, told = run.communicate(timeout=60)
        self.assertNotEqual(0, run.returncode)
        self.assertNotIn("had not ended", told)
        self.remove_what_kills_leave()
        self.train(4, "basic", "ended", *long)
        self.check_same("ended", "whole")

    def test_a_process_that_hangs_is_named(self):
        """What was whole is kept, and the run goes on from there."""
        long = long_run(60)
        self.train(1, "mobilenet", "whole", *long)
        run = self.start(4, "mobilenet", "hung", *long, "--process-minutes", 0.1)
        self.wait_for(self.path / "hung/metrics.jsonl")
        stopped = next(int(pid) for pid in self.children(run) if self.rank_of(pid) == 2)
        os.kill(stopped, signal.SIGSTOP)
        _, told = run.communicate(timeout=60)
        self.assertEqual(1, run.returncode)
        self.assertEqual(1, told.count("no answer for 6 seconds from process 2:"), told)
        if OPTIONS.by == "variables":  # the one that is stopped alone
            self.assertEqual(["launch: process 2 had not ended"], [line for line in told.splitlines() if "had not ended" in line])
        # In an epoch of four steps there would be a checkpoint of its beginning alone.
        newest = max((self.path / "hung/checkpoints").glob("step-*")).stem
        steps = len((self.path / "hung/steps.jsonl").read_text().splitlines())
        self.assertEqual(f"step-{steps:09}", newest)
        self.remove_what_kills_leave()
        self.train(2, "mobilenet", "hung", *long)
        self.check_same("hung", "whole")


class OtherWays(Folder):
    """On the simt device alone: what a user chooses, and what he is told of it."""

    def test_through_the_hosts_memory(self):
        if not OPTIONS.collective:
            self.skipTest("a device whose memory is the host's has one way")
        steps = ["--max-steps", 2]
        self.train(1, "basic", "whole", *steps)
        self.train(2, "basic", "host", *steps, "--collective", "host")
        self.check_same("host", "whole")
        self.environment["VITRINE_SIMT_GPUS"] = "1"
        told = self.train(2, "basic", "told", *steps, "--collective", "nccl", code=2)
        self.assertIn("--collective nccl: it cannot be used here: 2 processes or more share a machine with 1 GPU", told)
        self.assertFalse((self.path / "told").exists())
        told = self.train(2, "basic", "told", *steps, "--device", "cpu", "--collective", "nccl", code=2)
        self.assertEqual(1, told.count("--collective nccl: device cpu has host"), told)


class Refused(Folder):
    def refuse(self, told, sentence):
        self.assertEqual(1, told.count(sentence), told)  # by one process, once
        self.assertNotIn("internal error", told)
        self.assertNotIn("MPI_ABORT", told)

    def test_what_all_of_them_meet_is_told_once(self):
        told = self.train(3, "basic", "run", code=2)
        self.refuse(told, "train: 3 processes cannot share the shards of a batch, of which there are 4")
        told = self.train(2, "basic", "run", "--set", "training.shards=1", code=2)
        self.refuse(told, "2 processes cannot share the shards of a batch, of which there are 1")
        told = self.train(2, "basic", "run", "--set", "phase.1.lr=-1", code=2)
        self.refuse(told, "phase.1.lr")
        told = self.train(2, "basic", "run", "--autotune", self.path / "choices.json", code=2)
        self.refuse(told, "--autotune is for one process")
        told = self.train(2, "basic", "run", "--dump-batches", 1, code=2)
        self.refuse(told, "--dump-batches is for one process")
        told = self.train(2, "basic", "run", "--init", self.path / "nowhere.pth", code=2)
        self.refuse(told, "nowhere")
        self.assertFalse((self.path / "run").exists())

    def test_a_run_that_another_process_holds(self):
        other = self.start(1, "basic", "run", "--set", "phase.1.epochs=100000")
        self.wait_for(self.path / "run/metrics.jsonl")
        told = self.train(2, "basic", "run", "--allow-changes", code=2)
        self.refuse(told, f"{other.pid}")
        other.terminate()
        other.communicate(timeout=60)

    def test_processes_that_are_not_alike(self):
        first, second = (self.arguments("basic", "run", *more) for more in ([], ["--set", "phase.1.lr=0.04"]))
        command = launched_each([(1, first), (1, second)])
        ended = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60)
        self.assertEqual(2, ended.returncode, ended.stderr)
        self.refuse(ended.stderr, "process 1 has another recipe than process 0")
        self.assertFalse((self.path / "run").exists())
        command[-2:] = ["--max-steps", "3"]
        ended = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60)
        self.refuse(ended.stderr, "process 1 has another limit (--max-steps, --max-minutes) than process 0")
        for option, value, name in (("--device", "reference", "device"), ("--collective", "host", "way to the others (--collective)")):
            command[-2:] = [option, value]
            ended = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60)
            self.refuse(ended.stderr, f"process 1 has another {name} than process 0")

    def test_a_loss_that_is_not_finite_ends_all_of_them(self):
        told = self.train(2, "basic", "run", "--set", "phase.1.lr=1e30", "--set", "training.clip_norm=0", code=1)
        self.refuse(told, "is not finite")

    def test_the_launcher_of_another_mpi(self):
        if OPTIONS.by != "mpirun":
            self.skipTest("nobody's MPI has launched them")
        self.environment |= {"PMI_SIZE": "2", "PMI_RANK": "0"}  # as MPICH's mpiexec says it
        self.refuse(self.train(1, "basic", "run", code=2), "launched as one of 2 processes, but this build's MPI (Open MPI")

    def test_what_is_not_training_is_the_first_ones_alone(self):
        command = launched(2, self.arguments("basic", "run", "--show-recipe"))
        shown = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60)
        self.assertEqual(1, shown.stdout.count("[training]"))
        self.assertEqual(0, shown.returncode)

    def test_a_finished_run_and_how_many_there_were(self):
        self.train(2, "basic", "run")
        self.assertEqual(2, json.loads((self.path / "run/run.json").read_text())["processes"])
        for line in map(json.loads, (self.path / "run/timing.jsonl").read_text().splitlines()):
            self.assertIn(line["slowest_process"], (0, 1))
            self.assertTrue(0 < line["waiting_seconds"] < line["data_seconds"] + line["step_seconds"], line)
        self.assertIn("is finished", self.train(4, "basic", "run"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", type=pathlib.Path, required=True)
    parser.add_argument("--by", choices=["mpirun", "variables"], default="mpirun")
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--collective", choices=["host", "nccl"])
    OPTIONS, others = parser.parse_known_args()
    OPTIONS.train = OPTIONS.train.resolve()
    if OPTIONS.by == "mpirun" and "Open MPI" not in subprocess.run(["mpirun", "--version"], capture_output=True, text=True).stdout:
        print("skipped: mpirun is not Open MPI's, whose words these tests know")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1] + others)

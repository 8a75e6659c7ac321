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
import time
import unittest

from launched_runs import OPTIONS, RECIPES, Folder, launched, launched_each, long_run


class SameBits(Folder):
    def test_any_number_of_processes(self):
        for name in RECIPES:
            self.train(1, name, f"{name}-1")
            for processes in (2, 4):
                self.train(processes, name, f"{name}-{processes}")
                self.check_same(f"{name}-{processes}", f"{name}-1")
                self.assertEqual(self.predictions(f"{name}-1"), self.predictions(f"{name}-{processes}"))

    def test_images_large_enough_to_leave_a_tensor_unwritten(self):
        if OPTIONS.collective:
            self.skipTest("the cpu alone does so")
        for name in ("mobilenet", "sync"):
            for processes in (1, 2):
                self.train(processes, name, f"{name}-{processes}", "--set", "data.image_size=64", "--set", "phase.1.epochs=1")
            self.check_same(f"{name}-2", f"{name}-1")

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
    _, others = parser.parse_known_args(namespace=OPTIONS)
    OPTIONS.train = OPTIONS.train.resolve()
    if OPTIONS.by == "mpirun" and "Open MPI" not in subprocess.run(["mpirun", "--version"], capture_output=True, text=True).stdout:
        print("skipped: mpirun is not Open MPI's, whose words these tests know")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1] + others)

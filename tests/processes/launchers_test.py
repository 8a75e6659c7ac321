"""Processes that were launched as several and cannot find each other must not each train for themselves: one sentence, exit code 2,
nothing written. So with and without MPI in the build; processes that do find each other are processes_test.py's.

    python3 tests/processes/launchers_test.py --train build/release/bin/train
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "stress"))
from run_folders import write_data  # noqa: E402

OPTIONS = argparse.Namespace()
SRUN = {"SLURM_STEP_NUM_TASKS": "2", "SLURM_PROCID": "1"}
TORCHRUN = {"TORCHELASTIC_RUN_ID": "none", "WORLD_SIZE": "4", "RANK": "1", "LOCAL_RANK": "1"}


class Launchers(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.temporary.name)
        write_data(self.path / "data")
        (self.path / "recipe.toml").write_text("[training]\nbatch_size = 16\nshards = 4\n[[phase]]\nepochs = 1\nlr = 0.05\n")

    def tearDown(self):
        self.temporary.cleanup()

    def train(self, variables):
        """(exit code, what was said) of a process that has these variables, too."""
        command = [OPTIONS.train, self.path / "recipe.toml", "--data", self.path / "data", "--image-size", "16", "--threads", "1", "--quiet",
                   "--out", self.path / "run"]
        done = subprocess.run([str(each) for each in command], env=os.environ | variables, capture_output=True, text=True, timeout=120)
        return done.returncode, done.stderr

    def refused(self, processes, variables):
        code, told = self.train(variables)
        self.assertEqual(2, code, told)
        self.assertEqual(1, told.count("\n"), told)
        self.assertRegex(told, f"^train: launched .*as one of {processes} processes, ")
        self.assertFalse((self.path / "run").exists())
        return told

    def test_srun_without_pmix(self):
        self.assertRegex(self.refused(2, SRUN), "srun --mpi=pmix|has no MPI")

    def test_torchrun(self):
        self.assertRegex(self.refused(4, TORCHRUN), "by torchrun .*mpirun|has no MPI")

    def test_torchrun_by_srun(self):
        self.assertRegex(self.refused(4, SRUN | {"PMIX_RANK": "1"} | TORCHRUN), "by torchrun|has no MPI")

    def test_variables_of_the_hand(self):
        self.assertRegex(self.refused(2, {"WORLD_SIZE": "2", "RANK": "0"}), "WORLD_SIZE and RANK .*mpirun|has no MPI")

    def test_one_of_one(self):
        for variables in ({"WORLD_SIZE": "1", "RANK": "0"}, {"SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0"},
                          {"SLURM_NTASKS": "4", "SLURM_PROCID": "0"}):  # the last is a batch script's shell
            code, told = self.train(variables)
            self.assertEqual(0, code, told)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--train", type=pathlib.Path, required=True)
    OPTIONS, rest = parser.parse_known_args()
    unittest.main(argv=[sys.argv[0], *rest])

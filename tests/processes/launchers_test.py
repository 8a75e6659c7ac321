"""Processes that were launched as several and cannot find each other must not each train for themselves: one sentence, exit code 2,
nothing written. So with and without MPI in the build; processes that do find each other are processes_test.py's.

    python3 tests/processes/launchers_test.py --train build/release/bin/train
"""

import argparse
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import unittest

from reserved_port import number_of, reserve_port

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "stress"))
from run_folders import write_data  # noqa: E402

OPTIONS = argparse.Namespace()
ADDRESS = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}  # where nobody listens
SRUN = {"SLURM_STEP_NUM_TASKS": "2", "SLURM_PROCID": "1"}
BY_HAND = {"WORLD_SIZE": "4", "RANK": "1"} | ADDRESS
TORCHRUN = BY_HAND | {"TORCHELASTIC_RUN_ID": "none", "TORCHELASTIC_USE_AGENT_STORE": "True", "LOCAL_RANK": "1"}
SOON = {"VITRINE_MEETING_SECONDS": "1"}


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

    def refused(self, sentence, variables):
        code, told = self.train(variables)
        self.assertEqual(2, code, told)
        self.assertEqual(1, told.count("\n"), told)
        self.assertRegex(told, f"^train: {sentence}")
        self.assertFalse((self.path / "run").exists())

    def test_srun_with_nothing_to_meet_by(self):
        self.refused("launched by srun as one of 2 processes, .*srun --mpi=pmix.* MASTER_ADDR and MASTER_PORT", SRUN)

    def test_nobody_at_the_address(self):
        for variables, who in ((BY_HAND, "1 of 4"), (SRUN | ADDRESS, "1 of 2")):
            self.refused(f"process {who} has not met process 0 within 1 seconds: 127.0.0.1:1: Connection refused", variables | SOON)

    def test_a_store_that_is_not_there(self):
        for more in ({}, SRUN | {"PMIX_RANK": "1"}):  # torchrun by srun
            self.refused("process 1 of 4 has not met process 0 within 1 seconds: 127.0.0.1:1: Connection refused", TORCHRUN | SOON | more)

    def test_others_that_do_not_come(self):
        with reserve_port() as reserved:
            port = str(number_of(reserved))
            self.refused(f"process 1, 2, 3 of 4 has not come to 127.0.0.1:{port} within 1 seconds",
                         BY_HAND | SOON | {"RANK": "0", "MASTER_PORT": port})

    def test_a_port_that_is_taken(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = str(server.getsockname()[1])
            self.refused(f"process 0 cannot listen at port {port} .*: Address already in use", BY_HAND | {"RANK": "0", "MASTER_PORT": port})

    def test_variables_that_are_wrong(self):
        for wrong, sentence in (({"RANK": "4"}, 'RANK is "4": it must be a whole number from 0 to 3'),
                                ({"WORLD_SIZE": "x"}, 'WORLD_SIZE is "x": it must be a whole number from 1'),
                                ({"MASTER_PORT": "65536"}, 'MASTER_PORT is "65536": it must be a whole number from 1 to 65535'),
                                ({"MASTER_ADDR": ""}, "launched by .* as one of 4 processes, but MASTER_ADDR is not set"),
                                ({"MASTER_ADDR": "no-such-machine.invalid"}, 'the machine "no-such-machine.invalid", .*cannot be found')):
            self.refused(sentence, BY_HAND | wrong)
        self.refused("MASTER_ADDR and WORLD_SIZE are set, but RANK is not", ADDRESS | {"WORLD_SIZE": "4"})

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

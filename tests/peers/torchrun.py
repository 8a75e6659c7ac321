"""train by PyTorch's own launcher: the bytes of one process, also where a worker is killed and all are started anew.

    python3 tests/peers/torchrun.py --torchrun torch/bin/torchrun [--train build/release/bin/train]

1. Two and four processes of one agent, and two agents with two processes each, as on two machines.
2. --max-restarts 1, and a worker that is killed in the middle: the agent ends the others, starts all anew with the same store, and they
   go on to the same bytes.

Needs torchrun (PyTorch 2.0 or later). Exit code 1 where something differs.
"""

import argparse
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS / "stress"), str(TESTS / "processes")]
from reserved_port import number_of, reserve_port  # noqa: E402
from sharded_runs import ShardedRuns, check  # noqa: E402

LONG = ["--set", "phase.1.epochs=40", "--set", "training.checkpoint_minutes=0"]


class Runs(ShardedRuns):
    def __init__(self, torchrun, train, folder):
        super().__init__(train, folder)
        self.torchrun = torchrun

    def start(self, out, options, *more):
        command = [self.torchrun, "--no-python", *options, *self.command(out, *more)]
        return subprocess.Popen([str(each) for each in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def check_same(self, what, out, expected, agents):
        """All agents end well, and so does the run."""
        told = [agent.communicate(timeout=300)[1] for agent in agents]
        ended = all(agent.returncode == 0 for agent in agents)
        good = check(ended and self.same(out, expected), what)
        if not good:
            print("\n".join(told))
        return good


def meeting_of(backend, port, node):
    """How an agent finds the other one."""
    if backend == "static":
        return ["--master-addr", "127.0.0.1", "--master-port", port, "--node-rank", node]
    return ["--rdzv-backend", "c10d", "--rdzv-endpoint", f"127.0.0.1:{port}", "--rdzv-id", "two"]


def worker_of(agent, rank):
    """The number of the process that is this rank of an agent's; None where there is none."""
    for child in subprocess.run(["pgrep", "-P", str(agent.pid)], capture_output=True, text=True).stdout.split():
        try:
            if f"RANK={rank}".encode() in pathlib.Path(f"/proc/{child}/environ").read_bytes().split(b"\0"):
                return int(child)
        except FileNotFoundError:
            pass  # it has just ended
    return None


def kill_one(runs, out, agent):
    while not (runs.folder / out / "metrics.jsonl").exists() and agent.poll() is None:
        time.sleep(0.02)
    victim = worker_of(agent, 1)
    if victim is None:
        return False
    os.kill(victim, signal.SIGKILL)
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torchrun", default="torchrun")
    parser.add_argument("--train", type=pathlib.Path, default=pathlib.Path("build/release/bin/train"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        runs = Runs(options.torchrun, options.train, pathlib.Path(name))
        runs.alone("alone")
        good = True
        for count in (1, 2, 4):
            agent = runs.start(f"by{count}", ["--standalone", "--nproc-per-node", count])
            good &= runs.check_same(f"--nproc-per-node {count}: the bytes of one process", f"by{count}", "alone", [agent])
        for backend in ("static", "c10d"):
            with reserve_port() as reserved:
                agents = [runs.start(backend, ["--nnodes", 2, "--nproc-per-node", 2, *meeting_of(backend, number_of(reserved), node)])
                          for node in range(2)]
                good &= runs.check_same(f"two agents ({backend}) with two processes each: the same bytes", backend, "alone", agents)

        runs.alone("long", *LONG)
        agent = runs.start("killed", ["--standalone", "--nproc-per-node", 4, "--max-restarts", 1], *LONG)
        good &= check(kill_one(runs, "killed", agent), "a worker is killed in the middle")
        good &= runs.check_same("the agent starts all anew, and they go on to the same bytes", "killed", "long", [agent])
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

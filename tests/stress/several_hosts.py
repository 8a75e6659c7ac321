"""Several machines on this one: network namespaces with a slow, lossy network between them, and train across it.

    sudo python3 tests/stress/several_hosts.py [--train build/release/bin/train] [--delay 2 --loss 0.5]

1. Two hosts, two processes each, over TCP: the run ends with the bytes of one process alone.
2. The link of a host is cut in the middle: the processes that cannot be reached are named soon after the time-out, those of both hosts
   end, and the run goes on from there, on one host, to the same bytes. (The launcher then waits for its own helper behind the cut link
   until it is killed, or the system gives the connection up.)

Needs root, Open MPI's mpirun, ip (iproute2) and /dev/net/tun. What it makes it takes away. Exit code 1 where something differs.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from lossy_network import LossyNetwork, end_hosts, namespace_of
from run_folders import write_data

HOSTS = 2
SUBNET = "10.213.77"
PATIENCE = 5.0  # seconds
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
# Open MPI's way to another machine: AGENT HOST COMMAND.
AGENT = f"""#!/bin/sh
host=${{1##*.}}
shift
exec ip netns exec vitrine$host unshare --uts sh -c "hostname vitrine$host; $*"
"""


class Runs:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        write_data(folder / "data")
        (folder / "recipe.toml").write_text(RECIPE)
        (folder / "agent").write_text(AGENT)
        (folder / "agent").chmod(0o755)

    def command(self, out, *more):
        return [self.options.train.resolve(), self.folder / "recipe.toml", "--data", self.folder / "data", "--cache",
                self.folder / "cache", "--image-size", "16", "--threads", "1", "--quiet", "--out", self.folder / out, *more]

    def start(self, out):
        """Two processes on each host; the launcher is on the first."""
        hosts = ",".join(f"{SUBNET}.{host}:2" for host in range(1, HOSTS + 1))
        launcher = ["ip", "netns", "exec", namespace_of(1), "mpirun", "--allow-run-as-root", "--oversubscribe", "--host", hosts, "--mca",
                    "plm_rsh_agent", self.folder / "agent", "--mca", "btl", "self,tcp", "--mca", "btl_tcp_if_include",
                    f"{SUBNET}.0/24", "--mca", "oob_tcp_if_include", f"{SUBNET}.0/24"]
        command = launcher + self.command(out, "--process-minutes", PATIENCE / 60)
        return subprocess.Popen([str(each) for each in command], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)

    def alone(self, out):
        subprocess.run([str(each) for each in self.command(out)], check=True)

    def same(self, a, b):
        files = ["metrics.jsonl", "steps.jsonl", "last.safetensors", "best.safetensors"]
        return all((self.folder / a / file).read_bytes() == (self.folder / b / file).read_bytes() for file in files)


def check(good, what):
    print(f"{'yes' if good else 'NO '}  {what}", flush=True)
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", type=pathlib.Path, default=pathlib.Path("build/release/bin/train"))
    parser.add_argument("--delay", type=float, default=2.0, help="milliseconds, one way [2]")
    parser.add_argument("--loss", type=float, default=0.5, help="percent of the packets [0.5]")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("several_hosts: network namespaces need root")
    good = True
    network = LossyNetwork(HOSTS, SUBNET, options.delay / 1e3, options.loss / 1e2)
    try:
        with tempfile.TemporaryDirectory() as name:
            runs = Runs(options, pathlib.Path(name))
            begin = time.monotonic()
            runs.alone("alone")
            seconds_alone = time.monotonic() - begin
            begin = time.monotonic()
            whole = runs.start("whole")
            _, told = whole.communicate(timeout=500)
            good &= check(whole.returncode == 0, f"two hosts, {time.monotonic() - begin:.0f} s ({seconds_alone:.0f} s in one process)")
            good &= check(whole.returncode == 0 and runs.same("whole", "alone"), "the same bytes as one process")
            if whole.returncode != 0:
                print(told)
            good &= check(network.lost > 0, f"{network.carried} packets, each {options.delay:g} ms under way; {network.lost} more were lost")

            cut = runs.start("cut")
            while not (runs.folder / "cut/metrics.jsonl").exists() and cut.poll() is None:
                time.sleep(0.05)
            network.cut(2)
            begin = time.monotonic()
            told = next((line for line in cut.stderr if line.startswith("train: ")), "nothing")
            good &= check("from process 2, 3:" in told, f"a cut link: after {time.monotonic() - begin:.0f} s, {told.strip()}")
            time.sleep(5)
            ended = subprocess.run(["pgrep", "-f", f"^{runs.options.train.resolve()}"], capture_output=True).returncode != 0
            good &= check(ended, "the processes of both hosts have ended")
            end_hosts(range(1, HOSTS + 1))
            cut.communicate()
            runs.alone("cut")
            good &= check(runs.same("cut", "alone"), "and the run goes on to the same bytes")
    finally:
        network.remove()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

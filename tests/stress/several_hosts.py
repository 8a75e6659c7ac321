"""Several machines on this one: network namespaces with a slow, lossy network between them, and train across it.

    sudo python3 tests/stress/several_hosts.py [--train build/release/bin/train] [--delay 2ms --loss 0.5%]

1. Two hosts, two processes each, over TCP: the run ends with the bytes of one process alone.
2. The link of a host is cut in the middle: the processes that cannot be reached are named soon after the time-out, those of both hosts
   end, and the run goes on from there, on one host, to the same bytes. (The launcher then waits for its own helper behind the cut link
   until it is killed, or the system gives the connection up.)

Needs root, Open MPI's mpirun, ip and tc (iproute2). What it makes it takes away. Exit code 1 where something differs.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from run_folders import write_data

HOSTS = 2
NETWORK = "10.213.77"
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


def run(*command):
    subprocess.run([str(each) for each in command], check=True)


def make_network(options):
    run("ip", "link", "add", "vitrine", "type", "bridge")
    run("ip", "link", "set", "vitrine", "up")
    for host in range(1, HOSTS + 1):
        run("ip", "netns", "add", f"vitrine{host}")
        run("ip", "link", "add", f"vitrine-{host}", "type", "veth", "peer", "name", "eth0", "netns", f"vitrine{host}")
        run("ip", "link", "set", f"vitrine-{host}", "master", "vitrine", "up")
        inside = ["ip", "-n", f"vitrine{host}"]
        run(*inside, "addr", "add", f"{NETWORK}.{host}/24", "dev", "eth0")
        run(*inside, "link", "set", "eth0", "up")
        run(*inside, "link", "set", "lo", "up")
        slow = ["tc", "-n", f"vitrine{host}", "qdisc", "add", "dev", "eth0", "root", "netem", "delay", options.delay, "loss", options.loss]
        if subprocess.run(slow, capture_output=True).returncode != 0 and host == 1:
            print("     this kernel has no netem: the network has neither delay nor loss", flush=True)


def end_hosts():
    for host in range(1, HOSTS + 1):
        inside = subprocess.run(["ip", "netns", "pids", f"vitrine{host}"], capture_output=True, text=True).stdout.split()
        subprocess.run(["kill", "-9", *inside], stderr=subprocess.DEVNULL)


def remove_network():
    end_hosts()
    for host in range(1, HOSTS + 1):
        subprocess.run(["ip", "netns", "del", f"vitrine{host}"], stderr=subprocess.DEVNULL)
        subprocess.run(["ip", "link", "del", f"vitrine-{host}"], stderr=subprocess.DEVNULL)
    subprocess.run(["ip", "link", "del", "vitrine"], stderr=subprocess.DEVNULL)


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
        hosts = ",".join(f"{NETWORK}.{host}:2" for host in range(1, HOSTS + 1))
        launcher = ["ip", "netns", "exec", "vitrine1", "mpirun", "--allow-run-as-root", "--oversubscribe", "--host", hosts, "--mca",
                    "plm_rsh_agent", self.folder / "agent", "--mca", "btl", "self,tcp", "--mca", "btl_tcp_if_include",
                    f"{NETWORK}.0/24", "--mca", "oob_tcp_if_include", f"{NETWORK}.0/24"]
        command = launcher + self.command(out, "--process-minutes", PATIENCE / 60)
        return subprocess.Popen([str(each) for each in command], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)

    def alone(self, out):
        run(*self.command(out))

    def same(self, a, b):
        files = ["metrics.jsonl", "steps.jsonl", "last.safetensors", "best.safetensors"]
        return all((self.folder / a / file).read_bytes() == (self.folder / b / file).read_bytes() for file in files)


def check(good, what):
    print(f"{'yes' if good else 'NO '}  {what}", flush=True)
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", type=pathlib.Path, default=pathlib.Path("build/release/bin/train"))
    parser.add_argument("--delay", default="2ms")
    parser.add_argument("--loss", default="0.5%")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("several_hosts: network namespaces need root")
    good = True
    remove_network()
    try:
        make_network(options)
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

            cut = runs.start("cut")
            while not (runs.folder / "cut/metrics.jsonl").exists() and cut.poll() is None:
                time.sleep(0.05)
            run("ip", "link", "set", "vitrine-2", "down")
            begin = time.monotonic()
            told = next((line for line in cut.stderr if line.startswith("train: ")), "nothing")
            good &= check("from process 2, 3:" in told, f"a cut link: after {time.monotonic() - begin:.0f} s, {told.strip()}")
            time.sleep(5)
            ended = subprocess.run(["pgrep", "-f", f"^{runs.options.train.resolve()}"], capture_output=True).returncode != 0
            good &= check(ended, "the processes of both hosts have ended")
            end_hosts()
            cut.communicate()
            runs.alone("cut")
            good &= check(runs.same("cut", "alone"), "and the run goes on to the same bytes")
    finally:
        remove_network()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

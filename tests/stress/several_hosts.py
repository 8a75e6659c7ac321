"""Several machines on this one: network namespaces with a slow, lossy network between them, and train across it.

    sudo python3 tests/stress/several_hosts.py [--train build/release/bin/train] [--by variables] [--delay 2 --loss 0.5]

1. Two hosts, two processes each, over TCP: the run ends with the bytes of one process alone.
2. The link of a host is cut in the middle: the processes that cannot be reached are named soon after the time-out, those of both hosts
   end, and the run goes on from there, on one host, to the same bytes. (The launcher then waits for its own helper behind the cut link
   until it is killed, or the system gives the connection up.)

With --by variables each process is started by itself and told an address, and no MPI is needed. Else there is Open MPI's mpirun.

Needs root, ip (iproute2) and /dev/net/tun. What it makes it takes away. Exit code 1 where something differs.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from lossy_network import LossyNetwork, end_hosts, namespace_of
from sharded_runs import ShardedRuns, check

HOSTS = 2
SUBNET = "10.213.77"
PATIENCE = 5.0  # seconds
# Open MPI's way to another machine: AGENT HOST COMMAND.
AGENT = f"""#!/bin/sh
host=${{1##*.}}
shift
exec ip netns exec vitrine$host unshare --uts sh -c "hostname vitrine$host; $*"
"""


def inside(host):
    """What a command is begun with that runs on a host of its own name."""
    return ["ip", "netns", "exec", namespace_of(host), "unshare", "--uts", "sh", "-c", f'hostname {namespace_of(host)}; exec "$0" "$@"']


class ByVariables(ShardedRuns):
    def start(self, out):
        """Two processes on each host; what they say comes by one pipe, as a launcher's would."""
        reader, writer = os.pipe()
        processes = []
        for rank in range(2 * HOSTS):
            environment = os.environ | {"RANK": str(rank), "WORLD_SIZE": str(2 * HOSTS), "MASTER_ADDR": f"{SUBNET}.1", "MASTER_PORT": "29500"}
            command = inside(1 + rank // 2) + self.command(out, "--process-minutes", PATIENCE / 60)
            processes.append(subprocess.Popen([str(each) for each in command], env=environment, stderr=writer, stdout=subprocess.DEVNULL))
        os.close(writer)
        return StartedByHand(processes, open(reader))


class StartedByHand:
    """Several processes as the one that a launcher is."""

    def __init__(self, processes, stderr):
        self.processes, self.stderr = processes, stderr

    def poll(self):
        codes = [process.poll() for process in self.processes]
        return None if None in codes else max(codes, key=abs)

    @property
    def returncode(self):
        return self.poll()

    def communicate(self, timeout=None):
        told = self.stderr.read()
        for process in self.processes:
            process.wait(timeout)
        return "", told


class ByMpirun(ShardedRuns):
    def start(self, out):
        """Two processes on each host; the launcher is on the first."""
        agent = self.folder / "agent"
        agent.write_text(AGENT)
        agent.chmod(0o755)
        hosts = ",".join(f"{SUBNET}.{host}:2" for host in range(1, HOSTS + 1))
        launcher = ["ip", "netns", "exec", namespace_of(1), "mpirun", "--allow-run-as-root", "--oversubscribe", "--host", hosts, "--mca",
                    "plm_rsh_agent", agent, "--mca", "btl", "self,tcp", "--mca", "btl_tcp_if_include", f"{SUBNET}.0/24", "--mca",
                    "oob_tcp_if_include", f"{SUBNET}.0/24"]
        command = launcher + self.command(out, "--process-minutes", PATIENCE / 60)
        return subprocess.Popen([str(each) for each in command], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", type=pathlib.Path, default=pathlib.Path("build/release/bin/train"))
    parser.add_argument("--by", choices=["mpirun", "variables"], default="mpirun")
    parser.add_argument("--delay", type=float, default=2.0, help="milliseconds, one way [2]")
    parser.add_argument("--loss", type=float, default=0.5, help="percent of the packets [0.5]")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("several_hosts: network namespaces need root")
    good = True
    network = LossyNetwork(HOSTS, SUBNET, options.delay / 1e3, options.loss / 1e2)
    try:
        with tempfile.TemporaryDirectory() as name:
            runs = {"mpirun": ByMpirun, "variables": ByVariables}[options.by](options.train, pathlib.Path(name))
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
            good &= check(not runs.processes_left(), "the processes of both hosts have ended")
            end_hosts(range(1, HOSTS + 1))
            cut.communicate()
            runs.alone("cut")
            good &= check(runs.same("cut", "alone"), "and the run goes on to the same bytes")
    finally:
        network.remove()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

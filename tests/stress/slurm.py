"""train under Slurm: a cluster of one machine is set up, with a controller and a daemon of its own, and taken away again.

    sudo python3 tests/stress/slurm.py [--train build/release/bin/train]

1. srun --mpi=pmix with four processes ends with the bytes of one process alone.
2. A plain srun, which gives its processes no way to find each other, is refused: one sentence, and nothing written. With MASTER_ADDR and
   MASTER_PORT exported four processes end with the same bytes.
3. scancel in the middle: the run goes on from its last checkpoint, with another number of processes, to the same bytes.
4. A batch job without srun is one process; mpirun in it is as many as are asked for.

Needs root, Slurm with PMIx (Debian: slurmctld slurmd slurm-client) and Open MPI, no Slurm that runs already. Exit code 1 where
something differs.
"""

import argparse
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from sharded_runs import ShardedRuns, check

CONFIGURATION = """ClusterName=vitrine
SlurmctldHost={host}
SlurmctldPort=16817
SlurmdPort=16818
SlurmUser=root
SlurmdUser=root
AuthType=auth/none
CredType=cred/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
ReturnToService=2
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
NodeName={host} CPUs=8
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


class Cluster:
    def __init__(self, folder):
        self.folder = folder
        for each in ("state", "spool"):
            (folder / each).mkdir()
        (folder / "slurm.conf").write_text(CONFIGURATION.format(host=socket.gethostname(), folder=folder))
        self.environment = os.environ | {"SLURM_CONF": str(folder / "slurm.conf"), "OMPI_ALLOW_RUN_AS_ROOT": "1",
                                         "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMPI_MCA_rmaps_base_oversubscribe": "1"}
        self.daemons = [self.daemon("slurmctld"), self.daemon("slurmd")]
        end = time.monotonic() + 60
        while "idle" not in self.run("sinfo", "--noheader", "--format=%t").stdout:
            if time.monotonic() > end:
                self.remove()
                sys.exit("slurm: no node came up\n" + "".join(log.read_text() for log in folder.glob("*.log")))
            time.sleep(0.5)

    def daemon(self, name):
        return subprocess.Popen([shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin"), "-D", "-c"], env=self.environment,
                                stdout=subprocess.DEVNULL, stderr=(self.folder / f"{name}.log").open("w"))

    def start(self, *command):
        return subprocess.Popen([str(each) for each in command], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True)

    def run(self, *command, seconds=300):
        return subprocess.run([str(each) for each in command], env=self.environment, capture_output=True, text=True, timeout=seconds)

    def remove(self):
        for daemon in reversed(self.daemons):
            daemon.terminate()
            daemon.wait()


def check_all(cluster, runs):
    runs.alone("alone")
    done = cluster.run("srun", "-n", "4", "--mpi=pmix", *runs.command("four"))
    good = check(done.returncode == 0 and runs.same("four", "alone"), "srun --mpi=pmix, four processes: the bytes of one")

    done = cluster.run("srun", "-n", "2", "--mpi=none", *runs.command("plain"))
    told = [line for line in done.stderr.splitlines() if line.startswith("train: ")]
    good &= check(done.returncode == 2 and not (runs.folder / "plain").exists(), f"a plain srun is refused: {told[:1]}")

    address = "--export=ALL,MASTER_ADDR=127.0.0.1,MASTER_PORT=16819"
    done = cluster.run("srun", "-n", "4", "--mpi=none", address, *runs.command("address"))
    good &= check(done.returncode == 0 and runs.same("address", "alone"), "a plain srun with an address, four processes: the bytes of one")

    job = cluster.start("srun", "--job-name=cut", "-n", "2", "--mpi=pmix", *runs.command("cut"))
    while not (runs.folder / "cut/metrics.jsonl").exists() and job.poll() is None:
        time.sleep(0.05)
    begin = time.monotonic()
    cluster.run("scancel", "--name=cut")
    job.communicate(timeout=120)
    ended = job.returncode != 0 and not runs.processes_left()
    good &= check(ended, f"scancel: all have ended after {time.monotonic() - begin:.0f} s")
    done = cluster.run("srun", "-n", "4", "--mpi=pmix", *runs.command("cut"))
    good &= check(done.returncode == 0 and runs.same("cut", "alone"), "and four processes go on to the same bytes")

    for name, launcher in (("batch", []), ("mpirun", ["mpirun", "-np", 2])):
        script = runs.folder / f"{name}.sh"
        script.write_text("#!/bin/sh\n" + " ".join(str(each) for each in launcher + runs.command(name)) + "\n")
        done = cluster.run("sbatch", "--wait", "-n", 4, f"--output={runs.folder}/{name}.txt", script)
        what = "with mpirun" if launcher else "of one process"
        good &= check(done.returncode == 0 and runs.same(name, "alone"), f"a batch job {what}: the same bytes")
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", type=pathlib.Path, default=pathlib.Path("build/release/bin/train"))
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("slurm: its daemons need root")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        cluster = Cluster(folder)
        try:
            good = check_all(cluster, ShardedRuns(options.train, folder))
        finally:
            cluster.remove()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

"""Of section training: two processes on GPUs end with the bytes of one, through the host's memory and, where there are two GPUs, by
NCCL."""

import shutil

from machine import output_of

LIMIT = 180  # seconds of a run


def launched(command: list) -> list:
    return ["mpirun", "--oversubscribe", "--allow-run-as-root", "-np", "2", *command]


def several_processes(training) -> None:
    """`training` has a model, and runs of it in one process."""
    session, model = training.session, training.model
    if shutil.which("mpirun") is None or "Open MPI" not in output_of(["mpirun", "--version"]):
        session.skip(f"{model}: two processes", "Open MPI's mpirun is not installed")
        return
    shards = ["--set", "training.shards=2"]
    if not training.run("one-process", "cuda", *shards):
        return
    gpus = [gpu.uuid for gpu in session.machine.gpus]
    ways = {"host": None}
    if len(gpus) > 1:
        ways["nccl"] = {"CUDA_VISIBLE_DEVICES": ",".join(gpus[:2])}
    else:
        session.skip(f"{model}: two processes, nccl", "NCCL wants a GPU for each, and there is one")
    for way, environment in ways.items():
        name = f"two-processes-{way}"
        command = launched(training.command(name, "cuda", *shards, "--collective", way))
        if session.check(f"{model}: two processes, {way}", command, LIMIT, environment=environment):
            training.compare(f"two processes against one, {way}", lambda name=name: training.same_bits("one-process", name))

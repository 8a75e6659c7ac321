"""How much of what processes send is hidden behind the backward pass: two of them, on a network that takes its time.

    python3 tests/stress/overlap.py [--train build/release/bin/train] [--peer OTHER/bin/train] [--bandwidth 250e6] [--rounds 3]

Trains mobilenet_v2 with two processes of one thread each, in turns with and without a slow network (slow_network.c, loaded before
MPI). A step sends the gradients once and shares the sum out once:

    sending = 2 · bytes / bandwidth + 2 · ranges · latency        hidden = 1 − (slow − quick) / sending

Needs mpirun, and mpicc for the slow network. Run it on a machine that does nothing else.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BATCH = 64  # of each process
IMAGES = 6 * 2 * BATCH
RANGES = 8
PARAMETERS = 2_236_682  # of mobilenet_v2 with 10 classes


def write_images(folder):
    for part, count in (("train", IMAGES), ("val", 10)):
        for i in range(count):
            place = folder / part / f"class-{i % 10}"
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{i}.ppm").write_bytes(b"P6\n64 64\n255\n" + os.urandom(64 * 64 * 3))


def seconds_of_step(train, data, out, environment):
    command = ["mpirun", "-np", "2", "--bind-to", "core", train, "--data", data, "--cache", data.parent / "cache", "--model",
               "mobilenet_v2", "--image-size", "64", "--batch-size", str(2 * BATCH), "--epochs", "4", "--threads", "1",
               "--set", "training.shards=2", "--out", out, "--overwrite", "--quiet"]
    result = subprocess.run([str(each) for each in command], env={**os.environ, **environment}, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"overlap: {result.stderr}")
    epochs = [json.loads(line) for line in (out / "timing.jsonl").read_text().splitlines()]
    return 2 * BATCH / max(epoch["images_per_second"] for epoch in epochs)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", type=pathlib.Path, default=ROOT / "build/release/bin/train")
    parser.add_argument("--peer", type=pathlib.Path, help="another build, in the same turns")
    parser.add_argument("--bandwidth", type=float, default=250e6, help="bytes a second")
    parser.add_argument("--latency", type=float, default=50e-6, help="seconds")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    sending = 2 * 4 * PARAMETERS / options.bandwidth + 2 * RANGES * options.latency
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        library = folder / "slow_network.so"
        subprocess.run(["mpicc", "-O1", "-Wall", "-shared", "-fPIC", "-o", library, HERE / "slow_network.c"], check=True)
        slow = {"LD_PRELOAD": str(library), "VITRINE_BANDWIDTH": str(options.bandwidth), "VITRINE_LATENCY": str(options.latency)}
        write_images(folder / "images")
        for train in filter(None, (options.train, options.peer)):
            turns = [[seconds_of_step(train.resolve(), folder / "images", folder / "run", environment)
                      for environment in ({}, slow)] for _ in range(options.rounds)]
            quick, late = (statistics.median(column) for column in zip(*turns))
            print(f"{train}: a step takes {1e3 * quick:.1f} ms, on the slow network {1e3 * late:.1f} ms; of {1e3 * sending:.1f} ms of "
                  f"sending {100 * (1 - (late - quick) / sending):.0f}% are hidden", flush=True)


if __name__ == "__main__":
    main()

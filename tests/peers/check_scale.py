"""What bench scale works out for a few processes, beside what train does with them on this machine.

    ninja -C build/release train bench time_messages
    python tests/peers/check_scale.py [--processes 1 2 4] [--rounds 3]

Each round does the same for each number of processes: two of them time their messages (time_messages.cpp, MPI in the memory of one
machine); all of them time steps by themselves at the same time, as they share its caches, memory and cores, and each works out the images a
second of all (bench scale); and then they train together. Each has one thread and a shard of --shard images. More processes
than cores share them, in both: bench scale is told nothing of it but the steps, which are as much longer. Medians of the
rounds; an epoch of a run is taken from the second on. Needs Open MPI's mpirun. A machine that does something else meanwhile proves
nothing.
"""

import argparse
import json
import os
import pathlib
import random
import statistics
import sys
import tempfile

import programs

CLASSES, TRAIN, SIZE, EPOCHS = 10, 200, 64, 3
STEPS = 20  # that each process times


def launched(processes):
    """Each with a core of its own, where there are so many."""
    if processes == 1:
        return []
    shared = processes > len(os.sched_getaffinity(0))
    return ["mpirun", "-np", processes, "--bind-to", "none" if shared else "core", *(["--oversubscribe"] if shared else [])]


def write_noise(folder):
    generator = random.Random(1)
    for part, count in (("train", TRAIN), ("val", 4)):
        for label in range(CLASSES):
            place = folder / part / f"class-{label}"
            place.mkdir(parents=True)
            for i in range(count):
                (place / f"{i}.ppm").write_bytes(b"P6\n%d %d\n255\n" % (SIZE, SIZE) + generator.randbytes(3 * SIZE * SIZE))


def message_times(options, size):
    return json.loads(programs.run(*launched(2), options.programs / "time_messages", int(size)))


def predict(options, processes, network):
    """The row of so many processes that each of them works out, from its own steps."""
    told = programs.run(*launched(processes), options.programs / "bench", "scale", "--json", "--ranks", processes, "--model",
                        options.model, "--image-size", SIZE, "--batch-size", options.shard, "--classes", CLASSES, "--steps", STEPS,
                        "--threads", 1, "--device", "cpu", *network)
    return [json.loads(line) for line in told.splitlines()]


def network_of(options):
    """As bench scale is told it, and as people are."""
    size = predict(options, 1, [])[0]["gradient_bytes"]
    times = message_times(options, size)
    rate = size / (times["full"] - times["empty"])
    return ["--network", f"{rate / 1e6:.1f}MB/s", "--latency", f"{1e6 * times['empty']:.2f}us"]


def train(options, processes, data, out):
    """Images a second, and the share of the time in which a process waited for others."""
    programs.run(*launched(processes), options.programs / "train", "--data", data, "--model", options.model, "--image-size", SIZE,
                 "--batch-size", options.shard * processes, "--set", f"training.shards={processes}", "--epochs", EPOCHS, "--threads", 1,
                 "--device", "cpu", "--quiet", "--out", out)
    lines = [json.loads(line) for line in (out / "timing.jsonl").read_text().splitlines()][1:]
    waiting = [line.get("waiting_seconds", 0.0) / (line["data_seconds"] + line["step_seconds"]) for line in lines]
    return statistics.mean(line["images_per_second"] for line in lines), statistics.mean(waiting)


def one_round(options, processes, network, data):
    rows = [line["cases"][0]["rows"][0]["today"] for line in predict(options, processes, network)]
    with tempfile.TemporaryDirectory() as folder:
        measured, waited = train(options, processes, data, pathlib.Path(folder, "run"))
    return {"measured": measured, "waited": waited, "predicted": statistics.mean(row["images_per_second"] for row in rows),
            "lost": statistics.mean(row["waiting"] + row["sending"] for row in rows)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--programs", type=pathlib.Path, default=programs.ROOT / "build/release/bin")
    parser.add_argument("--model", default="mobilenet_v2")
    parser.add_argument("--processes", nargs="+", type=int, default=[1, 2, 4])
    parser.add_argument("--shard", type=int, default=32, help="images of each process in a step")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    os.environ |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    with tempfile.TemporaryDirectory() as folder:
        data = pathlib.Path(folder, "images")
        write_noise(data)
        network = network_of(options)
        rounds = [{processes: one_round(options, processes, network, data) for processes in options.processes}
                  for _ in range(options.rounds)]
    print(f"{options.model}, {SIZE}x{SIZE}, {options.shard} images and one thread for each process, "
          f"{len(os.sched_getaffinity(0))} cores; bench scale {' '.join(network)}; medians of {options.rounds} rounds\n")
    print("| processes | measured | worked out | over measured, and its range | waited, measured | waiting and sending, worked out |\n"
          "|---|---|---|---|---|---|")
    for processes in options.processes:
        figures = [each[processes] for each in rounds]
        median = {key: statistics.median(each[key] for each in figures) for key in figures[0]}
        ratios = sorted(each["predicted"] / each["measured"] for each in figures)
        print(f"| {processes} | {median['measured']:.0f} images/s | {median['predicted']:.0f} images/s | "
              f"{statistics.median(ratios):.2f} ({ratios[0]:.2f}–{ratios[-1]:.2f}) | {median['waited']:.1%} | {median['lost']:.1%} |")


if __name__ == "__main__":
    sys.exit(main())

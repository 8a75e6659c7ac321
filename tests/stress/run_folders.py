"""Runs against each other and against SIGKILL: who owns a run's folder, and what TensorBoard shows of it.

    python3 tests/stress/run_folders.py [--train build/release/bin/train] [--rounds 20] [--kills 50]

1. ROUNDS times four runs that begin at once without --out: each has a folder of its own, with all its files whole.
2. ROUNDS times --overwrite and a plain second run against a live run: both refused with the process that holds the
   folder, and the live run ends as if nothing had happened.
3. KILLS times SIGKILL at random moments with TensorBoard on: after every resume that ends, and at the end of all, the
   points of the event files are those of metrics.jsonl, and the run ends with the bits of one left in peace.

A few minutes. Needs nothing but the standard library; tests/tools/train_lock_test.cpp and train_own_files_test.cpp have
a short form of each.
"""

import argparse
import json
import os
import pathlib
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time

POINTS = {"loss/train": "train_loss", "loss/validation": "val_loss", "accuracy/train": "train_accuracy",
          "accuracy/validation": "val_accuracy", "accuracy/validation_top5": "val_top5",
          "judged/loss": "val_loss", "judged/accuracy": "val_accuracy",
          "schedule/learning_rate": "learning_rate", "schedule/momentum": "momentum"}


def write_data(folder):
    """Three classes of noise whose brightness tells the class, as PPM files of 16 x 16 pixels."""
    generator = random.Random(1)
    for part, count in (("train", 24), ("val", 6)):
        for label in range(3):
            place = folder / part / f"class-{label}"
            place.mkdir(parents=True)
            for i in range(count):
                pixels = bytes(generator.randrange(120) + 40 * label for _ in range(16 * 16 * 3))
                (place / f"{i}.ppm").write_bytes(b"P6\n16 16\n255\n" + pixels)


def start(arguments, folder, more):
    command = [os.path.abspath(arguments.train), "--data", "data", "--cache", "cache", "--image-size", "16", "--batch-size", "12",
               "--threads", "1", "--quiet", *more]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def end(process, wanted=0):
    out, errors = process.communicate()
    if process.returncode != wanted:
        sys.exit(f"{' '.join(process.args)} ended with {process.returncode}, not {wanted}: {errors}")
    return errors


def lines_of(file):
    content = file.read_bytes()
    assert b"\0" not in content, f"{file} has NUL bytes"
    return [json.loads(line) for line in content.splitlines()]


def check_whole(run, epochs):
    """All files of a finished run that nobody else has written into."""
    assert [line["epoch"] for line in lines_of(run / "metrics.jsonl")] == list(range(1, epochs + 1)), run
    assert [line["epoch"] for line in lines_of(run / "timing.jsonl")] == list(range(1, epochs + 1)), run
    assert [line["step"] for line in lines_of(run / "steps.jsonl")] == list(range(1, 6 * epochs + 1)), run
    json.loads((run / "run.json").read_text())
    for weights in ("last.safetensors", "best.safetensors"):
        content = (run / weights).read_bytes()
        json.loads(content[8:8 + struct.unpack("<Q", content[:8])[0]])
    assert not (run / ".lock").exists(), run


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7f) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def fields(data):
    """A protocol buffer message's fields by their numbers: integers and bytes."""
    found, at = {}, 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            found[key >> 3], at = varint(data, at)
            continue
        size = {1: 8, 5: 4}.get(kind)
        if size is None:
            size, at = varint(data, at)
        found[key >> 3] = data[at:at + size]
        at += size
    return found


def event_points(run):
    """Each tag's (step, value), as TensorBoard reads them: all files by their names, a session's start voiding what was
    read from its step on."""
    points = {}
    for file in sorted(path for path in run.iterdir() if "tfevents" in path.name):
        data, at = file.read_bytes(), 0
        while at + 12 <= len(data):
            length, = struct.unpack_from("<Q", data, at)
            if at + 12 + length + 4 > len(data):
                break
            event = fields(data[at + 12:at + 12 + length])
            at += 12 + length + 4
            step = event.get(2, 0)
            if 7 in event:
                points = {tag: [point for point in values if point[0] < step] for tag, values in points.items()}
            if 5 in event:
                value = fields(fields(event[5])[1])
                if 2 in value:
                    points.setdefault(value[1].decode(), []).append((step, struct.unpack("<f", value[2])[0]))
    return points


def check_events(run):
    def as_float32(value):
        return struct.unpack("<f", struct.pack("<f", value))[0]
    metrics, timing = lines_of(run / "metrics.jsonl"), lines_of(run / "timing.jsonl")
    wanted = {tag: [(line["step"], as_float32(line[key])) for line in metrics] for tag, key in POINTS.items()}
    wanted["speed/images_per_second"] = [(line["step"], as_float32(time["images_per_second"]))
                                         for line, time in zip(metrics, timing)]
    wanted["gradient/norm"] = [(line["step"], as_float32(line["gradient_norm"]))
                               for line in lines_of(run / "steps.jsonl") if metrics and line["step"] <= metrics[-1]["step"]]
    points = event_points(run)
    if points != (wanted if metrics else {}):
        sys.exit(f"{run}: TensorBoard shows {points}, the logs say {wanted}")
    return len(metrics) * len(wanted)


def start_at_once(arguments, folder):
    for number in range(arguments.rounds):
        before = set((folder / "runs").glob("*")) if (folder / "runs").exists() else set()
        processes = [start(arguments, folder, ["--epochs", "2", "--seed", str(seed)]) for seed in range(4)]
        for process in processes:
            end(process)
        new = set((folder / "runs").glob("*")) - before
        assert len(new) == 4, (number, new)
        for run in new:
            check_whole(run, 2)
        assert {json.loads((run / "run.json").read_text())["seed"] for run in new} == {0, 1, 2, 3}
    print(f"{arguments.rounds} rounds of 4 runs started at once: {4 * arguments.rounds} folders, each whole", flush=True)


def wait_for(condition, process):
    while not condition() and process.poll() is None:
        time.sleep(0.002)


def overwrite_live(arguments, folder, moments):
    refused = 0
    run = folder / "live"
    for _ in range(arguments.rounds):
        live = start(arguments, folder, ["--out", "live", "--overwrite", "--epochs", "40"])
        wait_for((run / ".lock").exists, live)
        time.sleep(moments.uniform(0.0, 0.15))
        others = [start(arguments, folder, ["--out", "live", "--epochs", "40", *more])
                  for more in (["--overwrite"], [], ["--allow-changes"])]
        for other in others:
            errors = end(other, 2)
            assert f"process {live.pid} is writing there" in errors, errors
            refused += 1
        end(live)
        check_whole(run, 40)
    print(f"{arguments.rounds} rounds against a live run: {refused} of {refused} refused, every live run whole", flush=True)


def kill(arguments, folder, moments):
    more = ["--epochs", "60", "--tensorboard", "--set", "training.checkpoint_minutes=0.0"]
    began = time.monotonic()
    end(start(arguments, folder, ["--out", "whole", *more]))
    length = time.monotonic() - began
    check_events(folder / "whole")
    kills = rounds = points = 0
    while kills < arguments.kills:
        name = f"killed-{rounds}"
        rounds += 1
        for attempt in range(1000):
            process = start(arguments, folder, ["--out", name, *more])
            try:
                process.wait(moments.uniform(0.02, 0.4) * length)
            except subprocess.TimeoutExpired:
                if kills < arguments.kills:
                    process.send_signal(signal.SIGKILL)
            process.communicate()
            if process.returncode == 0:
                break
            assert process.returncode == -signal.SIGKILL, process.returncode
            kills += 1
            if attempt % 3 == 2:  # a resume that stops soon has put things in order, too
                steps = str(max((line["step"] for line in lines_of(folder / name / "metrics.jsonl")), default=0) + 5)
                end(start(arguments, folder, ["--out", name, *more, "--max-steps", steps]))
                points += check_events(folder / name)
        points += check_events(folder / name)
        check_whole(folder / name, 60)
        for file in ("metrics.jsonl", "steps.jsonl", "last.safetensors", "best.safetensors"):
            if (folder / name / file).read_bytes() != (folder / "whole" / file).read_bytes():
                sys.exit(f"{file} of {name} differs from the undisturbed run's")
    print(f"{kills} kills in {rounds} runs: {points} points of TensorBoard compared with metrics.jsonl, all the same; the "
          "runs end with the same bits", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", default="build/release/bin/train")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    moments = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_data(folder / "data")
        start_at_once(arguments, folder)
        overwrite_live(arguments, folder, moments)
        kill(arguments, folder, moments)


if __name__ == "__main__":
    main()

"""Reads event files with TensorBoard's own reader, and prints each tag's values.

    pip install tensorboard
    python tests/peers/check_tensorboard.py runs/…            what TensorBoard shows of a run
    python tests/peers/check_tensorboard.py --metrics runs/…  the same, each point compared with metrics.jsonl
    python tests/peers/check_tensorboard.py --selftest PROGRAM   of the files that tools_tests leaves (see below)

With --selftest, PROGRAM is build/release/bin/tools_tests: its test case `tensorboard: a folder to read back` writes a run
that was killed after step 20 and went on from step 11, and this script compares every value.

"""

import argparse
import json
import os
import struct
import subprocess
import sys
import tempfile

import golden_folder  # noqa: F401
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def read(folder):
    events = EventAccumulator(folder, size_guidance={"scalars": 0, "images": 0})
    events.Reload()
    return events


def show(folder):
    events = read(folder)
    for tag in events.Tags()["scalars"]:
        values = events.Scalars(tag)
        print(f"{tag}: {len(values)} values, step {values[0].step} {values[0].value:g} … step {values[-1].step} {values[-1].value:g}")
    for tag in events.Tags()["images"]:
        for image in events.Images(tag):
            print(f"{tag}: step {image.step}, {image.width}×{image.height}, {len(image.encoded_image_string)} bytes")
    return 0 if events.Tags()["scalars"] else 1


def compare(folder):
    """Each point with its line of metrics.jsonl, as 32-bit numbers."""
    keys = {"loss/train": "train_loss", "loss/validation": "val_loss", "accuracy/train": "train_accuracy",
            "accuracy/validation": "val_accuracy", "accuracy/validation_top5": "val_top5",
            "judged/loss": "val_loss", "judged/accuracy": "val_accuracy",
            "schedule/learning_rate": "learning_rate", "schedule/momentum": "momentum"}
    with open(os.path.join(folder, "metrics.jsonl"), encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    events = read(folder)
    for tag, key in keys.items():
        points = [(each.step, each.value) for each in events.Scalars(tag)]
        wanted = [(line["step"], struct.unpack("<f", struct.pack("<f", line[key]))[0]) for line in lines]
        assert points == wanted, (tag, points, wanted)
    print(f"{folder}: TensorBoard shows the {len(lines)} epochs of metrics.jsonl, {len(lines) * len(keys)} points")
    return 0


def check(program):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([program, "-tc=tensorboard: a folder to read back"], check=True, stdout=subprocess.DEVNULL,
                       env={**os.environ, "VITRINE_TENSORBOARD_FOLDER": folder})
        events = read(folder)
        loss = [(each.step, each.value, each.wall_time) for each in events.Scalars("train/loss")]
        assert loss == [(step, (1.0 if step < 11 else 2.0) + step, 1000.0 + step) for step in range(1, 31)], loss
        image, = events.Images("preview")
        assert (image.step, image.width, image.height) == (0, 200, 3), image
        assert image.encoded_image_string.startswith(b"\x89PNG")
        assert events.file_version == 2.0
    print("TensorBoard reads 30 scalars, the killed run's 10 void ones left out, and the image")
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", help="a run's folder, or with --selftest the test program")
    parser.add_argument("--selftest", action="store_true")
    parser.add_argument("--metrics", action="store_true")
    arguments = parser.parse_args()
    what = check if arguments.selftest else compare if arguments.metrics else show
    sys.exit(what(arguments.path))

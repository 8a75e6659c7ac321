"""Reads event files with TensorBoard's own reader, and prints each tag's values.

    pip install tensorboard
    python tests/peers/check_tensorboard.py runs/…            what TensorBoard shows of a run
    python tests/peers/check_tensorboard.py --selftest PROGRAM   of the files that tools_tests leaves (see below)

With --selftest, PROGRAM is build/release/bin/tools_tests: its test case `tensorboard: a folder to read back` writes a run
that was killed after step 20 and went on from step 11, and this script compares every value.
"""

import argparse
import os
import subprocess
import sys
import tempfile

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
    arguments = parser.parse_args()
    sys.exit(check(arguments.path) if arguments.selftest else show(arguments.path))

"""Kills a run of train with SIGKILL at random moments, some of them while a checkpoint is being written, resumes it each
time, and compares weights and metrics with those of an undisturbed run, byte by byte.

    python tests/peers/kill_test.py [--kills 30] [--train build/release/bin/train] [--seed 0]
"""

import argparse
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

RECIPE = """
seed = 4
[data]
image_size = 32
[model]
name = "mobilenet_v2"
width_mult = 0.35
[transforms]
augment = [ { op = "random_horizontal_flip" }, { op = "rand_augment" } ]
noise = { op = "poisson_noise", rate = 5 }
batch = { mixup = 0.2, cutmix = 1.0 }
[training]
batch_size = 16
label_smoothing = 0.1
ema_decay = 0.99
clip_norm = 2.0
checkpoint_minutes = 0.0
watch = 4
[[phase]]
name = "first"
epochs = 2
lr = 0.02
scheduler = { kind = "cosine", per = "batch" }
warmup = { length = 5, start_factor = 0.1, per = "batch" }
hold = { length = 9, per = "batch" }
[[phase]]
name = "second"
epochs = 2
lr = 0.01
scheduler = { kind = "reduce_on_plateau", metric = "val_accuracy", patience = 0, per = "epoch" }
start_from = "best"
"""
COMPARED = ["metrics.jsonl", "steps.jsonl", "watch.jsonl", "last.safetensors", "best.safetensors"]


def write_data(folder, classes=10, images=40):
    """Noise whose brightness tells the class, as binary PPM files of 32 x 32 pixels."""
    generator = random.Random(1)
    for label in range(classes):
        place = folder / f"class-{label}"
        place.mkdir(parents=True)
        for i in range(images):
            pixels = bytes(generator.randrange(60) + 20 * label for _ in range(32 * 32 * 3))
            (place / f"{i}.ppm").write_bytes(b"P6\n32 32\n255\n" + pixels)


def start(train, folder, name):
    command = [train, str(folder / "recipe.toml"), "--data", str(folder / "data"), "--cache", str(folder / "cache"),
               "--out", str(folder / name), "--quiet"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finish(process):
    _, errors = process.communicate()
    if process.returncode != 0:
        sys.exit(f"train ended with {process.returncode}: {errors.decode()}")


def is_being_written(folder):
    return any(path.suffix == ".tmp" for path in (folder / "checkpoints").glob("*"))


def kill_once(process, folder, moment, in_checkpoint):
    """Returns whether a checkpoint was being written when it was killed; None if it had ended before."""
    deadline = time.monotonic() + moment
    while process.poll() is None:
        writing = is_being_written(folder)
        if time.monotonic() >= deadline and (writing or not in_checkpoint):
            process.send_signal(signal.SIGKILL)
            process.wait()
            return is_being_written(folder)
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--train", default="build/release/bin/train")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    moments = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "recipe.toml").write_text(RECIPE)
        write_data(folder / "data")
        began = time.monotonic()
        finish(start(arguments.train, folder, "whole"))
        length = time.monotonic() - began
        print(f"undisturbed run: {length:.1f} s")
        kills = in_checkpoint = 0
        rounds = 0
        while kills < arguments.kills:
            # Several folders, so that there is always something left to kill.
            target = f"killed-{rounds}"
            rounds += 1
            while kills < arguments.kills:
                process = start(arguments.train, folder, target)
                wanted = kills % 3 == 0
                caught = kill_once(process, folder / target, moments.uniform(0.02, 0.35) * length, wanted)
                if caught is None:
                    break
                kills += 1
                in_checkpoint += caught
            finish(start(arguments.train, folder, target))
            for file in COMPARED:
                if (folder / target / file).read_bytes() != (folder / "whole" / file).read_bytes():
                    sys.exit(f"{file} differs from the undisturbed run's after {kills} kills")
        print(f"{kills} kills in {rounds} runs, {in_checkpoint} of them while a checkpoint was being written: all files "
              "the same")


if __name__ == "__main__":
    main()

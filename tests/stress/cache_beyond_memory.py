"""Trains from a packed cache that is four times as large as the memory left for it, and without a limit, in turns.

    sudo python3 tests/stress/cache_beyond_memory.py [--train build/release/bin/train] [--rounds 3] [--images 3000]
        [--side 256] [--crop 64] [--threads N]

Images of tools/make_image_folder.py are kept at SIDE pixels and cut to CROP by random_resized_crop, so that a step reads
many more bytes than it trains on: MobileNetV2, one epoch a run. The limit is that of a cgroup (version 1 or 2, as root):
what the program itself took without one, and a quarter of the cache. Each run begins with the cache out of memory.
Prints the images/s and the bytes read from the disk of each run, and the median of the limited ones over that of the
others; the exit code is 1 where that is below 0.9.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Group:
    """A control group that limits the memory of what is started in it, page cache included."""

    def __init__(self):
        first = pathlib.Path("/sys/fs/cgroup/memory")
        self.is_first = first.is_dir()
        self.path = (first if self.is_first else pathlib.Path("/sys/fs/cgroup")) / f"vitrine-{os.getpid()}"
        self.path.mkdir()

    def limit(self, bytes_of_memory):
        file = "memory.limit_in_bytes" if self.is_first else "memory.max"
        unlimited = "-1" if self.is_first else "max"
        (self.path / file).write_text(str(bytes_of_memory) if bytes_of_memory else unlimited)

    def own_bytes(self):
        """What no file stands behind."""
        values = dict(line.split() for line in (self.path / "memory.stat").read_text().splitlines())
        return int(values["rss" if self.is_first else "anon"])

    def enter(self):
        (self.path / "cgroup.procs").write_text(str(os.getpid()))

    def remove(self):
        self.path.rmdir()


class Peak(threading.Thread):
    def __init__(self, group):
        super().__init__(daemon=True)
        self.group, self.bytes, self.ending = group, 0, threading.Event()

    def run(self):
        while not self.ending.wait(0.1):
            self.bytes = max(self.bytes, self.group.own_bytes())


def forget(cache):
    """Takes the cache's pages out of memory."""
    for file in cache.iterdir():
        descriptor = os.open(file, os.O_RDONLY)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def bytes_read(process):
    for line in pathlib.Path(f"/proc/{process.pid}/io").read_text().splitlines():
        if line.startswith("read_bytes"):
            return int(line.split()[1])


def train(arguments, folder, limit):
    """Images/s, bytes read from the disk, bytes of the program's own memory."""
    group, out = Group(), folder / "run"
    shutil.rmtree(out, ignore_errors=True)
    group.limit(limit)
    command = [arguments.train, folder / "recipe.toml", "--data", folder / "data", "--cache", folder / "cache", "--out", out,
               "--threads", arguments.threads, "--quiet"]
    read = 0
    try:
        forget(folder / "cache")
        process = subprocess.Popen([str(part) for part in command], preexec_fn=group.enter, stdout=subprocess.DEVNULL)
        peak = Peak(group)
        peak.start()
        while process.poll() is None:
            try:
                read = bytes_read(process) or read
            except OSError:
                pass
            time.sleep(0.1)
        peak.ending.set()
        peak.join()
        if process.returncode != 0:
            sys.exit(f"training ended with {process.returncode}")
    finally:
        group.remove()
    epochs = [json.loads(line) for line in (out / "timing.jsonl").read_text().splitlines()]
    return epochs[-1]["images_per_second"], read, peak.bytes


def prepare(arguments, folder):
    classes = 30
    subprocess.run([sys.executable, ROOT / "tools/make_image_folder.py", folder / "data", "--classes", str(classes), "--train",
                    str(arguments.images // classes), "--val", "2"], check=True, stdout=subprocess.DEVNULL)
    (folder / "cache").mkdir()
    (folder / "recipe.toml").write_text(f"""[data]
image_size = {arguments.side}
[transforms]
resize = {arguments.crop}
augment = [{{ op = "random_resized_crop", size = {arguments.crop} }}]
[model]
name = "mobilenet_v2"
[training]
batch_size = 32
[[phase]]
name = "only"
epochs = 1
lr = 0.01
""")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=pathlib.Path, default=ROOT / "build/release/bin/train")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=3000)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--crop", type=int, default=64)
    parser.add_argument("--threads", type=int, default=0)
    arguments = parser.parse_args()
    arguments.train = arguments.train.resolve()
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as name:
        folder = pathlib.Path(name)
        prepare(arguments, folder)
        _, _, own = train(arguments, folder, None)  # makes the cache
        cache = sum(file.stat().st_size for file in (folder / "cache").iterdir())
        speeds = {None: [], "limited": []}
        for _ in range(arguments.rounds):
            speed, read, own = train(arguments, folder, None)
            print(f"no limit: {speed:.1f} images/s, {read >> 20} MiB read, {own >> 20} MiB of its own", flush=True)
            speeds[None].append(speed)
            limit = own + cache // 4
            speed, read, _ = train(arguments, folder, limit)
            print(f"{limit >> 20} MiB: {speed:.1f} images/s, {read >> 20} MiB read", flush=True)
            speeds["limited"].append(speed)
    share = statistics.median(speeds["limited"]) / statistics.median(speeds[None])
    print(f"a cache of {cache >> 20} MiB, a quarter of it in memory: {share:.3f} of the speed (medians of {arguments.rounds})")
    sys.exit(0 if share >= 0.9 else 1)


if __name__ == "__main__":
    main()

"""Files between Vitrine and several versions of PyTorch, both ways.

    python tests/peers/compare_versions.py PYTHON … [--bin build/release/bin]

PYTHON is the interpreter of an environment with PyTorch alone; each version has its own. Each writes a BasicBlockNet in every
layout that people use (torch_layouts.py), its optimiser in some. Vitrine reads each (`export`, and `train --init
--init-optimizer` where there is an optimiser), refuses by name what it must, and writes it for PyTorch, which loads it with strict=True,
and weights_only=True where it knows that: all numbers must be the same, to the bit. This script itself needs nothing.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

from programs import ROOT, run

LAYOUTS = ROOT / "tests/peers/torch_layouts.py"
MODEL = ["--model", "basic_block_net", "--image-size", 24]


def write_images(folder):
    """Five classes of a grey image each: without pip, so without tools/make_image_folder.py."""
    for number in range(5):
        for part in ("train", "val"):
            path = folder / part / f"class {number}"
            path.mkdir(parents=True)
            for copy in range(2):
                (path / f"{copy}.pgm").write_bytes(b"P5 24 24 255\n" + bytes([40 * number + copy]) * 24 * 24)


def take_optimizer(programs, data, file, folder):
    """A run that begins with it; its checkpoint of before the first step, for PyTorch."""
    out = folder / f"{file}-out"
    run(programs / "train", "--data", data, *MODEL, "--init", folder / f"{file}.pth", "--init-optimizer", "--max-steps", 1,
        "--epochs", 1, "--batch-size", 10, "--lr", 1e-3, "--device", "cpu", "--quiet", "--out", out)
    run(programs / "export", out / "checkpoints/step-000000000.safetensors", "--to", "pth", "--optimizer", "--output",
        folder / f"{file}-run.pth")


def is_refused(programs, file, sentence):
    command = [str(part) for part in (programs / "export", file, "--to", "safetensors", *MODEL)]
    finished = subprocess.run(command, capture_output=True, text=True)
    return finished.returncode == 2 and sentence in finished.stderr and finished.stderr.count("\n") == 1


def compare(programs, python, data, folder):
    """A row of the table, and what differs."""
    run(python, LAYOUTS, "write", folder)
    known = json.loads((folder / "layouts.json").read_text())
    for layout in known["read"].values():
        run(programs / "export", folder / f"{layout['file']}.pth", "--to", "pth", *MODEL, "--output",
            folder / f"{layout['file']}-back.pth")
        if layout["optimizer"]:
            take_optimizer(programs, data, layout["file"], folder)
    taken = [name for name, each in known["refused"].items()
             if not is_refused(programs, folder / f"{each['file']}.pth", each["sentence"])]
    reading = subprocess.run([python, str(LAYOUTS), "read", str(folder)], capture_output=True, text=True)
    if not reading.stdout:
        sys.exit(f"compare_versions: {python}: {reading.stderr.strip()}")
    counts = json.loads(reading.stdout)
    cells = (known["version"], known["python"], counts["weights"], counts["optimizers"], len(known["refused"]) - len(taken),
             "all" if counts["weights_only"] else "weights; it reads no optimiser of its own with it")
    return cells, counts["wrong"] + [f"{name}: not refused" for name in taken]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pythons", nargs="+", metavar="PYTHON")
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin")
    options = parser.parse_args()
    print("| PyTorch | Python | layouts there and back | with the optimiser | refused by name | weights_only=True |")
    print("|---|---|---|---|---|---|")
    differing = []
    with tempfile.TemporaryDirectory() as folder:
        data = pathlib.Path(folder, "images")
        write_images(data)
        for number, python in enumerate(options.pythons):
            place = pathlib.Path(folder, str(number))
            place.mkdir()
            cells, wrong = compare(options.bin, python, data, place)
            print("| " + " | ".join(map(str, cells)) + " |", flush=True)
            differing += [f"{cells[0]}: {each}" for each in wrong]
    if differing:
        sys.exit("compare_versions: " + "; ".join(differing))


if __name__ == "__main__":
    main()

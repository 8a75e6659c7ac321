"""Whether two builds of train compute the same: ten recipes to the end with each, every file that holds numbers compared.

    python3 tests/stress/same_bits.py OTHER/train [--train build/release/bin/train] [--device cpu]

For a change of how a step is computed that should not change what it computes. For each recipe: metrics.jsonl,
steps.jsonl, watch.jsonl where there is one, the weights and every checkpoint byte by byte; where they differ, by how much, tensor by
tensor. About a minute. Needs nothing but the standard library. Exit codes: 0 all the same; 1 something differs.
"""

import argparse
import array
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from run_folders import write_data

FLIP = '[transforms]\naugment = [{ op = "random_horizontal_flip" }]\n'
ONE_PHASE = '[[phase]]\nepochs = 2\nlr = 0.05\n'
RECIPES = {
    "plain": ONE_PHASE,
    "momentum-free": ONE_PHASE + "momentum = 0.0\nweight_decay = 1e-3\n",
    "nesterov": ONE_PHASE + "nesterov = true\ndecay_norms_and_biases = false\n",
    "ema": "[training]\nema_decay = 0.9\n" + ONE_PHASE,
    "clipping": "[training]\nclip_norm = 0.5\n" + ONE_PHASE,
    "outliers": "[training]\nskip_outliers = 1.1\n" + ONE_PHASE,
    "accumulation": "[training]\naccumulate = 2\nclip_norm = 1.0\n" + ONE_PHASE,
    "mixup": "[transforms]\nbatch = { mixup = 0.2, cutmix = 1.0 }\n[training]\nlabel_smoothing = 0.1\n" + ONE_PHASE,
    "phases": "[training]\nema_decay = 0.9\n" + FLIP + ONE_PHASE +
              '[[phase]]\nepochs = 2\nlr = 0.01\nmomentum = 0.5\nstart_from = "best"\nreset_momentum = true\n',
    "mobilenet": '[model]\nname = "mobilenet_v2"\nwidth_mult = 0.25\n[training]\nema_decay = 0.9\nclip_norm = 5.0\nwatch = 3\n' +
                 ONE_PHASE,
}
LOGS = ["metrics.jsonl", "steps.jsonl"]
WATCHED = "watch.jsonl"  # where a recipe asks for it


def train(program, folder, name, out, device):
    recipe = folder / f"{name}.toml"
    recipe.write_text(RECIPES[name])
    command = [os.path.abspath(program), recipe.name, "--data", "data", "--cache", "cache", "--image-size", "32",
               "--batch-size", "8", "--threads", "1", "--quiet", "--device", device, "--out", out]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {done.stderr}")


def tensors_of(file):
    content = file.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8:8 + length])
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            yield name, entry["dtype"], content[8 + length + begin:8 + length + end]


def numbers(dtype, content):
    return array.array({"F32": "f", "F64": "d"}[dtype], content) if dtype in ("F32", "F64") else array.array("B", content)


def largest_difference(one, other):
    """The largest relative difference of a tensor's elements, measured by its largest element, and where."""
    others = {name: (dtype, content) for name, dtype, content in tensors_of(other)}
    worst = (0.0, "the metadata")
    for name, dtype, content in tensors_of(one):
        if name not in others or others[name][0] != dtype or len(others[name][1]) != len(content):
            return float("inf"), f"{name} (another tensor)"
        a, b = numbers(dtype, content), numbers(dtype, others[name][1])
        scale = max((abs(x) for x in a), default=0.0) or 1.0
        worst = max(worst, (max((abs(x - y) for x, y in zip(a, b)), default=0.0) / scale, name))
    return worst


def differences(one, other):
    logs = LOGS + ([WATCHED] if (one / WATCHED).exists() else [])
    for file in logs + sorted(str(f.relative_to(one)) for f in one.rglob("*.safetensors")):
        if (one / file).read_bytes() == (other / file).read_bytes():
            continue
        if file in logs:
            yield f"{file} differs"
        else:
            by, where = largest_difference(one / file, other / file)
            yield f"{file} differs by {by:.2g} in {where}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("other")
    parser.add_argument("--train", default="build/release/bin/train")
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    differing = 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_data(folder / "data")
        for recipe in RECIPES:
            train(arguments.train, folder, recipe, f"one-{recipe}", arguments.device)
            train(arguments.other, folder, recipe, f"other-{recipe}", arguments.device)
            found = list(differences(folder / f"one-{recipe}", folder / f"other-{recipe}"))
            differing += bool(found)
            print(f"{recipe}: {'; '.join(found) if found else 'the same bits'}", flush=True)
    sys.exit(1 if differing else 0)


if __name__ == "__main__":
    main()

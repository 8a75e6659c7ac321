"""Runs every command of every README as a newcomer would, among a few small images: shortened where it is long.

    python3 tests/scripts/readme_commands.py [--bin build/release/bin] [--only TEXT] [--keep]

A command is a line of a block of code, or a span of code that begins with a program and has arguments. Each is in the table of
those that run, or in that of those that do not, with the reason; a command that is in neither fails, and so does one that no
README has any more. What else stands in blocks is checked, too: Python for its syntax (and run, where PyTorch, torchvision and
safetensors are installed), parts of recipes by reading them.

Exit codes: 0 all of it holds; 1 something does not.
"""

import argparse
import ast
import concurrent.futures
import importlib.util
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

from readme_command_tables import NOT_RUN, OTHER_BLOCKS, RUN
from readmes import ROOT, readmes, split, tables

PROGRAM = (r"(build/release/bin/\w+|train|predict|report|gradcheck|bench|resources|python3?|cmake|ninja|ctest|pip|"
           r"[\w/]+\.sh|\w[\w/]*\.py|[A-Z_]+=\S+|\w+_tests)")
SECONDS = 300


def command_in(line):
    """Without the words beside it, which follow two spaces or a number sign."""
    return re.split(r"\s+#|\s{2,}(?=[^\s])", line.strip())[0].strip()


def kind_of(block):
    """What a block holds that is no commands; None for commands."""
    return next((kind for (readme, beginning), kind in OTHER_BLOCKS.items()
                 if readme == str(block.readme) and block.lines[0].startswith(beginning)), None)


def commands_of(readme):
    """Each once, in their order."""
    prose, blocks = split(readme)
    found = []
    for block in blocks:
        if kind_of(block) is None:
            found += [command_in(line) for line in block.lines if line.strip() and not line.startswith(" ")]
    for span in re.findall(r"`([^`]+)`", " ".join(prose.values())):
        if re.match(PROGRAM + r" \S", span):
            found.append(span)
    return list(dict.fromkeys(found))


def write_images(folder):
    """Two classes that differ in brightness, 16 training and 6 validation images each, of 16×16 pixels."""
    rng = random.Random(1)
    for part, count in (("train", 16), ("val", 6)):
        for label, level in (("dark", 60), ("light", 180)):
            place = folder / part / label
            place.mkdir(parents=True)
            for i in range(count):
                pixels = bytes(max(0, min(255, level + rng.randint(-50, 50))) for _ in range(16 * 16 * 3))
                (place / f"{part}_{label}_{i}.ppm").write_bytes(b"P6\n16 16\n255\n" + pixels)


class Place:
    """A copy of the repository's root as it is after a build, with images, and some runs on them."""

    def __init__(self, folder, programs):
        self.folder = folder
        (folder / "build/release").mkdir(parents=True)
        (folder / "build/release/bin").symlink_to(programs)
        for name in ("tools", "lab", "tests", "kernels", "data", "engine", "models"):
            (folder / name).symlink_to(ROOT / name)
        (folder / "python").mkdir()
        for name in ("python", "python3"):
            # Not a link: a virtual environment knows itself by its program's path.
            (folder / "python" / name).write_text(f"#!/bin/sh\nexec '{sys.executable}' \"$@\"\n")
            (folder / "python" / name).chmod(0o755)
        self.environment = {**os.environ, "PATH": f"{programs}:{folder}/python:{os.environ['PATH']}",
                            "XDG_CACHE_HOME": str(folder / "cache"), "TMPDIR": str(folder)}
        self.environment.pop("CUDA_VISIBLE_DEVICES", None)
        write_images(folder / "photos")
        shutil.copytree(folder / "photos", folder / "PHOTOS")
        shutil.copytree(folder / "photos/val", folder / "new_photos")
        shutil.copy(folder / "photos/val/dark/val_dark_0.ppm", folder / "holiday.jpg")

    def start(self, command, **streams):
        return subprocess.run(["bash", "-c", command], cwd=self.folder, env=self.environment, text=True, errors="replace",
                              timeout=SECONDS, stdin=subprocess.DEVNULL, **streams)

    def output(self, command):
        """The exit code, and what a terminal would show."""
        done = self.start(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode, done.stdout

    def run(self, command):
        try:
            done = self.start(command, capture_output=True)
        except subprocess.TimeoutExpired:
            return f"no end after {SECONDS} seconds"
        if done.returncode == 0:
            return ""
        words = (done.stderr.strip() or done.stdout.strip()).splitlines()[-5:]
        return f"exit code {done.returncode}: " + "\n    ".join(words)

    def train_some(self):
        """What commands about finished runs need; the two models, one epoch each."""
        for name in ("stage1", "mobile"):
            model = "mobilenet_v2" if name == "mobile" else "basic_block_net"
            problem = self.run(f"train --data photos --model {model} --image-size 32 --batch-size 8 --epochs 1 "
                               f"--device cpu --quiet --out runs/{name}")
            if problem:
                sys.exit(f"readme_commands: the first run does not end: {problem}")
        for name in ("a", "b"):
            shutil.copytree(self.folder / "runs/stage1", self.folder / "runs" / name)
        shutil.copy(self.folder / "runs/mobile/best.safetensors", self.folder / "best.safetensors")


def table_problems(commands):
    """Commands in no table or in both, and lines of the tables that no README has."""
    problems = []
    there = {command for each in commands.values() for command in each}
    for readme, each in commands.items():
        for command in each:
            if command not in RUN and command not in NOT_RUN:
                problems.append(f"{readme}: `{command}` is in neither table of readme_command_tables.py")
    for name, table in (("RUN", RUN), ("NOT_RUN", NOT_RUN)):
        problems += [f"{name}: no README has `{command}` any more" for command in table if command not in there]
    problems += [f"`{command}` is in both tables" for command in RUN if command in NOT_RUN]
    beginnings = {(str(block.readme), block.lines[0]) for readme in readmes() for block in split(readme)[1]}
    problems += [f"OTHER_BLOCKS: {readme} has no block that begins with {beginning!r}" for readme, beginning in OTHER_BLOCKS
                 if not any(r == readme and line.startswith(beginning) for r, line in beginnings)]
    return problems


def has_torch():
    return all(importlib.util.find_spec(name) for name in ("torch", "torchvision", "safetensors"))


def check_python(block, place):
    code = "\n".join(block.lines)
    try:
        ast.parse(code)
    except SyntaxError as error:
        return f"{block.readme}:{block.line}: {error}"
    if not has_torch():
        return ""
    if "import" not in code:  # the end of something that the other block shows whole
        code = ("import json, safetensors.torch, torchvision\n"
                "model = torchvision.models.mobilenet_v2(num_classes=2)\n" + code.replace("runs/…", "runs/mobile"))
    (place.folder / "block.py").write_text(code)
    return place.run("python block.py")


def check_recipe(block, place):
    """Each line that is a phase's is read by itself; a whole table as it stands."""
    text = "\n".join(block.lines)
    parts = [text] if text.startswith("[") else ["[[phase]]\n" + line for line in block.lines if line.strip()]
    for part in parts:
        (place.folder / "part.toml").write_text(part + "\n")
        problem = place.run("train part.toml --show-recipe")
        if problem:
            return f"{block.readme}:{block.line}: {problem}"
    return ""


def check_blocks(place):
    checks = {"python": check_python, "recipe": check_recipe}
    for readme in readmes():
        for block in split(readme)[1]:
            check = checks.get(kind_of(block))
            if check:
                problem = check(block, place)
                yield f"{block.readme}:{block.line}", problem


def check_implementations(place):
    """The tables of ops and implementations against gradcheck --list: every op is in a row with each of its names, variants of a
    name aside, and no row names another."""
    for readme, device in (("kernels/cpu/README.md", "cpu"), ("kernels/README.md", "simt")):
        place.run(f"gradcheck --list --device {device} > list")
        there = {}
        for line in (place.folder / "list").read_text().splitlines():
            kernel, names = line.split(": ")
            op = re.sub(r"_(forward|backward)$", "", kernel)
            there.setdefault(op, set()).update(re.sub(r"_(singles|\d+x\d+)$", "", name) for name in names.split())
        head = ("implementations", "rungs, fast ones first")
        rows = next(table for table in tables(readme) if table[0][0] == "op" and table[0][1] in head)[1:]
        said = {}
        for row in rows:
            for op in re.findall(r"`(\w+)`", row[0]):
                said[op] = set(re.findall(r"`(\w+)`", row[1])) - set(there)
        different = [f"{op}: {sorted(said.get(op, ()))} and not {sorted(there.get(op, ()))}" for op in sorted({*there, *said})
                     if not there.get(op, set()) <= said.get(op, set())]
        surplus = sorted(set().union(*said.values()) - set().union(*there.values()))
        if surplus:
            different.append(f"nothing is called {', '.join(surplus)}")
        yield readme, f"{readme} lists other implementations than there are: {'; '.join(different)}" if different else ""


def run_all(chosen, place):
    """Two at a time, (command, problem, seconds) in the order of the READMEs. What belongs together is joined in the table."""

    def one(command):
        began = time.monotonic()
        return command, place.run(RUN[command] or command), time.monotonic() - began

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        yield from pool.map(one, chosen)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin", help="the built programs")
    parser.add_argument("--only", default="", metavar="TEXT", help="only commands that contain this")
    parser.add_argument("--keep", action="store_true", help="keep the folder in which they ran")
    options = parser.parse_args()
    commands = {readme: commands_of(readme) for readme in readmes()}
    problems = table_problems(commands)
    chosen = [command for command in RUN if options.only in command]
    folder = pathlib.Path(tempfile.mkdtemp(prefix="readme_commands-"))
    try:
        place = Place(folder, options.bin.resolve())
        place.train_some()
        for command, problem, seconds in run_all(chosen, place):
            print(f"{'FAIL' if problem else 'ok':5}{seconds:6.1f} s  {command}", flush=True)
            if problem:
                problems.append(f"`{RUN[command] or command}`: {problem}")
        for where, problem in [*check_blocks(place), *check_implementations(place)]:
            print(f"{'FAIL' if problem else 'ok':5}          {where}")
            if problem:
                problems.append(problem)
    finally:
        if options.keep:
            print(f"kept in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(chosen)} commands ran, {len(NOT_RUN)} are listed with a reason why not, {len(problems)} problems; the Python "
          f"of the READMEs was {'run' if has_torch() else 'parsed only: PyTorch is not installed'}")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()

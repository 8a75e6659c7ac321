"""The command line of gpu_check."""

import argparse
import os
import pathlib
import shutil
import sys


def whole(low: int, high: int):
    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"'{text}': a whole number from {low} to {high} is allowed")
        return value

    return parse


def parse(arguments: list[str]) -> argparse.Namespace:
    """Exits with code 2 and a sentence where an argument cannot be."""
    parser = argparse.ArgumentParser(
        prog="tools/gpu_check.sh",
        description="Builds for the GPU of this machine, proves every kernel on it, trains and measures. Leaves a folder "
                    "with summary.md, results.json and a log of each check. Exit codes: 0 everything passed or was "
                    "skipped for a stated reason, 1 something failed, 2 there is no GPU or no nvcc, or an argument "
                    "cannot be, 130 and 143 ended by a signal.")
    parser.add_argument("folder", nargs="?", type=pathlib.Path, metavar="FOLDER",
                        help="where to leave it all [gpu_check-DATE-TIME]")
    parser.add_argument("--full", action="store_true", help="everything, however long it takes (about two hours)")
    parser.add_argument("--minutes", type=whole(1, 600), metavar="N",
                        help="end so many after the build; what does not fit is skipped [15 with the build, or 10 "
                             "after a long one]")
    parser.add_argument("--only", metavar="SECTION,…", help="only these sections, by the names that summary.md has")
    parser.add_argument("--gpu", type=whole(0, 1023), metavar="N",
                        help="which one, as nvidia-smi counts [the first, or that of CUDA_VISIBLE_DEVICES]")
    parser.add_argument("--programs", type=pathlib.Path, metavar="FOLDER",
                        help="take the programs of this folder (build/…/bin) and build nothing")
    parser.add_argument("--build", type=pathlib.Path, metavar="FOLDER", help="where to build [build/gpu_check]")
    parser.add_argument("--python", default=sys.executable, metavar="PROGRAM",
                        help="the Python whose PyTorch is the rival [the one of the path]")
    options = parser.parse_args(arguments)
    if options.full and options.minutes:
        parser.error("--full knows no limit: leave --minutes out")
    found = shutil.which(options.python)
    if found is None:
        parser.error(f"--python {options.python}: there is no such program")
    options.python = os.path.abspath(found)
    return options

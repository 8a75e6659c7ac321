"""Opens report.html of real and of made-up runs in headless Chromium, and looks: curves, values under pointer, finger and
keys, log scale, smoothing, runs that have just begun or failed, comparisons, widths, light and dark, and that the console
stays empty. `train` is looked for beside `report`.

    python3 tests/browser/check_report.py build/release/bin/report [--screenshots FOLDER]

Exits with 77, which CTest counts as skipped, where there is no Chromium.
"""

import argparse
import pathlib
import sys
import unittest

from comparison import Comparison
from devtools import find_chromium
from one_run import OneRun
from page_test import arguments
from real_runs import RealRuns
from rubbish import Rubbish
from watched_maps import WatchedMaps

__all__ = ["Comparison", "OneRun", "RealRuns", "Rubbish", "WatchedMaps"]  # for unittest

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=pathlib.Path, help="the program report")
    parser.add_argument("--screenshots", metavar="FOLDER", help="keep pictures of the pages, to look at")
    parser.add_argument("tests", nargs="*", help="OneRun.test_names_are_text, …; all where none is named")
    parser.parse_intermixed_args(namespace=arguments)
    if find_chromium() is None:
        print("SKIPPED: there is no Chromium here to look at the report with (apt-get install chromium-headless-shell)")
        sys.exit(77)
    unittest.main(argv=[sys.argv[0], *arguments.tests], verbosity=2)

"""Opens the page of `inspect step` in headless Chromium and goes through it: every op by keys and by clicks, tiles, elements,
parameters, what goes wrong, widths, light and dark, sizes, and that the console stays empty; and through the page that
`inspect step --serve` gives out.

    python3 tests/browser/check_inspect.py build/release/bin/inspect [--screenshots FOLDER]

Exits with 77, which CTest counts as skipped, where there is no Chromium.
"""

import argparse
import pathlib
import sys
import unittest

from devtools import find_chromium
from page_test import arguments
from served_page import ServedStepPage
from step_page import LargeStepPage, StepPage

__all__ = ["LargeStepPage", "ServedStepPage", "StepPage"]  # for unittest

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("inspect", type=pathlib.Path, help="the program inspect")
    parser.add_argument("--screenshots", metavar="FOLDER", help="keep pictures of the pages, to look at")
    parser.add_argument("tests", nargs="*", help="StepPage.test_every_op_by_keys_and_by_clicks, …; all where none is named")
    parser.parse_intermixed_args(namespace=arguments)
    if find_chromium() is None:
        print("SKIPPED: there is no Chromium here to look at the page with (apt-get install chromium-headless-shell)")
        sys.exit(77)
    unittest.main(argv=[sys.argv[0], *arguments.tests], verbosity=2)
